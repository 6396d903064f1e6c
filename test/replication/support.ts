import type { Clock } from '../../lib/clock.ts';
import { DUE_PK, REPLICATION_UNIT } from '../../lib/log/due.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { work } from '../../lib/maintenance/worker.ts';
import { REPLICATION_LIMITS, type ReplicationLimits } from '../../lib/replication/limits.ts';
import type { Region } from '../../lib/replication/region.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type ObjectStore, type Storage, StorageError } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { testClock } from '../support/log.ts';

/** What the region's bucket does with a call. */
export type Weather = 'up' | 'down' | 'hangs' | { readonly slowMs: number };

export interface World {
  readonly clock: ReturnType<typeof testClock>;
  readonly names: readonly string[];
  /** Heads, index and topics, the same in every region. */
  readonly items: Storage;
  readonly buckets: Readonly<Record<string, ObjectStore>>;
  readonly weather: Record<string, Weather>;
  /** Puts that a bucket was sent, whatever it did with them. */
  readonly puts: { region: string; key: string; replicate: boolean }[];
  /** A process in a region, which knows nothing yet. */
  process(region: string, limits?: Partial<ReplicationLimits>): Promise<Wadi>;
  /** Maintenance looks at the regions, as often as it takes. */
  rejoin(wadi: Wadi, options?: { scrub?: boolean }): Promise<void>;
  /** Keys of a bucket, without those that no topic has. */
  keysIn(region: string): Promise<string[]>;
}

/** Regions whose buckets can be lost, over items that every region sees as one. */
export function world(
  names: readonly string[] = ['a', 'b', 'c'],
  urls: Readonly<Record<string, string>> = {},
): World {
  const clock = testClock();
  const items = memoryStorage();
  const weather: Record<string, Weather> = {};
  const puts: World['puts'] = [];
  const buckets = Object.fromEntries(
    names.map((name) => {
      weather[name] = 'up';
      return [name, memoryStorage().objects];
    }),
  );

  function inWeather(region: string): ObjectStore {
    const pass = async <T>(call: () => Promise<T>): Promise<T> => {
      const now = weather[region]!;
      if (now === 'down') throw new StorageError(`${region} is down`, 'unknown');
      if (now === 'hangs') return new Promise(() => undefined);
      if (now !== 'up') await clock.sleep(now.slowMs);
      return call();
    };
    const bucket = buckets[region]!;
    return {
      put(key, chunks, { replicate = false } = {}) {
        puts.push({ region, key, replicate });
        return pass(() => bucket.put(key, chunks));
      },
      get: (key, range) => pass(() => bucket.get(key, range)),
      list: (prefix, options) => pass(() => bucket.list(prefix, options)),
      delete: (keys) => pass(() => bucket.delete(keys)),
    };
  }

  const region = (name: string, i: number): Region => ({
    ...{ id: i + 1, name, objects: inWeather(name) },
    ...(urls[name] !== undefined && { url: urls[name] }),
  });

  return {
    ...{ clock, names, items, buckets, weather, puts },
    process: (local, limits = {}) =>
      createWadi({
        storage: items,
        clock: clock as Clock,
        regions: { local, all: names.map(region) },
        replicationLimits: { ...REPLICATION_LIMITS, ...limits },
        warn: () => undefined,
      }),
    async rejoin(wadi, { scrub = false } = {}) {
      if (scrub) {
        const sk = `${'0'.repeat(15)}/${REPLICATION_UNIT}`;
        const item = { pk: DUE_PK, sk, name: '', partitions: 0, partitionsPerHead: 0 };
        await items.log.put({ ...item, cursor: JSON.stringify({ scrub }) });
      }
      const due = await items.log.query({ pk: DUE_PK, limit: 1_000 });
      for (const { sk } of due.items.filter(({ sk }) => sk.endsWith(`/${REPLICATION_UNIT}`))) {
        while ((await work(wadi, sk, { limits: MAINTENANCE_LIMITS }))?.outcome === 'more');
      }
    },
    async keysIn(region) {
      const { objects } = await buckets[region]!.list('', { limit: 1_000 });
      return objects.map(({ key }) => key).filter((key) => key.includes('/'));
    },
  };
}

/** Too large for an item. */
export const large = (text: string): string => text.padEnd(5_000, '.');

export function newTopic(
  wadi: Wadi,
  options: { partitions?: number; replicationFactor?: number; configs?: Record<string, string> } = {},
): Promise<Topic> {
  return wadi.topics.create({ name: 'orders', ...options });
}
