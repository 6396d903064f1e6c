import type { Command } from 'commander';
import { segment } from '../client/cluster.ts';
import type { Api, Query } from './api.ts';
import type { Io } from './io.ts';
import { examples, integer, time } from './options.ts';
import { applicationPath } from './streamsPath.ts';

interface GetOptions {
  readonly fromKey?: string;
  readonly toKey?: string;
  readonly prefix?: string;
  readonly fromTime?: number;
  readonly toTime?: number;
  readonly partition?: number;
  readonly reverse?: true;
  readonly maxRecords: number;
  readonly json?: true;
}

/** As the API tells them. */
interface Row {
  readonly key: unknown;
  readonly value: unknown;
  readonly start_ms?: number;
  readonly end_ms?: number;
}

interface Key extends Row {
  readonly windows?: readonly Omit<Row, 'key'>[];
}

interface Page {
  readonly metadata: { readonly next: string | null };
  readonly data: readonly Row[];
}

/** Options that make no sense with a key. */
const OF_RANGES = ['fromKey', 'toKey', 'prefix', 'reverse'] as const;

/** Of an answer. */
const MAX_ROWS = 1_000;

/** `streams get`: Kafka's interactive queries. */
export function addStreamsGet(streams: Command, io: Io, connect: () => Promise<Api>): void {
  streams
    .command('get <application> <store> [key]')
    .description('show what a state store has of a key, or of all keys')
    .option('--from-key <key>', 'the least key to show, in the order of keys as bytes')
    .option('--to-key <key>', 'the greatest, included as well')
    .option('--prefix <text>', 'show keys that begin with this')
    .option(
      '--from-time <time>',
      'show windows that start then or later, sessions that end then or later',
      time,
    )
    .option('--to-time <time>', 'show windows and sessions that start then or earlier', time)
    .option('-p, --partition <number>', 'of this partition alone', integer(0))
    .option('--reverse', 'show the last first')
    .option('--max-records <number>', 'show at most so many', integer(1), MAX_ROWS)
    .option('--json', 'print what the API says of each, a line each')
    .addHelpText(
      'after',
      `
A key is given as the store's key format has it: a string as it is, a number in digits, JSON as JSON, and bytes, or what
is of a format of the application's own, in base64. A line has the key and the value, of windows the start and the end
before that, with tabs between; of a key in a key-value store it is the value alone. Of the windows of one key the
latest are shown. What is shown was committed by the application; a store that is not at hand is restored first.
${examples(
  'wadi streams get word-count counts the',
  'wadi streams get word-count counts --prefix th --max-records 10',
  'wadi streams get clicks per-minute /home --from-time 2026-05-04T10:00:00Z',
)}`,
    )
    .action(async (...args: [string, string, string | undefined, GetOptions, Command]) => {
      const [application, store, key, options, command] = args;
      const ofRanges = OF_RANGES.filter((name) => options[name] !== undefined);
      if (key !== undefined && ofRanges.length > 0)
        command.error('error: a key excludes --from-key, --to-key, --prefix and --reverse');
      const path = `${applicationPath(application)}/stores/${segment(store, 'store')}`;
      const api = await connect();
      const print = (row: Row) => io.stdout.write(`${options.json ? JSON.stringify(row) : lineOf(row)}\n`);
      if (key === undefined) return printAll(api, `${path}/-/records`, options, print);
      const found = await api.get<Key>(`${path}/${segment(key, 'key')}`, {
        ...queryOf(options),
        limit: Math.min(options.maxRecords, MAX_ROWS),
      });
      if (options.json) io.stdout.write(`${JSON.stringify(found)}\n`);
      else if (found.windows === undefined) io.stdout.write(`${textOf(found.value)}\n`);
      else for (const window of found.windows) print({ key: found.key, ...window });
    });
}

async function printAll(
  api: Api,
  path: string,
  options: GetOptions,
  print: (row: Row) => void,
): Promise<void> {
  let query: Query | undefined = queryOf(options);
  for (let room = options.maxRecords; query !== undefined && room > 0; ) {
    const page: Page = await api.get<Page>(path, { ...query, limit: Math.min(room, MAX_ROWS) });
    for (const row of page.data) print(row);
    room -= page.data.length;
    const { next } = page.metadata;
    query = next === null ? undefined : Object.fromEntries(new URL(next).searchParams);
  }
}

function queryOf({ fromKey, toKey, prefix, fromTime, toTime, partition, reverse }: GetOptions): Query {
  const given = {
    ...{ from: fromKey, to: toKey, prefix, from_ms: fromTime, to_ms: toTime },
    ...{ partition_id: partition, reverse: reverse && 'true' },
  };
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function lineOf({ key, value, start_ms, end_ms }: Row): string {
  const times = [start_ms, end_ms].flatMap((ms) => (ms === undefined ? [] : [timeOf(ms)]));
  return [...times, textOf(key), textOf(value)].join('\t');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Beyond the year 275760 there are no dates. */
const timeOf = (ms: number): string => (ms <= 8.64e15 ? new Date(ms).toISOString() : String(ms));
