import { TopologyError } from '../topology/topologyError.ts';
import { requireDuration } from './duration.ts';

/** Kafka's JoinWindows: how far apart two records may be that belong together, by event time. All in ms. */
export interface JoinWindows {
  /** The other stream's record may be so much earlier than this one's. */
  readonly beforeMs: number;
  /** The other stream's record may be so much later than this one's. */
  readonly afterMs: number;
  /** How long a window is held open behind its end, by stream time, for records out of order. */
  readonly graceMs: number;
}

/** Before and after alike, unless either is given. There is no default for the grace (KIP-633). */
export type JoinWindowsOptions =
  | {
      readonly timeDifferenceMs: number;
      readonly beforeMs?: number;
      readonly afterMs?: number;
      readonly graceMs: number;
    }
  | JoinWindows;

/** Either bound may be below zero, to leave out what is near; throws TopologyError if then nothing is within. */
export function joinWindows(options: JoinWindowsOptions): JoinWindows {
  const difference = 'timeDifferenceMs' in options ? options.timeDifferenceMs : 0;
  const { beforeMs = difference, afterMs = difference, graceMs } = options;
  requireDuration('what a join reaches back', beforeMs, Number.MIN_SAFE_INTEGER);
  requireDuration('what a join reaches ahead', afterMs, Number.MIN_SAFE_INTEGER);
  requireDuration('the grace of a join', graceMs, 0);
  if (beforeMs + afterMs < 0)
    throw new TopologyError(
      `a window from ${beforeMs} ms before to ${afterMs} ms after ends before it begins`,
    );
  return { beforeMs, afterMs, graceMs };
}
