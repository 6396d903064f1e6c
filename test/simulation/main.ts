import { randomInt } from 'node:crypto';
import { Command } from 'commander';
import { integer } from '../../lib/cli/options.ts';
import { table } from '../../lib/cli/table.ts';
import { MAX_WORKERS, runTask } from './crew.ts';
import { FAULTS, SITUATIONS } from './faults.ts';
import { MUTATIONS, staleMutations } from './mutations.ts';
import { describeOperations } from './narrate.ts';
import { play, violated } from './run.ts';
import { scenarioOf } from './scenario.ts';
import { shrink } from './shrink.ts';
import type { Progress } from './worker.ts';

interface Options {
  readonly runs?: number;
  readonly seed?: number;
  readonly seconds?: number;
  readonly workers: number;
  readonly trace?: boolean;
  readonly mutations?: boolean;
  readonly maxRuns: number;
  readonly only?: string;
}

const SHRINK_MS = 60_000;

const { runs, seed, seconds, workers, trace, mutations, maxRuns, only } = new Command('simulate')
  .description(
    `Runs Wadi's log in a simulated cloud, where a seed decides every delay, order and fault, and checks the history.
Exits with 1 if a property was violated, or if a mutation survived.`,
  )
  .option('--runs <n>', 'histories to run (default: 1000, or 1 if a seed is given)', integer(1))
  .option('--seconds <n>', 'run new histories for so long instead', integer(1, 86_400))
  .option('--seed <n>', 'of the first history; the next ones follow (default: by chance)', integer(0))
  .option('--workers <n>', 'threads', integer(1, 16), MAX_WORKERS)
  .option('--trace', 'print every event of one history')
  .option('--mutations', 'take rules away from the log, one by one: each must be noticed')
  .option('--max-runs <n>', 'histories in which a mutation must be noticed', integer(1), 4_000)
  .option('--only <text>', 'mutations of rules that hold this text')
  .parse()
  .opts<Options>();

class Failure extends Error {
  readonly failed: NonNullable<Progress['failed']>;

  constructor(failed: NonNullable<Progress['failed']>) {
    super(failed.property);
    this.failed = failed;
  }
}

process.exitCode = mutations ? await runMutations() : trace ? await traceOne() : await runMany();

async function traceOne(): Promise<number> {
  const run = await play(scenarioOf(seed ?? randomInt(2 ** 32)), (line) => console.log(line));
  for (const { property, violations } of violated(run))
    console.log(`VIOLATED  ${property}\n  ${violations.join('\n  ')}`);
  return violated(run).length === 0 ? 0 : 1;
}

/** Histories of consecutive seeds, by several threads. */
async function runMany(): Promise<number> {
  const first = seed ?? randomInt(2 ** 32);
  const total = seconds ? Number.POSITIVE_INFINITY : (runs ?? (seed === undefined ? 1_000 : 1));
  const startedAtMs = Date.now();
  const untilMs = startedAtMs + (seconds ?? 86_400) * 1_000;
  const stop = new AbortController();
  const totals = {
    runs: 0,
    operations: 0,
    coverage: new Map<string, number>(),
    checked: new Map<string, number>(),
  };

  const line = (): string => {
    const minutes = (Date.now() - startedAtMs) / 60_000;
    const of = seconds ? `${Math.round(minutes * 60)} of ${seconds} s` : `of ${total}`;
    return `${totals.runs} histories ${of}, ${Math.round(totals.runs / minutes)} a minute, ${totals.operations} operations`;
  };
  const showProgress = progressLine();
  const tasks = Array.from({ length: Math.min(workers, total) }, (_, i) => {
    const share = Math.ceil((total - i) / workers);
    const task = { first: first + i, step: workers, runs: share, untilMs };
    const onProgress = (progress: Progress) => {
      totals.runs += progress.runs;
      totals.operations += progress.operations;
      for (const [what, times] of progress.coverage)
        totals.coverage.set(what, (totals.coverage.get(what) ?? 0) + times);
      for (const [what, times] of progress.checked)
        totals.checked.set(what, (totals.checked.get(what) ?? 0) + times);
      showProgress(line());
    };
    return runTask(task, onProgress, stop.signal).then((progress) => {
      if (progress.failed) throw new Failure(progress.failed);
    });
  });
  let failed: Progress['failed'];
  try {
    await Promise.all(tasks);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failed = error.failed;
    stop.abort();
    await Promise.allSettled(tasks);
  }
  showProgress(undefined);
  console.log(`${line()}; seeds from ${first}\n`);
  const counted = (names: Record<string, string>, counts: Map<string, number>) =>
    Object.entries(names).map(([key, text]) => [text, String(counts.get(key) ?? 0)]);
  const faults = Object.fromEntries(Object.entries(FAULTS).map(([key, { text }]) => [key, text]));
  console.log(table([['fault', 'times'], ...counted(faults, totals.coverage)]));
  console.log(table([['situation', 'times'], ...counted(SITUATIONS, totals.coverage)]));
  console.log(
    table([['property', 'checked'], ...[...totals.checked].map(([what, times]) => [what, String(times)])]),
  );
  if (failed === undefined) {
    console.log('Every property held in every history.');
    return 0;
  }
  await explain(failed);
  return 1;
}

