import type { Clock } from '../clock.ts';
import { type ObjectPage, type ObjectStore, StorageError } from '../storage/ports.ts';
import { stateOf } from './inSync.ts';
import type { ReplicationLimits } from './limits.ts';
import type { Membership } from './membership.ts';
import type { Region } from './region.ts';

export interface ReplicatedContext {
  readonly regions: readonly Region[];
  readonly local: Region;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly limits: ReplicationLimits;
}

/**
 * The objects of all regions as one store. What is read is read in this region, or, if it is not there yet, or cannot be had, in another.
 * What is listed and deleted is so in every region that is not out: one that is keeps its garbage until it is back.
 */
export function replicatedObjects(context: ReplicatedContext, put: ObjectStore['put']): ObjectStore {
  const { regions, local, membership, clock, limits } = context;
  const suspectUntilMs = new Map<string, number>();

  function suspect({ name }: Region): void {
    suspectUntilMs.set(name, clock.now() + limits.suspectMs);
  }

  /** This region first, those that failed a moment ago last. */
  function order(): Region[] {
    const now = clock.now();
    const rank = (region: Region) =>
      ((suspectUntilMs.get(region.name) ?? 0) > now ? 2 : 0) + (region === local ? 0 : 1);
    return regions.toSorted((a, b) => rank(a) - rank(b));
  }

  /** Those that are not out. */
  async function members(): Promise<Region[]> {
    const inSync = await membership.refresh();
    return regions.filter(({ name }) => stateOf(inSync, name) !== 'out');
  }

  return {
    put,

    async get(key, range) {
      let failure: unknown;
      for (const region of order()) {
        const askedAtMs = clock.now();
        try {
          const bytes = await region.objects.get(key, range);
          if (clock.now() - askedAtMs > limits.slowReadMs) suspect(region);
          if (bytes !== undefined) return bytes;
        } catch (error) {
          if (!(error instanceof StorageError)) throw error;
          suspect(region);
          failure = error;
        }
      }
      // Where it could not be looked for it may be.
      if (failure !== undefined) throw failure;
      return undefined;
    },

    async list(prefix, options) {
      const asked = await members();
      const pages = await Promise.all(asked.map(({ objects }) => objects.list(prefix, options)));
      return union(pages, options.limit);
    },

    async delete(keys) {
      const asked = await members();
      await Promise.all(asked.map(({ objects }) => objects.delete(keys)));
    },
  };
}

/** One page of what several stores have, up to where the first of them may have more. */
export function union(pages: readonly ObjectPage[], limit: number): ObjectPage {
  const ends = pages.flatMap(({ next }) => (next === undefined ? [] : [next])).toSorted();
  const end = ends[0];
  const byKey = new Map<string, { key: string; bytes: number }>();
  for (const { objects } of pages) {
    for (const object of objects) if (end === undefined || object.key <= end) byKey.set(object.key, object);
  }
  const objects = [...byKey.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
  const last = objects.at(-1);
  const isCut = objects.length < byKey.size || end !== undefined;
  return { objects, ...(isCut && last && { next: last.key }) };
}
