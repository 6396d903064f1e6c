import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import { withRetries } from '../log/retry.ts';
import { type Condition, type Item, type ItemTables, type Key, TABLES } from '../storage/ports.ts';
import { atNewHome, isTaskItem } from '../streams/runtime/taskItem.ts';
import { epochOf, inEpoch } from './epochItems.ts';
import type { FailoverLimits } from './limits.ts';

/** What was true of processes of the epoch before: leases, accounts of runs, what quotas have left, members and their divisions. */
const LEFT_BEHIND = /^(lease$|run$|spent\/)/;
const MEMBERS = /^(member|division)\//;

/**
 * Copies what an epoch has written, as one region's tables show it, into the next epoch, in another region's. `told` of each page: how many
 * items there were by then. Nobody else writes in the next epoch; but a put of this may be carried out twice, and late, when the next home has begun:
 * so it only puts where nothing is. `whole`: nothing is left behind, and what is there gives way.
 */
export async function copyEpoch(
  clock: Clock,
  source: ItemTables,
  target: ItemTables,
  epochs: { readonly from: number; readonly to: number },
  limits: Pick<FailoverLimits, 'itemsPerPage' | 'putsAtOnce'>,
  told: (items: number) => void,
  whole = false,
): Promise<number> {
  let copied = 0;
  const condition: Condition | undefined = whole ? undefined : { missing: ['pk'] };
  for (const table of TABLES) {
    let after: Key | undefined;
    do {
      const options = { limit: limits.itemsPerPage, ...(after && { after }) };
      const page = await withRetries(clock, () => source[table].scan(options));
      const items = page.items.flatMap((item) => takenOver(item, epochs.from, whole));
      await atOnce(items, limits.putsAtOnce, (item) =>
        withRetries(clock, () => target[table].put(inEpoch(item, epochs.from, epochs.to), condition)),
      );
      copied += items.length;
      told(copied);
      after = page.next;
    } while (after !== undefined);
  }
  return copied;
}

function takenOver(item: Item, epoch: number, whole: boolean): Item[] {
  if (epochOf(item) !== epoch || item.pk === 'home') return [];
  if (whole) return [item];
  const { pk } = inEpoch(item, epoch, 1);
  // No late writer of the epoch before meets an index of this one: so it needs no marks.
  if (LEFT_BEHIND.test(pk) || item.absorbed !== undefined) return [];
  if (isTaskItem({ pk })) return [atNewHome(item)];
  if (!pk.startsWith('group/')) return [item];
  if (MEMBERS.test(item.sk)) return [];
  // Whoever is still there joins anew: positions are what counts.
  const changes = (item.changes as number) + 1;
  return [{ ...item, division: '', members: 0, assigned: 0, changes }];
}
