import { table } from '../../lib/cli/table.ts';
import { runTask } from './crew.ts';
import { explain } from './explain.ts';
import { FAULTS, SITUATIONS } from './faults.ts';
import { progressLine } from './progressLine.ts';
import type { ThemeName } from './scenario.ts';
import type { Failed, Progress } from './worker.ts';

interface Options {
  readonly first: number;
  readonly runs: number;
  readonly seconds: number | undefined;
  readonly workers: number;
  readonly theme: ThemeName | undefined;
}

/** Plays the histories of consecutive seeds in several threads, until one fails; resolves with the exit code. */
export async function runHistories({ first, runs, seconds, workers, theme }: Options): Promise<number> {
  const startedAtMs = Date.now();
  const untilMs = seconds ? startedAtMs + seconds * 1_000 : Number.POSITIVE_INFINITY;
  const stop = new AbortController();
  const totals = createTotals();
  const showProgress = progressLine();
  const line = (): string => {
    const minutes = (Date.now() - startedAtMs) / 60_000;
    const of = seconds ? `${Math.round(minutes * 60)} of ${seconds} s` : `of ${runs}`;
    return `${totals.runs} histories ${of}, ${Math.round(totals.runs / minutes)} a minute, ${totals.operations} operations`;
  };

  const work = async (i: number): Promise<Failed | undefined> => {
    const task = { first: first + i, step: workers, runs: Math.ceil((runs - i) / workers), untilMs, theme };
    const onProgress = (progress: Progress) => {
      totals.add(progress);
      showProgress(line());
    };
    const { failed } = await runTask(task, onProgress, stop.signal);
    if (failed) stop.abort();
    return failed;
  };
  const ended = await Promise.all(Array.from({ length: Math.min(workers, runs) }, (_, i) => work(i)));
  const failed = ended.find((failure) => failure !== undefined);
  showProgress(undefined);
  console.log(`${line()}; seeds from ${first}\n`);
  console.log(totals.tables());
  if (failed === undefined) {
    console.log('Every property held in every history.');
    return 0;
  }
  await explain(failed, theme);
  return 1;
}

function createTotals() {
  const coverage = new Map<string, number>();
  const checked = new Map<string, number>();
  const addAll = (to: Map<string, number>, counts: Progress['coverage']) => {
    for (const [what, times] of counts) to.set(what, (to.get(what) ?? 0) + times);
  };
  const rows = (names: readonly (readonly [key: string, text: string])[], counts: Map<string, number>) =>
    names.map(([key, text]) => [text, String(counts.get(key) ?? 0)]);
  return {
    runs: 0,
    operations: 0,
    add(progress: Progress): void {
      this.runs += progress.runs;
      this.operations += progress.operations;
      addAll(coverage, progress.coverage);
      addAll(checked, progress.checked);
    },
    tables(): string {
      const faults = Object.entries(FAULTS).map(([key, { text }]) => [key, text] as const);
      const properties = [...checked.keys()].map((property) => [property, property] as const);
      return [
        table([['fault', 'times'], ...rows(faults, coverage)]),
        table([['situation', 'times'], ...rows(Object.entries(SITUATIONS), coverage)]),
        table([['property', 'checked'], ...rows(properties, checked)]),
      ].join('\n');
    },
  };
}
