import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { checkHistory } from '../../verify/check.ts';
import type { Api } from '../api.ts';
import { CliError } from '../cliError.ts';
import type { Io } from '../io.ts';
import { integer } from '../options.ts';
import { type FinalRead, readFinal } from './final.ts';
import { HELP } from './help.ts';
import { runLoad } from './load.ts';
import { type LocalTarget, startLocal } from './local.ts';
import { probe } from './probe.ts';
import { showProgress } from './progress.ts';
import { createRecorder, partitionId, type Recorder } from './recorder.ts';
import { operationsTable, propertiesTable } from './report.ts';
import { serviceReports } from './service.ts';
import { type Signals, takeSignals } from './signals.ts';
import { createTopic, type VerifyTopic } from './topic.ts';

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
    .option('--consumers <count>', 'each reads all partitions in turn', integer(0, 200), 4)
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
      const name = `wadi-verify-${randomBytes(6).toString('hex')}`;
      const signals = takeSignals(() => {
        const left = options.local
          ? ''
          : `; if topic ${name} is there, ${removal(name, program.opts<{ url: string }>().url)}`;
        io.stderr.write(`\nwadi: ended without tables${left}\n`);
      });
      let local: LocalTarget | undefined;
      try {
        if (options.local) local = await startLocal(options.keep === true);
        const url = local?.url ?? constant((await connect()).url);
        const topic = await createTopic(url, name, options.partitions);
        await verify(io, topic, local, signals, options);
      } finally {
        await local?.close();
        signals.off();
      }
    });
}

const constant = (url: string) => () => url;

const removal = (name: string, url: string) => `'wadi topics delete ${name} --url ${url}' removes it`;

async function verify(
  io: Io,
  { name, url, client, remove }: VerifyTopic,
  local: LocalTarget | undefined,
  signals: Signals,
  options: VerifyOptions,
): Promise<void> {
  const { partitions } = options;
  const full = new AbortController();
  const recorder = createRecorder({
    client,
    topic: name,
    partitions,
    via: () => local?.via(),
    full: () => full.abort(),
  });
  const elapsedMs = await load(io, recorder, local, options, signals.phase(), full.signal);
  const loadTable = operationsTable(recorder.operations, elapsedMs);
  const kinds = structuredClone(recorder.kinds);

  const stop = signals.phase();
  const progress = showProgress(io, () => `reading: ${recorder.counts.fetchedRecords} records so far`);
  let failures: string[];
  let reads: FinalRead[];
  try {
    failures = await probe(recorder, partitions, stop);
    reads = await Promise.all(
      Array.from({ length: partitions }, (_, partition) => readFinal(recorder, partition, stop)),
    );
  } finally {
    progress();
  }

  const { operations, counts } = recorder;
  const final = new Map(
    reads.flatMap(({ final }, partition) =>
      final === undefined ? [] : [[partitionId(name, partition), final] as const],
    ),
  );
  const reports = [
    ...checkHistory({ operations, final }),
    ...serviceReports(operations, kinds, failures, reads),
    ...(local === undefined ? [] : [local.report()]),
  ];
  const kills = local === undefined ? '' : `\nKills (-9): ${local.kills()}\n`;
  io.stdout.write(`${loadTable}${kills}\n${propertiesTable(reports)}`);

  const violated = reports.filter(({ violations }) => violations.length > 0).length;
  const isKept = violated > 0 || options.keep === true;
  if (isKept && local === undefined) io.stderr.write(`wadi: topic ${name} is kept: ${removal(name, url)}\n`);
  if (!isKept) await remove();
  if (violated > 0) throw new CliError(`${violated} of ${reports.length} properties do not hold`);
  if (counts.acknowledgedRecords === 0)
    throw new CliError('No record was acknowledged, so nothing was checked');
}

/** Produces and consumes until its time is over, or one of the signals; returns for how long. */
async function load(
  io: Io,
  recorder: Recorder,
  local: LocalTarget | undefined,
  { partitions, producers, consumers, seconds, killEvery }: VerifyOptions,
  interrupted: AbortSignal,
  full: AbortSignal,
): Promise<number> {
  const { counts, operations } = recorder;
  const startedAtMs = performance.now();
  const stop = new AbortController();
  let elapsedMs = 0;
  const end = () => {
    if (!stop.signal.aborted) elapsedMs = performance.now() - startedAtMs;
    stop.abort();
  };
  const timer = setTimeout(end, seconds * 1_000);
  for (const signal of [interrupted, full]) signal.addEventListener('abort', end);
  const progress = showProgress(io, () => {
    const kills = local === undefined ? '' : `, ${local.kills()} kills`;
    return `${counts.acknowledgedRecords} records acknowledged, ${counts.fetchedRecords} read, ${operations.length} requests${kills}`;
  });
  try {
    // Whichever fails ends the other, and only when both have ended may what they use be taken away.
    const working = [
      runLoad({ recorder, partitions, producers, consumers, stop: stop.signal }).finally(end),
      local?.killUntil(stop.signal, killEvery).finally(end),
    ];
    await Promise.allSettled(working);
    await Promise.all(working);
  } finally {
    clearTimeout(timer);
    progress();
  }
  return elapsedMs;
}
