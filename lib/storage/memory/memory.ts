import { itemStore } from '../items.ts';
import type { Item, ItemStore, ObjectPage, ObjectStore, Storage } from '../ports.ts';
import { type SortedMap, sortedMap } from './sorted-map.ts';

/** Storage that ends with the process. No timers and no I/O: an operation takes place when it is called. */
export function memoryStorage(): Storage {
  return {
    objects: memoryObjects(),
    log: memoryItems(),
    metadata: memoryItems(),
    close: async () => {},
  };
}

function memoryItems(): ItemStore {
  const groups = new Map<string, SortedMap<Item>>();
  const group = (pk: string) => {
    const found = groups.get(pk) ?? sortedMap<Item>();
    groups.set(pk, found);
    return found;
  };
  return itemStore(
    {
      get: ({ pk, sk }) => group(pk).get(sk),
      put: (item) => group(item.pk).set(item.sk, item),
      delete: ({ pk, sk }) => group(pk).delete(sk),
      scan: function* ({ pk, ...bounds }) {
        for (const [, item] of group(pk).range(bounds)) yield item;
      },
    },
    async (operation) => operation(),
  );
}

function memoryObjects(): ObjectStore {
  const stored = sortedMap<Uint8Array>();
  return {
    async put(key, chunks) {
      stored.set(key, new Uint8Array(Buffer.concat(chunks)));
    },

    async get(key, range) {
      const bytes = stored.get(key);
      return range ? bytes?.subarray(range.position, range.position + range.length) : bytes;
    },

    async list(prefix, { after, limit }) {
      const objects: ObjectPage['objects'] = [];
      for (const [key, { byteLength: bytes }] of stored.range({ from: after ?? prefix })) {
        if (key === after) continue;
        if (!key.startsWith(prefix)) break;
        objects.push({ key, bytes });
        if (objects.length === limit) return { objects, next: key };
      }
      return { objects };
    },

    async delete(keys) {
      for (const key of keys) stored.delete(key);
    },
  };
}
