import { itemStore } from '../items.ts';
import type { Item, ObjectPage, ObjectStore, ScannableItems, ScannableStorage } from '../ports.ts';
import { type SortedMap, sortedMap } from './sortedMap.ts';

/**
 * Storage that ends with the process. No timers and no I/O: an operation takes place when it is called. What it returns
 * is its own: the caller does not change it.
 */
export function memoryStorage(): ScannableStorage {
  return {
    objects: memoryObjects(),
    log: memoryItems(),
    metadata: memoryItems(),
    groups: memoryItems(),
    close: async () => {},
  };
}

function memoryItems(): ScannableItems {
  const groups = sortedMap<SortedMap<Item>>();
  return itemStore(
    {
      get: ({ pk, sk }) => groups.get(pk)?.get(sk),
      put(item) {
        const group = groups.get(item.pk) ?? sortedMap<Item>();
        group.set(item.sk, item);
        groups.set(item.pk, group);
      },
      delete: ({ pk, sk }) => groups.get(pk)?.delete(sk),
      *scan({ pk, ...bounds }) {
        for (const [, item] of groups.get(pk)?.range(bounds) ?? []) yield item;
      },
      *all(after) {
        for (const [pk, group] of groups.range(after ? { from: after.pk } : {})) {
          for (const [sk, item] of group.range(after?.pk === pk ? { from: after.sk } : {})) {
            if (after?.pk !== pk || sk !== after.sk) yield item;
          }
        }
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
      return range ? bytes?.slice(range.position, range.position + range.length) : bytes?.slice();
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
