import { apply, holds, prepare } from './expression.ts';
import {
  type Condition,
  type Item,
  type Key,
  MAX_KEYS_PER_READ,
  type Query,
  type ScannableItems,
} from './ports.ts';
import { copyItem, itemBytes, MAX_ITEM_BYTES, MAX_PAGE_BYTES, refuseEmptyKey } from './value.ts';

/** The rows below an item store. An item is never changed in place, by either side. */
export interface Rows {
  get(key: Key): Item | undefined;
  /** Adds the item or replaces the one of its key. */
  put(item: Item): void;
  delete(key: Key): void;
  /** The items of the group within the bounds, in order; read only as far as the caller goes. */
  scan(query: Omit<Query, 'limit'>): Iterable<Item>;
  /** All items, those of a group together; read only as far as the caller goes. */
  all(after: Key | undefined): Iterable<Item>;
}

/**
 * An item store over rows that are at hand. `write` runs an operation that reads and writes rows, with nothing in
 * between, and resolves when what it wrote will last; if the operation throws, it has written nothing.
 */
export function itemStore(rows: Rows, write: <T>(operation: () => T) => Promise<T>): ScannableItems {
  const stored = (item: Item) => {
    const bytes = itemBytes(item);
    if (bytes > MAX_ITEM_BYTES) throw new RangeError(`an item of ${bytes} bytes`);
    rows.put(item);
    return { applied: true, item } as const;
  };
  /** The refusal, if the condition does not hold. */
  const refusal = (condition: Condition | undefined, item: Item | undefined) =>
    condition === undefined || holds(condition, item) ? undefined : ({ applied: false, item } as const);

  return {
    get: async (key) => rows.get(key),
    async getMany(keys) {
      if (keys.length > MAX_KEYS_PER_READ) throw new TypeError(`${keys.length} keys in one read`);
      return keys.map(rows.get);
    },

    async query({ limit, ...bounds }) {
      const items: Item[] = [];
      let bytes = 0;
      for (const item of rows.scan(bounds)) {
        items.push(item);
        bytes += itemBytes(item);
        if (items.length === limit || bytes >= MAX_PAGE_BYTES) return { items, lastSk: item.sk };
      }
      return { items };
    },

    async scan({ after, limit }) {
      const items: Item[] = [];
      for (const item of rows.all(after)) {
        items.push(item);
        if (items.length === limit) return { items, next: { pk: item.pk, sk: item.sk } };
      }
      return { items };
    },

    async put(item, condition) {
      const copy = copyItem(item);
      return write(() => {
        const refused = condition && refusal(condition, rows.get(item));
        return refused ?? stored(copy);
      });
    },

    async update(key, actions, condition) {
      refuseEmptyKey(key);
      const prepared = prepare(actions);
      return write(() => {
        const item = rows.get(key);
        return refusal(condition, item) ?? stored(apply(prepared, item, key));
      });
    },

    delete: (key, condition) =>
      write(() => {
        const refused = condition && refusal(condition, rows.get(key));
        if (!refused) rows.delete(key);
        return refused ?? { applied: true, item: undefined };
      }),
  };
}