async function explain({ seed, property, violation }: NonNullable<Progress['failed']>): Promise<void> {
  console.log(`VIOLATED: ${property}\n  ${violation}\n\nAgain: npm run simulate -- --seed ${seed}\n`);
  console.log('Looking for the shortest history …');
  const { scenario, run } = await shrink(scenarioOf(seed), property, Date.now() + SHRINK_MS);
  for (const report of violated(run))
    console.log(`\n${report.property}\n  ${report.violations.join('\n  ')}`);
  console.log(`\nThe shortest history found, of ${run.history.operations.length} operations:\n`);
  console.log(describeOperations(run.history.operations));
  console.log(`Its scenario, for test/simulation/seeds:\n\n${JSON.stringify(scenario)}`);
}

/** Each mutation gets histories, the same for all, until one shows a violation. */
async function runMutations(): Promise<number> {
  const stale = staleMutations();
  if (stale.length > 0) throw new Error(`these mutations do not fit the code any more:\n${stale.join('\n')}`);
  const results = new Map<number, string[]>();
  const showProgress = progressLine();
  const first = seed ?? 1;
  const numbers = [...MUTATIONS.keys()].filter((i) => MUTATIONS[i]!.rule.includes(only ?? ''));
  let survivors = 0;
  let next = 0;
  const crew = Array.from({ length: workers }, async () => {
    for (let nth = next++; nth < numbers.length; nth = next++) {
      const mutation = numbers[nth]!;
      const { rule, file } = MUTATIONS[mutation]!;
      let played = 0;
      const task = { first, step: 1, runs: maxRuns, untilMs: Number.POSITIVE_INFINITY, mutation };
      const { failed } = await runTask(task, (progress) => {
        played += progress.runs;
      });
      if (failed === undefined) survivors++;
      results.set(mutation, [
        rule,
        file,
        failed ? String(played) : `survived ${played}`,
        failed?.property ?? '',
      ]);
      showProgress(`${results.size} of ${numbers.length} mutations`);
    }
  });
  await Promise.all(crew);
  showProgress(undefined);
  const rows = numbers.map((i) => results.get(i)!);
  console.log(
    table([['without the rule that', 'in', 'histories', 'is noticed, since it is not true that'], ...rows]),
  );
  console.log(survivors === 0 ? 'Every mutation was noticed.' : `${survivors} mutations SURVIVED.`);
  return survivors === 0 ? 0 : 1;
}

/** One line that is written over on a terminal; now and then a line elsewhere. */
function progressLine(): (line: string | undefined) => void {
  let shownAtMs = Date.now();
  return (line) => {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${line ?? ''}`);
    } else if (line !== undefined && Date.now() - shownAtMs > 10_000) {
      shownAtMs = Date.now();
      process.stderr.write(`${line}\n`);
    }
  };
}
