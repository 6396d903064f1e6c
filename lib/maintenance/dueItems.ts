import type { Clock } from '../clock.ts';
import { DUE_PK, lastDueSk, parseDueKey, topicUnit } from '../log/due.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Item, ItemStore } from '../storage/ports.ts';
import type { MaintenanceLimits } from './limits.ts';

/** Of a unit that is of all topics. */
export const ALL_TOPICS: LogTopic = { id: '', name: '', partitions: 0, partitionsPerHead: 0 };

/** One write, of whoever comes first. */
export async function ensureDue(items: ItemStore, item: Item): Promise<void> {
  if ((await items.get({ pk: item.pk, sk: item.sk })) === undefined) await items.put(item);
}

interface Context {
  readonly items: ItemStore;
  readonly clock: Clock;
}

type Pages = Pick<MaintenanceLimits, 'duePerPage' | 'pagesPerPlan'>;

/** The items that are due, page by page, the oldest first; `pagesPerPlan` at most. */
export async function* dueBy(
  { items: store, clock }: Context,
  now: number,
  { duePerPage, pagesPerPlan }: Pages,
): AsyncGenerator<Item[]> {
  let from = '0';
  for (let page = 0; page < pagesPerPlan; page++) {
    const query = { pk: DUE_PK, from, to: lastDueSk(now), limit: duePerPage };
    const { items, lastSk } = await withRetries(clock, () => store.query(query));
    yield items;
    if (lastSk === undefined) return;
    // The next key there can be: no character of a unit comes before '-'.
    from = `${lastSk}-`;
  }
}

/** How long a topic's garbage has been due and not been collected; 0 if none is. */
export async function floorLagMs(context: Context, topicId: string, pages: Pages): Promise<number> {
  const unit = topicUnit(topicId, 'garbage');
  const now = context.clock.now();
  for await (const items of dueBy(context, now, pages)) {
    const oldest = items.map(parseDueKey).find((due) => due.unit === unit);
    if (oldest !== undefined) return now - oldest.dueAtMs;
  }
  return 0;
}
