import { describeOperations } from './narrate.ts';
import { play, violated } from './run.ts';
import { scenarioOf, type ThemeName } from './scenario.ts';
import { shrink } from './shrink.ts';
import type { Failed } from './worker.ts';

const SHRINK_MS = 60_000;
/** A longer story is not told in full. */
const MAX_EVENTS = 400;

/** Prints what a failure was, and the shortest history in which it shows. */
export async function explain({ seed, property, violation }: Failed, theme?: ThemeName): Promise<void> {
  console.log(`VIOLATED: ${property}\n  ${violation}\n`);
  console.log(
    `Again: npm run simulate -- --seed ${seed}${theme ? ` --theme ${theme}` : ''}    Every event of it: add --trace\n`,
  );
  // What its troubles are is decided as it goes: there is nothing to leave out.
  if (theme === 'failovers' || theme === 'streams') return;
  console.log('Looking for the shortest history …');
  const { scenario, run } = await shrink(scenarioOf(seed, theme), property, Date.now() + SHRINK_MS);
  for (const report of violated(run))
    console.log(`\n${report.property}\n  ${report.violations.join('\n  ')}`);
  console.log(`\nThe shortest history found, of ${run.history.operations.length} operations:\n`);
  console.log(describeOperations(run.history.operations));
  const events: string[] = [];
  await play(scenario, (line) => events.push(line));
  console.log(
    events.length > MAX_EVENTS
      ? `It has ${events.length} events; with --scenario and --trace you see them.\n`
      : `What happened in the stores, with the faults that struck:\n\n${events.join('\n')}\n`,
  );
  console.log(`Its scenario, for a file in test/simulation/seeds, and for --scenario:\n`);
  console.log(JSON.stringify(scenario));
}
