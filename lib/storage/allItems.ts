import type { Clock } from '../clock.ts';
import { withRetries } from '../log/retry.ts';
import type { Item, ItemPage, ItemStore, Query } from './ports.ts';

/** Every item of a query, in pages of `limit`. What is written meanwhile may be among them or not. */
export async function allItems(items: ItemStore, clock: Clock, query: Query): Promise<Item[]> {
  const found: Item[] = [];
  for (let from = query.from; ; ) {
    const page: ItemPage = await withRetries(clock, () => items.query({ ...query, ...(from && { from }) }));
    found.push(...page.items);
    if (page.lastSk === undefined) return found;
    from = `${page.lastSk}\0`;
  }
}
