import { type Item, type ItemStore, type Key, StorageError, type WriteOutcome } from '../storage/ports.ts';
import type { Authority } from './authority.ts';

/** Items of the first epoch are where they would be without. */
export function epochPrefix(epoch: number): string {
  return epoch === 1 ? '' : `e${epoch}/`;
}

/** The epoch that a key was written in. */
export function epochOf({ pk }: Pick<Key, 'pk'>): number {
  const [, epoch] = /^e(\d+)\//.exec(pk) ?? [];
  return epoch === undefined ? 1 : Number(epoch);
}

/** The same item in another epoch. */
export function inEpoch<T extends Pick<Key, 'pk'>>(item: T, from: number, to: number): T {
  return { ...item, pk: epochPrefix(to) + item.pk.slice(epochPrefix(from).length) };
}

/**
 * What an epoch has of a table, under keys of its own: so that what one that was home before still writes, or has written and is
 * replicated late, meets nothing of the next.
 */
export function epochItems(items: ItemStore, epoch: number): ItemStore {
  if (epoch === 1) return items;
  const prefix = epochPrefix(epoch);
  const to = <T extends Key>(key: T): T => ({ ...key, pk: prefix + key.pk });
  const from = (item: Item): Item => ({ ...item, pk: item.pk.slice(prefix.length) });
  const maybe = (item: Item | undefined) => item && from(item);
  const written = ({ applied, item }: WriteOutcome) => ({ applied, item: maybe(item) }) as WriteOutcome;

  return {
    get: async (key) => maybe(await items.get(to(key))),
    getMany: async (keys) => (await items.getMany(keys.map(to))).map(maybe),
    async query(query) {
      const page = await items.query({ ...query, pk: prefix + query.pk });
      return { ...page, items: page.items.map(from) };
    },
    put: async (item, condition) => written(await items.put(to(item), condition)),
    update: async (key, actions, condition) => written(await items.update(to(key), actions, condition)),
    delete: async (key, condition) => written((await items.delete(to(key), condition)) as WriteOutcome),
  };
}

/**
 * A table that answers only while the epoch counts: a call that comes back later fails, since nobody knows by then what the next home
 * has taken over of it.
 */
export function whileHome(
  items: ItemStore,
  epoch: number,
  authority: Pick<Authority, 'current' | 'holds'>,
): ItemStore {
  const guarded =
    <A extends unknown[], R>(applied: StorageError['applied'], call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (!authority.holds(epoch) && (await authority.current()).epoch !== epoch) {
        throw new StorageError('another region is home by now', 'no');
      }
      const result = await call(...args);
      if (!authority.holds(epoch)) throw new StorageError('another region may be home by now', applied);
      return result;
    };
  return {
    get: guarded('no', items.get),
    getMany: guarded('no', items.getMany),
    query: guarded('no', items.query),
    put: guarded('unknown', items.put),
    update: guarded('unknown', items.update),
    delete: guarded('unknown', items.delete),
  };
}
