import { compareUtf8 } from '../value.ts';

/** A map whose keys can be walked in the order of their UTF-8 bytes. */
export interface SortedMap<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  /** Within inclusive bounds. To be read before the map is changed again. */
  range(bounds: { from?: string; to?: string; descending?: boolean }): Iterable<[string, T]>;
}

export function sortedMap<T>(): SortedMap<T> {
  const values = new Map<string, T>();
  const keys: string[] = [];

  /** The index of the first key that is at or beyond `key`. */
  const position = (key: string): number => {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(keys[middle]!, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    get: (key) => values.get(key),
    set(key, value) {
      if (!values.has(key)) keys.splice(position(key), 0, key);
      values.set(key, value);
    },
    delete(key) {
      if (values.delete(key)) keys.splice(position(key), 1);
    },
    *range({ from, to, descending }) {
      const first = from === undefined ? 0 : position(from);
      let end = to === undefined ? keys.length : position(to);
      if (to !== undefined && keys[end] === to) end++;
      for (let i = 0; i < end - first; i++) {
        const key = keys[descending ? end - 1 - i : first + i]!;
        yield [key, values.get(key)!];
      }
    },
  };
}
