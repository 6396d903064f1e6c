import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { checkHistory } from '../../verify/check.ts';
import type { FinalPartition, PartitionId } from '../../verify/history.ts';
import { type Api, createApi, topicPath } from '../api.ts';
import { CliError } from '../cliError.ts';
import type { Io } from '../io.ts';
import { integer } from '../options.ts';
import { topicClient } from './client.ts';
import { MAX_OPERATIONS, MAX_RECORDS, partitionId, type Recorded, readFinal, runLoad } from './load.ts';
import { type LocalTarget, startLocal } from './local.ts';
import { operationsTable, propertiesTable } from './report.ts';

const PROGRESS_TTY_MS = 250;
const PROGRESS_MS = 5_000;

interface VerifyOptions {
  readonly seconds: number;
  readonly partitions: number;
  readonly producers: number;
  readonly consumers: number;
  readonly keep?: true;
  readonly local?: true;
  readonly killEvery?: number;
}

export function addVerify(program: Command, io: Io, connect: () => Promise<Api>): void {
  program
    .command('verify')
    .description('check that a deployment keeps its promises, under load')
    .option('-s, --seconds <count>', 'how long to produce and consume', integer(1, 86_400), 30)
    .option('-p, --partitions <count>', 'of the topic that is made for it', integer(1, 100), 4)
    .option('--producers <count>', 'half of them idempotent', integer(1, 200), 8)
    .option('--consumers <count>', 'each reads all partitions at once', integer(0, 20), 4)
    .option('--keep', 'do not delete the topic at the end; with --local, keep its directory')
    .option('--local', 'start a cluster for it; it is killed (-9) at least once, before all is read')
    .addOption(
      new Option(
        '--kill-every <seconds>',
        'with --local: kill it (-9) about so often, and start it again',
      ).argParser(integer(1, 86_400)),
    )
    .addHelpText('after', HELP)
    .action(async (options: VerifyOptions, command: Command) => {
      if (options.local && program.getOptionValueSource('url') === 'cli') {
        command.error("error: option '--local' cannot be used with option '--url'");
      }
      if (options.killEvery !== undefined && !options.local) {
        command.error("error: option '--kill-every' needs '--local'");
      }
      if (!options.local) {
        const api = await connect();
        return verify(io, () => api.url, undefined, options);
      }
      const local = await startLocal();
      try {
        await verify(io, local.url, local, options);
      } finally {
        const kept = await local.close(options.keep === true);
        if (kept !== undefined) io.stderr.write(`wadi: the cluster's directory is ${kept}\n`);
      }
    });
}

const HELP = `
A topic of its own, wadi-verify-…, is written by idempotent producers, which send again what got no
answer, and by plain ones, which do not; consumers follow it, others ask for its end. Then everything
is read, and what all of them were told is checked. Records and requests of the cluster are paid for.

The topic is deleted at the end, unless a property does not hold. Ctrl-C ends the run early, with the
tables. At most ${MAX_RECORDS} records and ${MAX_OPERATIONS} requests are remembered, in some 900 MB: then the
run ends too. After its time, it waits for the last answers: up to a minute, and two for reading.

The exit code is 0 if all properties hold, 1 if one does not or the cluster cannot be reached.

Examples:
  $ wadi verify --seconds 60
  $ wadi verify --url https://example.execute-api.eu-central-1.amazonaws.com --producers 32
  $ wadi verify --local --kill-every 3 --seconds 120
`;

async function verify(
  io: Io,
  url: () => string,
  local: LocalTarget | undefined,
  options: VerifyOptions,
): Promise<void> {
  const { partitions, producers, consumers } = options;
  const topic = `wadi-verify-${randomBytes(6).toString('hex')}`;
  const api = await createApi(url());
  const { cluster_id } = await api.send<{ cluster_id: string }>(
    'POST',
    '/topics',
    JSON.stringify({ topic_name: topic, partitions_count: partitions }),
  );
  const client = topicClient(() => url(), cluster_id, topic);
  const recorded: Recorded = { operations: [], acknowledgedRecords: 0, sentRecords: 0, fetchedRecords: 0 };
  const stop = new AbortController();
  const end = () => stop.abort();
  const timer = setTimeout(end, options.seconds * 1_000);
  process.once('SIGINT', end);
  const progress = showProgress(io, recorded, local);
  const startedAtMs = performance.now();
  let elapsedMs = 0;
  stop.signal.addEventListener('abort', () => {
    elapsedMs = performance.now() - startedAtMs;
  });
  try {
    const load = { client, topic, partitions, producers, consumers, stop: stop.signal, full: end };
    // Whichever fails ends the other, and only when both have ended may what they use be taken away.
    const working = [
      runLoad({ ...load, via: () => local?.via() }, recorded).finally(end),
      local?.killUntil(stop.signal, options.killEvery).finally(end),
    ];
    await Promise.allSettled(working);
    await Promise.all(working);
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', end);
    progress.clear();
  }

  const final = new Map<PartitionId, FinalPartition>();
  await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const found = await readFinal(client, partition);
      if (found !== undefined) final.set(partitionId(topic, partition), found);
    }),
  );
  const reports = checkHistory({ operations: recorded.operations, final });
  const kills = local === undefined ? '' : `\nKills (-9): ${local.kills()}\n`;
  io.stdout.write(`${operationsTable(recorded.operations, elapsedMs)}${kills}\n${propertiesTable(reports)}`);

  const violated = reports.filter(({ violations }) => violations.length > 0).length;
  if (violated > 0)
    throw new CliError(`${violated} of ${reports.length} properties do not hold for topic ${topic}`);
  if (final.size < partitions)
    throw new CliError(`${partitions - final.size} partitions of ${topic} cannot be read`);
  if (recorded.acknowledgedRecords === 0)
    throw new CliError('No record was acknowledged, so nothing was checked');
  if (options.keep) io.stderr.write(`wadi: the topic is ${topic}\n`);
  else await (await createApi(url())).send('DELETE', topicPath(topic));
}

/** A line that changes in place for who watches a terminal, else one every few seconds. */
function showProgress(io: Io, recorded: Recorded, local: LocalTarget | undefined): { clear(): void } {
  const { stderr } = io;
  const startedAtMs = performance.now();
  const timer = setInterval(
    () => {
      const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
      const kills = local === undefined ? '' : `, ${local.kills()} kills`;
      const { acknowledgedRecords, fetchedRecords, operations } = recorded;
      const line = `${seconds} s: ${acknowledgedRecords} records acknowledged, ${fetchedRecords} read, ${operations.length} requests${kills}`;
      stderr.write(stderr.isTTY ? `\r${line}\x1b[K` : `${line}\n`);
    },
    stderr.isTTY ? PROGRESS_TTY_MS : PROGRESS_MS,
  );
  return {
    clear() {
      clearInterval(timer);
      if (stderr.isTTY) stderr.write('\r\x1b[K');
    },
  };
}
