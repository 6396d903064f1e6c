import { union } from '../../lib/replication/objects.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { ObjectStore } from '../../lib/storage/ports.ts';
import { count, type Fault, type Weather } from './faults.ts';
import type { Process } from './process.ts';
import type { Outage } from './regional.ts';
import type { World } from './world.ts';

/** A region's objects, and what has befallen them. */
export interface Bucket {
  readonly name: string;
  readonly objects: ObjectStore;
  outage: Outage | undefined;
}

export function createBuckets(names: readonly string[]): Bucket[] {
  return names.map((name) => ({ name, objects: memoryStorage().objects, outage: undefined }));
}

/** All buckets as they are: for who looks at them from above. */
export function everywhere(buckets: readonly Bucket[]): ObjectStore {
  return {
    put: async (key, chunks) => {
      for (const { objects } of buckets) await objects.put(key, chunks);
    },
    async get(key, range) {
      for (const { objects } of buckets) {
        const bytes = await objects.get(key, range);
        if (bytes !== undefined) return bytes;
      }
      return undefined;
    },
    async list(prefix, options) {
      const pages = await Promise.all(buckets.map(({ objects }) => objects.list(prefix, options)));
      return union(pages, options.limit);
    },
    async delete(keys) {
      for (const { objects } of buckets) await objects.delete(keys);
    },
  };
}

const FAULT_OF: Readonly<Record<Outage['bucket'], Fault>> = {
  fails: 'regionLost',
  hangs: 'regionHangs',
  'is slow': 'regionSlow',
};

/** Outages come and go, in bad weather. `processesIn`: that live in a region. */
export function letOutagesCome(
  world: World,
  weather: Weather,
  buckets: readonly Bucket[],
  outages: readonly Outage[],
  processesIn: (region: string) => readonly Process[],
): void {
  for (const outage of outages) {
    const bucket = buckets.find(({ name }) => name === outage.region)!;
    world.after(outage.atMs, () => {
      if (weather.isClear()) return;
      bucket.outage = outage;
      count(weather.coverage, FAULT_OF[outage.bucket]);
      world.trace(outage.region, 'FAULT', outage.bucket, outage.processes ?? '');
      for (const process of processesIn(outage.region)) {
        if (outage.processes === 'killed') process.kill();
        if (outage.processes === 'frozen') process.freeze();
      }
    });
    world.after(outage.atMs + outage.forMs, () => {
      if (bucket.outage === outage) bucket.outage = undefined;
    });
  }
}
