import { parentPort, workerData } from 'node:worker_threads';
import { MUTATIONS, mutate } from './mutations.ts';
import type { ThemeName } from './scenario.ts';

/** Runs `first`, `first + step` and so on; `runs` of them at most, and none is begun after `untilMs`. */
export interface Task {
  readonly first: number;
  readonly step: number;
  readonly runs: number;
  readonly untilMs: number;
  /** Number in MUTATIONS of the one to apply. */
  readonly mutation?: number;
  /** Of all histories, unless given. */
  readonly theme?: ThemeName | undefined;
}

export interface Progress {
  readonly runs: number;
  readonly operations: number;
  readonly coverage: readonly (readonly [string, number])[];
  /** How many cases of each property were checked. */
  readonly checked: readonly (readonly [string, number])[];
  /** The seed that showed a violation; after it there is no more. */
  readonly failed?: Failed;
  readonly done: boolean;
}

export interface Failed {
  readonly seed: number;
  readonly property: string;
  readonly violation: string;
}

const REPORT_MS = 250;
/** One in so many runs is played twice, to see whether it comes out the same. */
const REPLAY = 50;

// Most errors of a run belong to it, and nobody looks at where they were made.
Error.stackTraceLimit = 0;
const task = workerData as Task;
if (task.mutation !== undefined) mutate(MUTATIONS[task.mutation]!);
const { gameOf, violatedIn } = await import('./game.ts');
const play = await gameOf(task.theme);

let runs = 0;
let operations = 0;
let coverage = new Map<string, number>();
let checked = new Map<string, number>();

function report(end: Pick<Progress, 'failed' | 'done'>): void {
  parentPort!.postMessage({ runs, operations, coverage: [...coverage], checked: [...checked], ...end });
  runs = 0;
  operations = 0;
  coverage = new Map();
  checked = new Map();
}

function add(counts: Map<string, number>, what: string, times: number): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

async function work(): Promise<Failed | undefined> {
  let reportedAtMs = Date.now();
  for (let i = 0; i < task.runs && Date.now() < task.untilMs; i++) {
    const seed = task.first + i * task.step;
    const run = await play(seed);
    runs++;
    operations += run.operations;
    for (const [what, times] of run.coverage) add(coverage, what, times);
    for (const { property, checked: times } of run.reports) add(checked, property, times);
    const [worst] = violatedIn(run);
    if (worst) return { seed, property: worst.property, violation: worst.violations[0]! };
    if (i % REPLAY === 0 && (await play(seed)).fingerprint !== run.fingerprint) {
      return { seed, property: 'the same seed gives the same run', violation: 'two runs differ' };
    }
    if (Date.now() - reportedAtMs < REPORT_MS) continue;
    reportedAtMs = Date.now();
    report({ done: false });
  }
  return undefined;
}

const failed = await work();
report({ done: true, ...(failed && { failed }) });
