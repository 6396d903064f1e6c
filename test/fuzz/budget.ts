import { describeFailure, type Failure, type Fuzz } from './property.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

export interface Spent {
  readonly cases: number;
  readonly failure?: Failure;
}

/** Seeds are 32 bits. */
export const newSeed = (): number => Math.trunc(Math.random() * 2 ** 31);

/** Rounds of `seed`, `seed + 1`… until the time has passed, one at least; ends at the first that fails. */
export async function spend(
  { name, round }: Fuzz,
  seed: number,
  budgetMs: number,
  beat: (what: string) => void,
): Promise<Spent> {
  const until = performance.now() + budgetMs;
  let cases = 0;
  let roundSeed = seed;
  do {
    const what = `--property ${name} --seed ${roundSeed}`;
    const failure = await round(roundSeed, () => {
      cases++;
      beat(`${what}, case ${cases}`);
    });
    if (failure) return { cases, failure };
    roundSeed = (roundSeed + 1) % 2 ** 31;
  } while (performance.now() < until);
  return { cases };
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

  test.each(fuzzes)('new inputs find no fault: $name', async (fuzz) => {
    const { cases, failure } = await spend(fuzz, seed, budgetMs, watchdog.beat);
    if (failure) throw new Error(describeFailure(failure));
    expect(cases).toBeGreaterThan(0);
  });

  test.each(fuzzes)('a seed makes the same inputs again: $name', ({ sample }) => {
    expect(sample(seed, 5)).toEqual(sample(seed, 5));
    expect(sample(seed, 5)).not.toEqual(sample(seed + 1, 5));
  });
}
