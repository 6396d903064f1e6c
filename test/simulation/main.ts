import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { integer } from '../../lib/cli/options.ts';
import { MAX_WORKERS } from './crew.ts';
import { gameOf, violatedIn } from './game.ts';
import { runHistories } from './histories.ts';
import { runMutations } from './mutants.ts';
import { play } from './run.ts';
import type { Scenario, ThemeName } from './scenario.ts';

interface Options {
  readonly runs?: number;
  readonly seconds?: number;
  readonly seed?: number;
  readonly scenario?: string;
  readonly workers: number;
  readonly trace?: boolean;
  readonly mutations?: boolean;
  readonly maxRuns: number;
  readonly only: string;
  readonly theme?: ThemeName;
}

const MAX_SEED = 2 ** 48;
const USAGE = 2;

const command = new Command('simulate')
  .description(
    `Runs Wadi's log in a simulated cloud, where a seed decides every delay, order and fault, and checks the history.
Exits with 0 if every property held (or every mutation was noticed), with 1 if not, with 2 if it was not understood.`,
  )
  .option('--runs <n>', 'histories to run (default: 1000, or 1 if a seed is given)', integer(1))
  .addOption(
    new Option('--seconds <n>', 'run new histories for so long instead')
      .argParser(integer(1, 86_400))
      .conflicts('runs'),
  )
  .option(
    '--seed <n>',
    'of the first history; the next ones follow (default: by chance)',
    integer(0, MAX_SEED),
  )
  .addOption(
    new Option('--scenario <file>', 'run the scenario that a failure has printed').conflicts([
      'seed',
      'runs',
      'seconds',
    ]),
  )
  .addOption(
    new Option('--theme <name>', 'only histories of it')
      .choices(['regions', 'failovers', 'streams'])
      .conflicts(['scenario', 'mutations']),
  )
  .option('--workers <n>', 'threads', integer(1, 16), MAX_WORKERS)
  .addOption(new Option('--trace', 'print every event of one history').conflicts(['runs', 'seconds']))
  .addOption(
    new Option('--mutations', 'take rules away from the log, one by one: each must be noticed').conflicts([
      'runs',
      'seconds',
      'trace',
      'scenario',
    ]),
  )
  .option('--max-runs <n>', 'histories in which a mutation must be noticed', integer(1), 4_000)
  .option('--only <text>', 'mutations that have this text in their rule, file or code', '')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE))
  .parse();

const { runs, seed, seconds, scenario, workers, trace, mutations, maxRuns, only, theme } =
  command.opts<Options>();

// Whoever read our output has had enough of it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

if (mutations) {
  process.exitCode = await runMutations({ first: seed ?? 1, workers, maxRuns, only });
} else if (only !== '') {
  command.error('error: --only is for --mutations');
} else if (trace || scenario !== undefined) {
  process.exitCode = await runOne();
} else {
  process.exitCode = await runHistories({
    first: seed ?? randomInt(MAX_SEED - 1),
    runs: seconds ? Number.POSITIVE_INFINITY : (runs ?? (seed === undefined ? 1_000 : 1)),
    seconds,
    workers,
    theme,
  });
}

async function runOne(): Promise<number> {
  const log = trace ? (line: string) => console.log(line) : undefined;
  const run =
    scenario === undefined
      ? await (await gameOf(theme))(seed ?? randomInt(MAX_SEED - 1), log)
      : await play(read(scenario), log);
  for (const { property, violations } of violatedIn(run)) {
    console.log(`VIOLATED: ${property}\n  ${violations.join('\n  ')}`);
  }
  if (violatedIn(run).length > 0) return 1;
  console.log('Every property held.');
  return 0;
}

function read(file: string): Scenario {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Scenario;
  } catch (error) {
    return command.error(`error: ${file}: ${(error as Error).message}`);
  }
}
