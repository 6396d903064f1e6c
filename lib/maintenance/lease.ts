import type { Clock } from '../clock.ts';
import { DUE_PK, parseDueKey, type Unit } from '../log/due.ts';
import { withRetries } from '../log/retry.ts';
import type { Condition, Item, ItemStore, Key, ObjectStore } from '../storage/ports.ts';
import { randomUuid } from '../uuid.ts';
import type { Counts } from './job.ts';

/**
 * That somebody is at work on a unit: so that others leave it to him. It only saves work; that two who work on the same
 * unit do no harm is for the jobs to see to. It stays when the work is done, and tells what was done:
 *
 *   pk 'lease'   sk unit
 *   name         the topic's
 *   holder       whoever took it last
 *   untilMs      until then it is held; 0 when it was given back
 *   lastRun      text: LastRun as JSON
 *
 * Of a run that somebody asked for, `holder` and `untilMs` are in its due item, since he waits for it: so it does not wait for another
 * run, nor for one that has died, or rests behind a failure; only what is sent twice is done once.
 */
export const LEASE_PK = 'lease';

export interface LastRun {
  readonly endedAtMs: number;
  readonly tookMs: number;
  /** With those of the runs that handed it on. */
  readonly counts: Counts;
  /** It handed on what was left. */
  readonly more: boolean;
  /** Why it ended early. */
  readonly error?: string;
}

/** Another is at work on the unit. */
export class LeaseHeld extends Error {}

export interface Lease {
  /** Takes it, once; throws LeaseHeld. */
  take(): Promise<void>;
  /** If it was taken. `restMs`: nobody is to take it for so long. */
  giveBack(lastRun: LastRun, restMs?: number): Promise<void>;
}

export function leaseKey(unit: Unit): Key {
  return { pk: LEASE_PK, sk: unit };
}

export interface LeaseItem {
  readonly unit: Unit;
  readonly name: string;
  readonly untilMs: number;
  readonly lastRun?: LastRun;
}

export function parseLease(item: Item): LeaseItem {
  const { sk: unit, name, untilMs, lastRun } = item as Item & Record<'name' | 'lastRun', string>;
  const last = lastRun === undefined ? {} : { lastRun: JSON.parse(lastRun) as LastRun };
  return { unit, name, untilMs: untilMs as number, ...last };
}

export function parseDueLease({ sk, name, untilMs }: Item): LeaseItem {
  return { unit: parseDueKey({ sk }).unit, name: name as string, untilMs: untilMs as number };
}

export interface Leased {
  readonly unit: Unit;
  readonly name: string;
  /** Of a run, its due item. */
  readonly dueSk?: string;
}

export function createLease(
  items: ItemStore,
  clock: Clock,
  { unit, name, dueSk }: Leased,
  leaseMs: number,
): Lease {
  const key = dueSk === undefined ? leaseKey(unit) : { pk: DUE_PK, sk: dueSk };
  const holder = randomUuid(clock);
  const isMine: Condition = { path: ['holder'], is: '=', value: holder };
  let taken: Promise<void> | undefined;

  async function take(): Promise<void> {
    const now = clock.now();
    const isFree: Condition = {
      any: [{ missing: ['untilMs'] }, { path: ['untilMs'], is: '<=', value: now }, isMine],
    };
    const { applied } = await withRetries(clock, () =>
      items.update(
        key,
        [
          { set: ['name'], to: name },
          { set: ['holder'], to: holder },
          { set: ['untilMs'], to: now + leaseMs },
        ],
        // What is due no more must not be due again.
        dueSk === undefined ? isFree : { all: [{ exists: ['pk'] }, isFree] },
      ),
    );
    if (!applied) throw new LeaseHeld(`another is at work on ${unit}`);
  }

  return {
    take: () => {
      taken ??= take();
      return taken;
    },
    async giveBack(lastRun, restMs) {
      const isTaken = await taken?.then(
        () => true,
        () => false,
      );
      if (!isTaken) return;
      const free = { set: ['untilMs'], to: restMs === undefined ? 0 : clock.now() + restMs } as const;
      const done = { set: ['lastRun'], to: JSON.stringify(lastRun) } as const;
      if (dueSk === undefined) {
        await withRetries(clock, () => items.update(key, [free, done], isMine));
        return;
      }
      await withRetries(clock, () => items.update(key, [free], isMine));
      const told = [{ set: ['name'], to: name }, { set: ['untilMs'], to: 0 }, done] as const;
      await withRetries(clock, () => items.update(leaseKey(unit), told));
    },
  };
}

interface Stores {
  readonly objects: ObjectStore;
  readonly items: ItemStore;
}

/**
 * The same stores, but something is awaited, each time, before what costs or changes something: records that are read, and all
 * writes. So to look whether there is something to do takes reads alone.
 */
export function beforeWork({ objects, items }: Stores, prepare: () => Promise<void>): Stores {
  const prepared =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await prepare();
      return call(...args);
    };
  return {
    objects: {
      get: prepared(objects.get),
      put: prepared(objects.put),
      delete: prepared(objects.delete),
      list: objects.list,
    },
    items: {
      get: items.get,
      query: items.query,
      getMany: prepared(items.getMany),
      put: prepared(items.put),
      update: prepared(items.update),
      delete: prepared(items.delete),
    },
  };
}
