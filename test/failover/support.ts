import { AUTHORITY_LIMITS, type Authority, createAuthority } from '../../lib/failover/authority.ts';
import { type FailoverReport, failover } from '../../lib/failover/failover.ts';
import { createHomes, type Homes, homeTables } from '../../lib/failover/homes.ts';
import { FAILOVER_LIMITS, type FailoverLimits } from '../../lib/failover/limits.ts';
import { globalTables } from '../../lib/local/globalTables.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import {
  type ItemTables,
  type ObjectStore,
  type ScannableItems,
  StorageError,
  TABLES,
} from '../../lib/storage/ports.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { testClock } from '../support/log.ts';

export const NAMES = ['a', 'b', 'c'] as const;
type Name = (typeof NAMES)[number];

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

/** Three regions, each with its bucket and its copy of the tables, between which items travel when they are told to. */
export function world() {
  const clock = testClock();
  const stores = Object.fromEntries(NAMES.map((name) => [name, memoryStorage()]));
  const down = new Set<string>();
  /** Regions that no item reaches, and none leaves. */
  const cut = new Set<string>();
  const pass = <T>(name: string, call: () => Promise<T>): Promise<T> =>
    down.has(name) ? Promise.reject(new StorageError(`${name} is down`, 'unknown')) : call();
  const inWeather = <T extends ObjectStore | ScannableItems>(name: string, store: T): T =>
    new Proxy(store, {
      get: (inner, operation) => {
        const method = inner[operation as keyof T];
        return (...args: unknown[]) =>
          pass(name, () => (method as (...args: unknown[]) => Promise<unknown>)(...args));
      },
    });
  const copies = Object.fromEntries(
    NAMES.map((name) => [
      name,
      Object.fromEntries(
        TABLES.map((table) => [table, inWeather(name, stores[name]![table] as ScannableItems)]),
      ) as unknown as ItemTables,
    ]),
  );
  const global = globalTables(copies, {
    clock: { ...clock, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
    lagMs: () => 0,
    open: (from, to) => ![from, to].some((name) => down.has(name) || cut.has(name)),
  });
  opened.push(global);
  const buckets = Object.fromEntries(NAMES.map((name) => [name, inWeather(name, stores[name]!.objects)]));
  const regions = NAMES.map((name) => ({ name, tables: global.regions[name]!, objects: buckets[name]! }));

  return {
    ...{ clock, stores, down, cut, global, buckets, regions },
    /** A process in a region. */
    process(local: Name): { authority: Authority; homes: Homes<Wadi> } {
      const authority = createAuthority(
        regions.map(({ name, tables }) => ({ name, metadata: tables.metadata })),
        clock,
        AUTHORITY_LIMITS,
      );
      const open = (home: { epoch: number; home: string }) =>
        createWadi({
          storage: {
            ...homeTables(home, (name) => global.regions[name]!, authority),
            objects: buckets[local]!,
            close: async () => undefined,
          },
          clock,
          regions: { local, all: regions.map(({ name, objects }, i) => ({ id: i + 1, name, objects })) },
          warn: () => undefined,
        });
      return { authority, homes: createHomes(authority, open) };
    },
    failover(
      to: Name,
      limits: Partial<FailoverLimits> = {},
      told: (progress: string) => void = () => undefined,
    ): Promise<FailoverReport | undefined> {
      return failover(
        { regions, clock, told, limits: { ...FAILOVER_LIMITS, offsetGap: 100, ...limits } },
        to,
      );
    },
    /** Lets items travel. */
    async settle(): Promise<void> {
      for (let i = 0; i < 1_000 && global.underWay() > 0; i++)
        await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
