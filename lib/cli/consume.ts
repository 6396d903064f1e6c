import { type Command, Option } from 'commander';
import { type Api, topicPath } from './api.ts';
import { CliError } from './cliError.ts';
import { consumeGroup } from './consumeGroup.ts';
import { type PartitionOffsets, partitionOffsets } from './describeTopic.ts';
import type { Io } from './io.ts';
import { integer, repeated, time } from './options.ts';
import { createPrinter, type PrintOptions, type RecordView } from './printer.ts';

const PAGE_RECORDS = 10_000;
const MAX_WAIT_MS = 10_000;
/** Each partition that is followed keeps a request open. */
const MAX_FOLLOWED = 100;

interface ConsumeOptions extends PrintOptions {
  readonly group?: string;
  readonly pattern?: string;
  readonly verbose?: true;
  readonly partition?: readonly number[];
  readonly fromBeginning?: true;
  readonly offset?: number;
  readonly timestamp?: number;
  readonly follow?: true;
}

export function addConsume(program: Command, io: Io, connect: () => Promise<Api>): void {
  program
    .command('consume [topics...]')
    .description('print the records of a topic, or those that a consumer group has yet to read')
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
      new Option(
        '-g, --group <group>',
        'as a member of this consumer group, which divides the partitions of one topic or several among its members',
      ).conflicts(['partition', 'offset', 'timestamp']),
    )
    .option('--pattern <regex>', 'with --group: all topics whose whole name an RE2 expression matches')
    .option('-v, --verbose', 'with --group: tell on standard error which partitions come and go')
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
    .action(async (topics: string[], options: ConsumeOptions, command: Command) => {
      const { group, pattern } = options;
      const problem = problemOf(topics, options);
      if (problem !== undefined) command.error(`error: ${problem}`);
      const api = await connect();
      if (group === undefined) return consume(io, api, topics[0]!, options);
      const subscription = pattern === undefined ? { topics } : { pattern };
      return consumeGroup(io, api, group, subscription, options);
    });
}

/** What of the arguments does not go together. */
function problemOf(
  topics: readonly string[],
  { group, pattern, verbose, offset, partition }: ConsumeOptions,
): string | undefined {
  if (topics.length === 0 && pattern === undefined) return "missing required argument 'topics'";
  if (topics.length > 0 && pattern !== undefined) return "option '--pattern' takes the place of topics";
  if (group === undefined && pattern !== undefined) return "option '--pattern' needs '--group'";
  if (group === undefined && verbose) return "option '--verbose' needs '--group'";
  if (group === undefined && topics.length > 1) return "several topics need '--group'";
  if (offset !== undefined && partition === undefined) return "option '--offset' needs '--partition'";
  return undefined;
}

const HELP = `
Without --from-beginning, --offset or --timestamp, only new records are printed, as they come.
Keys and values are printed byte for byte, with --format json as the HTTP API tells them.
Partitions are printed one after the other, with --follow as their records come.

With --group, it goes on where the group has committed; where it has not, with new records, or all with
--from-beginning. It commits every 5 s, and at the end, what standard output has taken: after a crash some records
are printed again, but none is skipped. Ctrl-C, SIGTERM, --max-records, or a reader that has had enough (| head) end it:
it leaves the group, and others go on at once; after a crash they do so within 45 s.

Examples:
  $ wadi consume orders --from-beginning
  $ wadi consume orders --from-beginning --follow --format key-value --key-separator :
  $ wadi consume orders --partition 0 --offset 100 --max-records 10 --format json
  $ wadi consume orders --timestamp 2026-05-04T10:00:00Z | head
  $ wadi consume orders payments --group billing --from-beginning
  $ wadi consume --group audit --pattern 'shop-.*' --format json --verbose
`;

type Data =
  | { readonly type: 'BINARY' | 'STRING'; readonly data: string }
  | { readonly type: 'JSON'; readonly data: unknown };

/** A record as the HTTP API tells it. */
interface FetchedRecord {
  readonly offset: number;
  readonly headers: readonly { readonly name: string; readonly value: string | null }[];
  readonly key: Data | null;
  readonly value: Data | null;
}

const FETCHED: RecordView<FetchedRecord> = {
  json: (record) => JSON.stringify(record),
  key: ({ key }) => key && dataBytes(key),
  value: ({ value }) => value && dataBytes(value),
  headers: ({ headers }) =>
    headers.map(({ name, value }) => [name, value === null ? null : fromBase64(value)]),
};

/** The API writes as JSON only what can be written back to the same bytes. */
function dataBytes({ type, data }: Data): Uint8Array {
  switch (type) {
    case 'BINARY':
      return fromBase64(data);
    case 'STRING':
      return Buffer.from(data);
    case 'JSON':
      return Buffer.from(JSON.stringify(data));
  }
}

const fromBase64 = (text: string): Uint8Array => Buffer.from(text, 'base64');

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
  const printer = createPrinter(io, options, FETCHED);

  async function read(partition: number, from: number, end: number): Promise<void> {
    const path = `${topicPath(topic)}/partitions/${partition}/records`;
    let next = from;
    while (next < end && printer.room() > 0 && !printer.ended.aborted) {
      const query = {
        offset: next,
        max_records: Math.min(PAGE_RECORDS, printer.room()),
        max_wait_ms: follow ? MAX_WAIT_MS : 0,
      };
      const page = await api.get<Page>(path, query, printer.ended);
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
    // All that was wanted is printed: the requests that still waited were ended on purpose.
    if (!printer.ended.aborted) throw error;
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
