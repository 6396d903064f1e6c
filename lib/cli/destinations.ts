import { type Command, InvalidArgumentError } from 'commander';
import type { ResetTo } from '../client/groupsAdmin.ts';
import { parseDuration } from '../duration.ts';
import { integer, time } from './options.ts';

/** The ways of kafka-consumer-groups and kafka-streams-application-reset to say where positions are to go. */
export interface DestinationOptions {
  readonly toOffset?: number;
  readonly toEarliest?: true;
  readonly toLatest?: true;
  readonly toDatetime?: number;
  readonly byDuration?: number;
  readonly shiftBy?: number;
}

export const DESTINATIONS = "'--to-offset', '--to-earliest', '--to-latest', '--to-datetime', '--by-duration'";

export function addDestinations(command: Command): Command {
  return command
    .option('--to-offset <offset>', 'to this offset', integer(0))
    .option('--to-earliest', 'to the log start')
    .option('--to-latest', 'to the end')
    .option(
      '--to-datetime <time>',
      'to the first record that is not older: RFC 3339, or ms since 1970; to the end if there is none',
      time,
    )
    .option('--by-duration <duration>', 'the same, so long ago: ISO 8601, such as PT1H or P7D', duration);
}

/** All that are given. */
export function destinationsOf(options: DestinationOptions): ResetTo[] {
  const { toOffset, toEarliest, toLatest, toDatetime, byDuration, shiftBy } = options;
  return [
    toOffset !== undefined && { offset: toOffset },
    toEarliest && 'earliest',
    toLatest && 'latest',
    toDatetime !== undefined && { timestamp: toDatetime },
    byDuration !== undefined && { timestamp: Math.max(0, Date.now() - byDuration) },
    shiftBy !== undefined && { shift: shiftBy },
  ].filter((to) => to !== undefined && to !== false) as ResetTo[];
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('It must be an ISO 8601 duration such as PT1H30M or P7D.');
}
