import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { type Api, topicPath } from './api.ts';
import { CliError, Unreachable } from './cliError.ts';
import { type PartitionOffsets, partitionOffsets } from './describeTopic.ts';
import type { Io } from './io.ts';
import { integer, repeated, time } from './options.ts';
import { createPrinter, type FetchedRecord, type PrintOptions } from './printer.ts';

const PAGE_RECORDS = 10_000;
const MAX_WAIT_MS = 10_000;
/** How often, and with what pauses, a server that does not answer is asked again by those who follow: half a minute. */
const FOLLOW_ATTEMPTS = 60;
const FOLLOW_PAUSE_MS = 500;
/** Each partition that is followed keeps a request open. */
const MAX_FOLLOWED = 100;

interface ConsumeOptions extends PrintOptions {
  readonly partition?: readonly number[];
  readonly fromBeginning?: true;
  readonly offset?: number;
  readonly timestamp?: number;
  readonly follow?: true;
}

export function addConsume(program: Command, io: Io, connect: () => Promise<Api>): void {
  program
    .command('consume <topic>')
    .description('print the records of a topic')
    .option('-p, --partition <id>', 'only this partition, repeatable', repeated(integer(0)))
    .addOption(new Option('-b, --from-beginning', 'from the log start on').conflicts(['offset', 'timestamp']))
    .addOption(
      new Option('-o, --offset <offset>', 'from this offset on; needs --partition')
        .argParser(integer(0))
        .conflicts('timestamp'),
    )
    .addOption(
      new Option(
        '-t, --timestamp <time>',
        'from the first record on that is not older: ms since 1970, or ISO 8601',
      ).argParser(time),
    )
    .option('-f, --follow', 'go on with new records as they come')
    .option('-n, --max-records <count>', 'end after this many records', integer(1))
    .addOption(
      new Option('--format <format>', 'what to print of a record; json is one object to a line')
        .choices(['value', 'key-value', 'json'])
        .default('value'),
    )
    .addOption(new Option('-k, --key-separator <text>', 'between key and value').default('\t', 'a tab'))
    .addOption(new Option('--record-separator <text>', 'after each record').default('\n', 'a newline'))
    .option('--null-marker <text>', "what is printed for Kafka's null", 'null')
    .option('--print-headers', 'print name:value,… and the key separator before a record')
    .addHelpText('after', HELP)
    .action(async (topic: string, options: ConsumeOptions, command: Command) => {
      if (options.offset !== undefined && options.partition === undefined) {
        command.error("error: option '--offset' needs '--partition'");
      }
      await consume(io, await connect(), topic, options);
    });
}

const HELP = `
Without --from-beginning, --offset or --timestamp, only new records are printed, as they come.
Keys and values are printed byte for byte, with --format json as the HTTP API tells them.
Partitions are printed one after the other, with --follow as their records come.

Examples:
  $ wadi consume orders --from-beginning
  $ wadi consume orders --from-beginning --follow --format key-value --key-separator :
  $ wadi consume orders --partition 0 --offset 100 --max-records 10 --format json
  $ wadi consume orders --timestamp 2026-05-04T10:00:00Z | head
`;

interface Page {
  readonly records: readonly FetchedRecord[];
  readonly next_offset: number;
}

async function consume(io: Io, api: Api, topic: string, options: ConsumeOptions): Promise<void> {
  const { fromBeginning, offset, timestamp } = options;
  const onlyNew = fromBeginning === undefined && offset === undefined && timestamp === undefined;
  const follow = options.follow === true || onlyNew;
  const partitions = options.partition ?? (await allPartitions(api, topic));
  if (follow && partitions.length > MAX_FOLLOWED) {
    throw new CliError(
      `At most ${MAX_FOLLOWED} of the ${partitions.length} partitions can be followed: choose with --partition`,
    );
  }
  const bounds = await partitionOffsets(
    api,
    topic,
    partitions,
    timestamp === undefined ? undefined : String(timestamp),
  );
  const starts = bounds.map((it) => startOf(it, options));
  const printer = createPrinter(io, options);

  async function read(partition: number, from: number, end: number): Promise<void> {
    const path = `${topicPath(topic)}/partitions/${partition}/records`;
    let next = from;
    while (next < end && printer.room() > 0) {
      const query = {
        offset: next,
        max_records: Math.min(PAGE_RECORDS, printer.room()),
        max_wait_ms: follow ? MAX_WAIT_MS : 0,
      };
      const get = () => api.get<Page>(path, query, printer.full);
      const page = await (follow ? patiently(get) : get());
      if (!follow && page.next_offset <= next)
        throw new CliError(`Partition ${partition} ends at offset ${next}`);
      await printer.print(page.records.filter((record) => record.offset < end));
      next = page.next_offset;
    }
  }

  try {
    if (follow)
      await Promise.all(bounds.map((it, i) => read(it.partition_id, starts[i]!, Number.POSITIVE_INFINITY)));
    else for (const [i, it] of bounds.entries()) await read(it.partition_id, starts[i]!, it.latest_offset);
  } catch (error) {
    // All records asked for are printed: the requests that still waited were ended on purpose.
    if (!printer.full.aborted) throw error;
  }
}

/** Follows a server through a restart: whoever follows has time, but not for ever. */
async function patiently<T>(get: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await get();
    } catch (error) {
      if (!(error instanceof Unreachable) || attempt === FOLLOW_ATTEMPTS) throw error;
      await sleep(FOLLOW_PAUSE_MS);
    }
  }
}

async function allPartitions(api: Api, topic: string): Promise<number[]> {
  const { partitions_count } = await api.get<{ partitions_count: number }>(topicPath(topic));
  return [...Array(partitions_count).keys()];
}

function startOf(bounds: PartitionOffsets, { fromBeginning, offset, timestamp }: ConsumeOptions): number {
  const { partition_id, earliest_offset, latest_offset } = bounds;
  if (offset !== undefined) {
    if (offset >= earliest_offset && offset <= latest_offset) return offset;
    throw new CliError(
      `Offset ${offset} is out of range: partition ${partition_id} has ${earliest_offset} to ${latest_offset}`,
    );
  }
  if (fromBeginning) return earliest_offset;
  const found = timestamp === undefined ? undefined : bounds.offset;
  return found === undefined || found < 0 ? latest_offset : found;
}
