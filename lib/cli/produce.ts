import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import { type Api, topicPath } from './api.ts';
import { batches } from './batches.ts';
import { CliError, toldOf } from './cliError.ts';
import type { Io } from './io.ts';
import { lines } from './lines.ts';
import { integer, pair, repeated } from './options.ts';
import { type DataType, type EncodedRecord, type RecordOptions, recordEncoder } from './recordEncoder.ts';

/** Enough to make requests few, and far from what one may carry. */
const MAX_BATCH_BYTES = 1024 * 1024;
const LINGER_MS = 50;
const PROGRESS_EVERY_MS = 500;
const MAX_FAILURES_SHOWN = 10;

interface ProduceOptions {
  readonly file?: string;
  readonly keySeparator?: string;
  readonly header?: readonly (readonly [name: string, value: string])[];
  readonly partition?: number;
  readonly acks: string;
  readonly batch: number;
  readonly type: DataType;
  readonly keyType: DataType;
  readonly nullMarker?: string;
}

const dataTypes = ['string', 'json', 'binary'];

export function addProduce(program: Command, io: Io, connect: () => Promise<Api>): void {
  program
    .command('produce <topic>')
    .description('produce a record for each line of standard input or a file')
    .option('-f, --file <path>', 'read this file instead of standard input')
    .option('-k, --key-separator <text>', 'a line is <key><text><value>; without it records have no key')
    .option('-H, --header <name:value>', 'a header for every record, repeatable', repeated(pair(':')))
    .option(
      '-p, --partition <id>',
      "this partition, instead of the one that the key's hash chooses",
      integer(0),
    )
    .addOption(
      new Option('--acks <acks>', 'when a record counts as produced; 0 does not wait to hear of it')
        .choices(['0', '1', 'all'])
        .default('all'),
    )
    .option('--batch <count>', 'records in one request, at most', integer(1, 10_000), 500)
    .addOption(
      new Option('-t, --type <type>', 'values are text, JSON, or binary written in base64')
        .choices(dataTypes)
        .default('string'),
    )
    .addOption(new Option('--key-type <type>', 'the same for keys').choices(dataTypes).default('string'))
    .option('--null-marker <text>', "a key or value that is just this is produced as Kafka's null")
    .addHelpText('after', HELP)
    .action(async (topic: string, options: ProduceOptions) => {
      const api = await connect();
      const input = options.file === undefined ? io.stdin : createReadStream(options.file);
      try {
        await produce(io, api, topic, options, input);
      } finally {
        input.destroy();
      }
    });
}

const HELP = `
Records keep the order of their lines. The exit code is 0 if all were produced.

Examples:
  $ echo hello | wadi produce orders
  $ wadi produce orders --file orders.txt --key-separator : --header source:shop
  $ tail -f access.log | wadi produce access --acks 1
  $ jq -c .features[] quakes.json | wadi produce quakes --type json
`;

interface Report {
  readonly successes: readonly unknown[];
  readonly failures: readonly { id: string; message: string }[];
}

async function produce(
  io: Io,
  api: Api,
  topic: string,
  options: ProduceOptions,
  input: Readable,
): Promise<void> {
  const { partition, batch: maxRecords, acks } = options;
  const path = `${topicPath(topic)}/records:batch`;
  const encode = recordEncoder({
    keySeparator: options.keySeparator,
    headers: options.header ?? [],
    partition,
    type: options.type,
    keyType: options.keyType,
    nullMarker: options.nullMarker,
  } satisfies RecordOptions);
  const progress = createProgress(io);
  let produced = 0;
  let failed = 0;
  try {
    const records = encodeLines(lines(input), encode);
    for await (const batch of batches(records, {
      maxRecords,
      maxBytes: MAX_BATCH_BYTES,
      lingerMs: LINGER_MS,
    })) {
      const body = `{"entries":[${batch.map(({ entry }) => entry).join(',')}]}`;
      const report = await api.send<Report>('POST', path, body, { acks });
      produced += report.successes.length;
      for (const { id, message } of report.failures) {
        if (++failed <= MAX_FAILURES_SHOWN) io.stderr.write(`wadi: line ${id}: ${message}\n`);
      }
      progress.show(produced);
    }
  } catch (error) {
    const told = toldOf(error);
    if (told === undefined) throw error;
    throw new CliError(`${told} (${count(produced)} produced before)`);
  } finally {
    progress.clear();
  }
  if (failed > 0) throw new CliError(`${count(failed)} not produced, ${produced} produced`);
  io.stdout.write(`Produced ${count(produced)} to topic '${topic}'.\n`);
}

async function* encodeLines(
  input: AsyncIterable<Buffer[]>,
  encode: (line: Buffer, id: number) => EncodedRecord,
): AsyncGenerator<EncodedRecord[]> {
  let id = 0;
  for await (const some of input) yield some.map((line) => encode(line, ++id));
}

/** A count that changes in place, for who watches a terminal. */
function createProgress({ stderr }: Io): { show(produced: number): void; clear(): void } {
  let shownAtMs = Date.now();
  let shown = false;
  return {
    show(produced) {
      if (!stderr.isTTY || Date.now() - shownAtMs < PROGRESS_EVERY_MS) return;
      shownAtMs = Date.now();
      shown = true;
      stderr.write(`\r${count(produced)}`);
    },
    clear() {
      if (shown) stderr.write('\r\x1b[K');
    },
  };
}

function count(records: number): string {
  return `${records} ${records === 1 ? 'record' : 'records'}`;
}
