import fc from 'fast-check';

/** What must hold for every input, as jest and `npm run fuzz` both try it. */
export interface Property<Input> {
  readonly name: string;
  /** Of the time, against the others' shares. */
  readonly share: number;
  /** In a round, at most. */
  readonly cases: number;
  readonly inputs: fc.Arbitrary<Input>;
  /** The input for a reader: what he needs to send it again himself. */
  readonly show: (input: Input) => string;
  /** Throws if the input finds a fault. Depends on no input before. */
  readonly check: (input: Input) => Promise<void> | void;
}

/** A property whose inputs are its own affair. */
export interface Fuzz {
  readonly name: string;
  readonly share: number;
  /** Some inputs, made from `seed` alone. */
  round(seed: number, options?: RoundOptions): Promise<Round>;
  /** The first inputs of a round. */
  sample(seed: number, count: number): string[];
}

export interface RoundOptions {
  /** Only this case of the round, counted from 0. */
  readonly only?: number;
  /** When no further case begins, by `performance.now()`. */
  readonly untilMs?: number;
  /** Is called before each try of a case. */
  readonly beat?: (index: number) => void;
}

export interface Round {
  readonly cases: number;
  readonly failure?: Failure;
}

export interface Failure {
  readonly property: string;
  /** Of the round, and its case: they fail in the same way again. */
  readonly seed: number;
  readonly index: number;
  /** The smallest input found that fails. */
  readonly input: string;
  readonly error: unknown;
}

/** No input is worth more of the processor, all threads of this process together: ten times what the longest takes. */
const MAX_CPU_MS = 40_000;
/** And none waits so long, on a machine that does much else. */
export const MAX_WAIT_MS = 60_000;
const MAX_SHRINK_MS = 30_000;

export function fuzz<Input>({ name, share, cases, inputs, show, check }: Property<Input>): Fuzz {
  return {
    name,
    share,
    sample: (seed, count) => fc.sample(inputs, { seed, numRuns: count }).map(show),
    async round(seed, { only, untilMs = Number.POSITIVE_INFINITY, beat = () => {} } = {}) {
      const strays = collectStrays();
      const first = only ?? 0;
      let tried = 0;
      let failed = false;
      const property = fc.asyncProperty(inputs, async (input) => {
        // After a failure come smaller inputs of the same case.
        if (!failed) {
          if (tried > 0 && performance.now() > untilMs) return;
          tried++;
        }
        beat(first + tried - 1);
        strays.forget();
        try {
          await withinTime(async () => check(input));
          strays.throwFirst();
        } catch (error) {
          failed = true;
          throw error;
        }
      });
      try {
        const { counterexample, errorInstance } = await fc.check(property, {
          seed,
          numRuns: only === undefined ? cases : 1,
          ...(only !== undefined && { path: String(only) }),
          interruptAfterTimeLimit: MAX_SHRINK_MS,
        });
        if (counterexample === null) return { cases: tried };
        const failure = { property: name, seed, index: first + tried - 1, error: errorInstance };
        return { cases: tried, failure: { ...failure, input: show(counterexample[0]) } };
      } finally {
        strays.stop();
      }
    },
  };
}

/** What blocks for ever is for the watchdog. */
async function withinTime(run: () => Promise<void>): Promise<void> {
  const before = process.cpuUsage();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${MAX_WAIT_MS} ms`)), MAX_WAIT_MS);
  });
  try {
    await Promise.race([run(), late]);
  } finally {
    clearTimeout(timer);
  }
  const ms = cpuMs(before);
  if (ms > MAX_CPU_MS) throw new Error(`It took ${ms} ms of the processor`);
}

/** Of all threads of this process, since `before`. */
export function cpuMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return Math.round((user + system) / 1000);
}

/** Rejections that nobody handles, and what the service reports on stderr as its own faults. */
function collectStrays(): { forget(): void; throwFirst(): void; stop(): void } {
  const strays: unknown[] = [];
  const onRejection = (reason: unknown) => strays.push(reason);
  const { error: original } = console;
  console.error = (...args: unknown[]) => strays.push(new Error(`Logged: ${args.join(' ')}`));
  process.on('unhandledRejection', onRejection);
  return {
    forget() {
      strays.length = 0;
    },
    throwFirst() {
      if (strays.length > 0) throw strays[0];
    },
    stop() {
      console.error = original;
      process.off('unhandledRejection', onRejection);
    },
  };
}

const MAX_SHOWN = 20_000;

export function describeFailure({ property, seed, index, input, error }: Failure): string {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const shown =
    input.length > MAX_SHOWN ? `${input.slice(0, MAX_SHOWN)}… (${input.length} characters)` : input;
  return `${property}: ${reason}\nInput: ${shown}\nAgain: npm run fuzz -- ${caseOptions(property, seed, index)}`;
}

/** Of `npm run fuzz`: what repeats a case alone. */
export const caseOptions = (property: string, seed: number, index: number): string =>
  `--property ${property} --seed ${seed} --case ${index}`;
