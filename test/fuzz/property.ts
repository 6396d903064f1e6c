import fc from 'fast-check';

/** What must hold for every input, as jest and `npm run fuzz` both try it. */
export interface Property<Input> {
  readonly name: string;
  /** In a round. */
  readonly cases: number;
  readonly inputs: fc.Arbitrary<Input>;
  /** The input for a reader: what he needs to send it again himself. */
  readonly show: (input: Input) => string;
  readonly open: () => Promise<Subject<Input>>;
}

/** What inputs are held against; `check` throws if they find a fault. */
export interface Subject<Input> {
  check(input: Input): Promise<void> | void;
  close(): Promise<void> | void;
}

/** A property whose inputs are its own affair. */
export interface Fuzz {
  readonly name: string;
  /** Some inputs, made from `seed` alone. `beat` is called before each. */
  round(seed: number, beat?: () => void): Promise<Failure | undefined>;
  /** The first inputs of a round. */
  sample(seed: number, count: number): string[];
}

export interface Failure {
  readonly property: string;
  /** Of the round: the same one fails in the same way. */
  readonly seed: number;
  /** The smallest input found that fails. */
  readonly input: string;
  readonly error: unknown;
}

/** No input is worth more of the processor, all threads of this process together. */
const MAX_CPU_MS = 10_000;
/** And none waits so long, on a machine that does much else. */
const MAX_WAIT_MS = 20_000;
const MAX_SHRINK_MS = 30_000;

export function fuzz<Input>({ name, cases, inputs, show, open }: Property<Input>): Fuzz {
  return {
    name,
    sample: (seed, count) => fc.sample(inputs, { seed, numRuns: count }).map(show),
    async round(seed, beat = () => {}) {
      const strays = collectStrays();
      const subject = await open();
      const property = fc.asyncProperty(inputs, async (input) => {
        beat();
        strays.forget();
        await withinTime(async () => subject.check(input));
        strays.throwFirst();
      });
      try {
        const { failed, counterexample, errorInstance } = await fc.check(property, {
          seed,
          numRuns: cases,
          interruptAfterTimeLimit: MAX_SHRINK_MS,
        });
        if (!failed) return undefined;
        const input = counterexample === null ? 'none was tried in time' : show(counterexample[0]);
        return { property: name, seed, input, error: errorInstance };
      } finally {
        await subject.close();
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
  const { user, system } = process.cpuUsage(before);
  const ms = Math.round((user + system) / 1000);
  if (ms > MAX_CPU_MS) throw new Error(`It took ${ms} ms of the processor`);
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

export function describeFailure({ property, seed, input, error }: Failure): string {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const shown =
    input.length > MAX_SHOWN ? `${input.slice(0, MAX_SHOWN)}… (${input.length} characters)` : input;
  return `${property}: ${reason}\nInput: ${shown}\nAgain: npm run fuzz -- --property ${property} --seed ${seed}`;
}
