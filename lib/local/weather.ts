import type { Clock } from '../clock.ts';
import { type ItemTables, type ObjectStore, type ScannableItems, StorageError } from '../storage/ports.ts';

/**
 * What a region of the local cluster suffers from. `down`: it answers nobody. `slow`: its objects take SLOW_MS longer. `stale`: what
 * other regions' buckets replicate to it stands still. `up`: nothing.
 */
export const FAULTS = ['up', 'down', 'slow', 'stale'] as const;
export type Fault = (typeof FAULTS)[number];

/** Longer than a region may lag: see ReplicationLimits. */
export const SLOW_MS = 3_000;

export interface Weather {
  readonly region: string;
  fault(): Fault;
  set(fault: Fault): void;
  /** To be told when it has changed. */
  onChange(listener: () => void): void;
}

export function createWeather(region: string): Weather {
  const listeners: (() => void)[] = [];
  let current: Fault = 'up';
  return {
    region,
    fault: () => current,
    set(fault) {
      current = fault;
      for (const listener of listeners) listener();
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

/** The region's objects, as everyone sees them. Calls that are under way when it goes down are refused too, and may be carried out. */
export function inWeather(objects: ObjectStore, weather: Weather, clock: Clock): ObjectStore {
  const underWay = new Set<(reason: StorageError) => void>();
  const isDown = () => weather.fault() === 'down';
  const refusal = () => new StorageError(`region ${weather.region} is down`, 'unknown');
  weather.onChange(() => {
    if (isDown()) for (const refuse of underWay) refuse(refusal());
  });

  async function slowed<T>(call: () => Promise<T>): Promise<T> {
    if (weather.fault() === 'slow') await clock.sleep(SLOW_MS);
    if (isDown()) throw refusal();
    return call();
  }

  function pass<T>(call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      underWay.add(reject);
      slowed(call)
        .then(resolve, reject)
        .finally(() => underWay.delete(reject));
    });
  }

  return {
    put: (key, chunks, options) => pass(() => objects.put(key, chunks, options)),
    get: (key, range) => pass(() => objects.get(key, range)),
    list: (prefix, options) => pass(() => objects.list(prefix, options)),
    delete: (keys) => pass(() => objects.delete(keys)),
  };
}

/** The region's copy of the items: as its objects, but neither slow nor cut off in the middle. */
export function tablesInWeather(tables: ItemTables, weather: Weather): ItemTables {
  const guarded = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (weather.fault() === 'down') throw new StorageError(`region ${weather.region} is down`, 'unknown');
      return call(...args);
    };
  };
  const inWeather = (items: ScannableItems): ScannableItems => ({
    get: guarded(items.get),
    getMany: guarded(items.getMany),
    query: guarded(items.query),
    scan: guarded(items.scan),
    put: guarded(items.put),
    update: guarded(items.update),
    delete: guarded(items.delete),
  });
  return {
    log: inWeather(tables.log),
    metadata: inWeather(tables.metadata),
    groups: inWeather(tables.groups),
  };
}
