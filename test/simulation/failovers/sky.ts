import { globalTables } from '../../../lib/local/globalTables.ts';
import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import {
  type ItemTables,
  type ObjectStore,
  type ScannableStorage,
  StorageError,
  TABLES,
} from '../../../lib/storage/ports.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';

export const REGIONS = ['a', 'b', 'c'] as const;
export type RegionName = (typeof REGIONS)[number];

/** No item takes longer to another region while the two are connected. */
export const MAX_LAG_MS = 800;
const TIMEOUTS_MS = [100, 500, 2_000];
const LATE_MS = [50, 1_000, 4_000, 30_000];

export interface Severed {
  readonly fromMs: number;
  untilMs: number;
}

/** Three regions, each with its copies and its bucket, and what lies between them. */
export interface Sky {
  readonly world: World;
  /** Each region's own, as nothing but what is in it sees it. */
  readonly stores: Readonly<Record<RegionName, ScannableStorage>>;
  /** A region's tables and bucket, as one in another region, or elsewhere, sees them. */
  see(from: Viewer, region: RegionName): { tables: ItemTables; objects: ObjectStore };
  /** A region that is down does nothing; one that is cut off goes on by itself. */
  strike(region: RegionName, how: 'down' | 'cut'): void;
  heal(region: RegionName): void;
  isWhole(region: RegionName): boolean;
  isDown(region: RegionName): boolean;
  /** When nothing came from one region to another. */
  severed(from: RegionName, to: RegionName): readonly Severed[];
  /** From here on nothing goes wrong. */
  clear(): void;
}

export interface Viewer {
  readonly region: RegionName | undefined;
  /** Resolves when code of it may go on: never, if it is dead. */
  awake(): Promise<void>;
}

export function createSky(world: World, random: Random, badWeather: number): Sky {
  const struck = new Map<RegionName, 'down' | 'cut'>();
  const log = new Map<string, Severed[]>();
  let clear = false;
  const stores = Object.fromEntries(REGIONS.map((name) => [name, memoryStorage()])) as Sky['stores'];
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => world.after(ms, resolve));
  const connected = (from: RegionName | undefined, to: RegionName) =>
    from === to ? struck.get(to) !== 'down' : !struck.has(to) && (from === undefined || !struck.has(from));
  const global = globalTables(stores, {
    clock: { now: () => world.nowMs, sleep, random: random.bytes },
    lagMs: () => random.between(1, random.chance(0.2) ? MAX_LAG_MS : 100),
    open: (from, to) => connected(from as RegionName, to as RegionName),
  });
  const strikes = (probability: number) => !clear && random.chance(probability * badWeather);

  /** One call over the network. */
  async function call<T>(
    from: Viewer,
    region: RegionName,
    isWrite: boolean,
    run: () => Promise<T>,
  ): Promise<T> {
    await from.awake();
    const latency = () => (from.region === region ? random.between(1, 4) : random.between(20, 60));
    const lost = async (): Promise<never> => {
      await sleep(random.pick(TIMEOUTS_MS));
      await from.awake();
      throw new StorageError(`${region} does not answer`, 'unknown');
    };
    const lands = () => run().catch(() => undefined);
    if (strikes(0.01)) return lost();
    if (isWrite && strikes(0.01)) {
      world.after(random.pick(LATE_MS), () => {
        if (connected(from.region, region)) void lands();
      });
      return lost();
    }
    if (isWrite && strikes(0.01)) world.after(random.pick(LATE_MS), () => void lands());
    await sleep(latency());
    if (!connected(from.region, region)) return lost();
    const result = await run();
    await sleep(latency());
    if (!connected(from.region, region) || strikes(0.01)) return lost();
    await from.awake();
    return result;
  }

  return {
    ...{ world, stores },
    see(from, region) {
      const through = <A extends unknown[], R>(isWrite: boolean, run: (...args: A) => Promise<R>) => {
        return (...args: A): Promise<R> => call(from, region, isWrite, () => run(...args));
      };
      const tables = Object.fromEntries(
        TABLES.map((table) => {
          const items = global.regions[region]![table];
          const seen = {
            get: through(false, items.get),
            getMany: through(false, items.getMany),
            query: through(false, items.query),
            scan: through(false, items.scan),
            put: through(true, items.put),
            update: through(true, items.update),
            delete: through(true, items.delete),
          };
          return [table, seen];
        }),
      ) as unknown as ItemTables;
      const { objects } = stores[region];
      return {
        tables,
        objects: {
          put: through(true, objects.put),
          get: through(false, objects.get),
          list: through(false, objects.list),
          delete: through(true, objects.delete),
        },
      };
    },
    strike(region, how) {
      world.trace(region, how);
      struck.set(region, how);
      for (const other of REGIONS) {
        for (const pair of [`${region}${other}`, `${other}${region}`]) {
          const known = log.get(pair) ?? [];
          log.set(pair, known);
          if (known.at(-1)?.untilMs !== Number.POSITIVE_INFINITY)
            known.push({ fromMs: world.nowMs, untilMs: Number.POSITIVE_INFINITY });
        }
      }
    },
    heal(region) {
      world.trace(region, 'whole');
      struck.delete(region);
      for (const other of REGIONS) {
        if (struck.has(other)) continue;
        for (const pair of [`${region}${other}`, `${other}${region}`]) {
          const last = log.get(pair)?.at(-1);
          if (last !== undefined) last.untilMs = Math.min(last.untilMs, world.nowMs);
        }
      }
    },
    isWhole: (region) => !struck.has(region),
    isDown: (region) => struck.get(region) === 'down',
    severed: (from, to) => log.get(`${from}${to}`) ?? [],
    clear() {
      clear = true;
    },
  };
}
