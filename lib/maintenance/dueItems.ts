import { DUE_PK, lastDueSk } from '../log/due.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Item, ItemStore } from '../storage/ports.ts';
import type { Wadi } from '../wadi.ts';
import type { MaintenanceLimits } from './limits.ts';

/** Of a unit that is of all topics. */
export const ALL_TOPICS: LogTopic = { id: '', name: '', partitions: 0, partitionsPerHead: 0 };

/** One write, of whoever comes first. */
export async function ensureDue(items: ItemStore, item: Item): Promise<void> {
  if ((await items.get({ pk: item.pk, sk: item.sk })) === undefined) await items.put(item);
}

/** The items that are due, page by page, the oldest first; `pagesPerPlan` at most. */
export async function* dueBy(
  { clock, storage }: Pick<Wadi, 'clock' | 'storage'>,
  now: number,
  { duePerPage, pagesPerPlan }: Pick<MaintenanceLimits, 'duePerPage' | 'pagesPerPlan'>,
): AsyncGenerator<Item[]> {
  let from = '0';
  for (let page = 0; page < pagesPerPlan; page++) {
    const query = { pk: DUE_PK, from, to: lastDueSk(now), limit: duePerPage };
    const { items, lastSk } = await withRetries(clock, () => storage.log.query(query));
    yield items;
    if (lastSk === undefined) return;
    // The next key there can be: no character of a unit comes before '-'.
    from = `${lastSk}-`;
  }
}
