import { describeFailure, type Failure, type Fuzz } from './property.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

export interface Spent {
  readonly cases: number;
  /** The seed that comes next. */
  readonly seed: number;
  readonly failure?: Failure;
}

const SEEDS = 2 ** 31;
/** Longer than a case may wait: what it waited for is told then. */
const JEST_TIMEOUT_MS = 120_000;

export const newSeed = (): number => Math.trunc(Math.random() * SEEDS);

/** Rounds of `seed`, `seed + 1`… until the time has passed, one case at least; ends at the first that fails. */
export async function spend(
  { name, round }: Fuzz,
  seed: number,
  budgetMs: number,
  watchdog: Watchdog,
): Promise<Spent> {
  const untilMs = performance.now() + budgetMs;
  let cases = 0;
  let next = seed;
  try {
    do {
      watchdog.watch(name, next);
      const { cases: tried, failure } = await round(next, { untilMs, beat: watchdog.beat });
      cases += tried;
      next = (next + 1) % SEEDS;
      if (failure) return { cases, seed: next, failure };
    } while (performance.now() < untilMs);
    return { cases, seed: next };
  } finally {
    watchdog.rest();
  }
}

/** For jest: a test for each, with a new seed each time. */
export function fuzzTests(fuzzes: readonly Fuzz[], budgetMs: number): void {
  const seed = newSeed();
  let watchdog: Watchdog;
  beforeAll(() => {
    watchdog = startWatchdog();
    process.stdout.write(`Fuzzing ${fuzzes.map(({ name }) => name).join(', ')}: seed ${seed}\n`);
  });
  afterAll(() => watchdog.stop());

  test.each(fuzzes)(
    'new inputs find no fault: $name',
    async (fuzz) => {
      const { cases, failure } = await spend(fuzz, seed, budgetMs, watchdog);
      if (failure) throw new Error(describeFailure(failure));
      expect(cases).toBeGreaterThan(0);
    },
    JEST_TIMEOUT_MS,
  );

  test.each(fuzzes)('a seed makes the same inputs again: $name', ({ sample }) => {
    expect(sample(seed, 3)).toEqual(sample(seed, 3));
    expect(sample(seed, 3)).not.toEqual(sample(seed + 1, 3));
  });
}
