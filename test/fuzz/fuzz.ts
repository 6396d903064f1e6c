import { Command, Option } from 'commander';
import { integer } from '../../lib/cli/options.ts';
import { batchFuzzes } from './batchProperties.ts';
import { newSeed, spend } from './budget.ts';
import { livesFuzzes } from './livesProperties.ts';
import { describeFailure } from './property.ts';
import { routeFuzzes } from './routeProperties.ts';
import { scalingFuzzes } from './scalingProperties.ts';
import { socketFuzzes } from './socketProperties.ts';
import { startWatchdog } from './watchdog.ts';

/** `npm run fuzz`: the properties of the tests, for as long as one likes. */
const fuzzes = [...batchFuzzes, ...routeFuzzes, ...livesFuzzes, ...scalingFuzzes, ...socketFuzzes];

/** The properties take turns. Time counts from the start of the process. */
const MAX_TURN_MS = 1_000;
const USAGE = 2;

interface Options {
  readonly seconds: number;
  readonly seed?: number;
  readonly property?: string;
  readonly case?: number;
}

const command = new Command('fuzz')
  .description(
    `Tries arbitrary and mutated inputs on the record batch decoder, every HTTP route and the local server's port.
Exits with 0 if no fault was found, with 1 if one was, with 2 if it was not understood.`,
  )
  .option('--seconds <n>', 'how long', integer(1, 86_400), 60)
  .option('--seed <n>', 'of the first round (default: by chance)', integer(0, 2 ** 31 - 1))
  .addOption(new Option('--property <name>', 'only this one').choices(fuzzes.map(({ name }) => name)))
  .option('--case <n>', 'print this case of the round of --property and --seed, and try it alone', integer(0))
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE))
  .parse();

const watchdog = startWatchdog();

async function runAll({ seconds, seed = newSeed(), property }: Options): Promise<number> {
  const totals = fuzzes
    .filter(({ name }) => property === undefined || property === name)
    .map((fuzz) => ({ fuzz, seed, cases: 0, ms: 0 }));
  const endMs = seconds * 1000;
  console.log(`Seed ${seed}`);
  for (;;) {
    const began = performance.now();
    // Each is tried once; then only those of which a case will end in time.
    const ready = totals.filter(({ cases, ms }) => cases === 0 || began + ms / cases < endMs);
    if (ready.length === 0) break;
    const total = ready.reduce((a, b) => (b.ms / b.fuzz.share < a.ms / a.fuzz.share ? b : a));
    const turnMs = Math.min(MAX_TURN_MS, seconds * 20, endMs - began);
    const { cases, seed, failure } = await spend(total.fuzz, total.seed, turnMs, watchdog);
    total.cases += cases;
    total.ms += performance.now() - began;
    total.seed = seed;
    if (failure) {
      process.stderr.write('\n');
      console.log(describeFailure(failure));
      return 1;
    }
    const counts = totals.map(({ fuzz, cases }) => `${fuzz.name} ${cases}`).join('  ');
    process.stderr.write(`\r${(performance.now() / 1000).toFixed(0).padStart(5)} s  ${counts}`);
  }
  process.stderr.write('\n');
  for (const { fuzz, cases, ms } of totals) {
    const perSecond = ((cases / ms) * 1000).toFixed(0).padStart(7);
    const spent = (ms / 1000).toFixed(0).padStart(5);
    console.log(
      `${fuzz.name.padEnd(10)} ${String(cases).padStart(10)} cases ${perSecond}/s ${spent} s, none failed`,
    );
  }
  console.log(`No fault found in ${(performance.now() / 1000).toFixed(0)} s.`);
  return 0;
}

async function runOne(property: string, seed: number, index: number): Promise<number> {
  const { sample, round } = fuzzes.find(({ name }) => name === property)!;
  watchdog.watch(property, seed);
  watchdog.beat(index);
  console.log(`Input: ${sample(seed, index + 1).at(-1)}`);
  const { failure } = await round(seed, { only: index, beat: watchdog.beat });
  console.log(failure ? describeFailure(failure) : 'No fault found.');
  return failure ? 1 : 0;
}

const options = command.opts<Options>();
const { property, seed, case: index } = options;
if (index === undefined) {
  process.exitCode = await runAll(options);
} else if (property === undefined || seed === undefined) {
  command.error('error: --case is for --property and --seed');
} else {
  process.exitCode = await runOne(property, seed, index);
}
process.exit();
