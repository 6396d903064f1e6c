import { Command, Option } from 'commander';
import { integer } from '../../lib/cli/options.ts';
import { batchFuzzes } from './batchProperties.ts';
import { newSeed, spend } from './budget.ts';
import { describeFailure } from './property.ts';
import { routeFuzzes } from './routeProperties.ts';
import { socketFuzzes } from './socketProperties.ts';
import { startWatchdog } from './watchdog.ts';

/** `npm run fuzz`: the properties of the tests, for as long as one likes. */
const fuzzes = [...batchFuzzes, ...routeFuzzes, ...socketFuzzes];

/** The properties take turns. */
const TURN_MS = 1_000;

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly property?: string;
}

async function main({ seconds, seed, property }: Options): Promise<number> {
  const chosen = fuzzes.filter(({ name }) => property === undefined || property === name);
  const totals = new Map(chosen.map(({ name }) => [name, { cases: 0, ms: 0 }]));
  const watchdog = startWatchdog();
  const started = performance.now();
  const elapsedSeconds = () => (performance.now() - started) / 1000;
  console.log(`Seed ${seed}`);
  for (let turn = 0; turn < chosen.length || elapsedSeconds() < seconds; turn++) {
    const fuzz = chosen[turn % chosen.length]!;
    const total = totals.get(fuzz.name)!;
    const began = performance.now();
    // No turn begins where another one ended: there are a thousand rounds between.
    const turnSeed = (seed + Math.floor(turn / chosen.length) * 1_000) % 2 ** 31;
    const { cases, failure } = await spend(fuzz, turnSeed, TURN_MS, watchdog.beat);
    total.cases += cases;
    total.ms += performance.now() - began;
    if (failure) {
      process.stderr.write('\n');
      console.log(describeFailure(failure));
      return 1;
    }
    const counts = Array.from(totals, ([name, { cases }]) => `${name} ${cases}`).join('  ');
    process.stderr.write(`\r${elapsedSeconds().toFixed(0).padStart(5)} s  ${counts}`);
  }
  process.stderr.write('\n');
  for (const [name, { cases, ms }] of totals) {
    console.log(
      `${name.padEnd(10)} ${String(cases).padStart(10)} cases ${((cases / ms) * 1000).toFixed(0).padStart(7)}/s, none failed`,
    );
  }
  const { maxRSS } = process.resourceUsage();
  console.log(
    `No fault found in ${elapsedSeconds().toFixed(0)} s; at most ${(maxRSS / 1024).toFixed(0)} MB of memory.`,
  );
  return 0;
}

const options = new Command('fuzz')
  .description('Tries arbitrary and mutated inputs on the record batch decoder and every HTTP route')
  .option('--seconds <n>', 'how long', integer(1), 60)
  .option(
    '--seed <n>',
    'of the first round; a failure tells the seed that repeats it',
    integer(0, 2 ** 31 - 1),
    newSeed(),
  )
  .addOption(new Option('--property <name>', 'only this one').choices(fuzzes.map(({ name }) => name)))
  .parse()
  .opts<Options>();

process.exitCode = await main(options);
process.exit();
