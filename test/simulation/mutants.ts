import { table } from '../../lib/cli/table.ts';
import { runTask } from './crew.ts';
import { MUTATIONS, staleMutations } from './mutations.ts';
import { progressLine } from './progressLine.ts';

interface Options {
  readonly first: number;
  readonly workers: number;
  readonly maxRuns: number;
  /** Of the mutations, those that have this text somewhere. */
  readonly only: string;
}

/** Plays histories, the same for each mutation, until one shows a violation; resolves with the exit code. */
export async function runMutations({ first, workers, maxRuns, only }: Options): Promise<number> {
  const stale = staleMutations();
  for (const line of stale) console.error(`does not fit the code any more: ${line}`);
  const chosen = [...MUTATIONS.keys()].filter((i) =>
    Object.values(MUTATIONS[i]!).some((text) => text.includes(only)),
  );
  if (chosen.length === 0) console.error(`no mutation has '${only}' in its rule, file or code`);
  if (stale.length > 0 || chosen.length === 0) return 2;

  const results = new Map<number, readonly string[]>();
  const showProgress = progressLine();
  let survivors = 0;
  const left = chosen.values();
  const work = async (): Promise<void> => {
    for (const mutation of left) {
      const { rule, file, theme } = MUTATIONS[mutation]!;
      let played = 0;
      const task = { first, step: 1, runs: maxRuns, untilMs: Number.POSITIVE_INFINITY, mutation, theme };
      const { failed } = await runTask(task, ({ runs }) => {
        played += runs;
      });
      // Code that cannot run at all shows nothing of the rule.
      const broken = failed !== undefined && /TypeError|ReferenceError/.test(failed.violation);
      if (failed === undefined || broken) {
        survivors++;
        console.error(`${broken ? 'BROKEN' : 'SURVIVED'}: ${rule}`);
      }
      const histories = failed ? String(played) : `survived ${played}`;
      results.set(mutation, [rule, file, histories, broken ? 'BROKEN' : (failed?.property ?? '')]);
      showProgress(`${results.size} of ${chosen.length} mutations`);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  showProgress(undefined);
  const rows = chosen.map((mutation) => results.get(mutation)!);
  console.log(
    table([['without the rule that', 'in', 'histories', 'is noticed, since it is not true that'], ...rows]),
  );
  console.log(survivors === 0 ? 'Every mutation was noticed.' : `${survivors} mutations SURVIVED.`);
  return survivors === 0 ? 0 : 1;
}
