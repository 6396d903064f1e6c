import { AUTHORITY_LIMITS, type Authority, createAuthority } from '../../lib/failover/authority.ts';
import { epochPrefix } from '../../lib/failover/epochItems.ts';
import { failover } from '../../lib/failover/failover.ts';
import { type Home, homeItem, homeKey } from '../../lib/failover/home.ts';
import { homeTables } from '../../lib/failover/homes.ts';
import { FAILOVER_LIMITS } from '../../lib/failover/limits.ts';
import { globalTables } from '../../lib/local/globalTables.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type ItemTables, type ScannableItems, StorageError, TABLES } from '../../lib/storage/ports.ts';
import { seeded } from '../simulation/random.ts';
import { testClock } from '../support/log.ts';
import { NAMES, world } from './support.ts';
import { virtualTime } from './virtualTime.ts';

const HOUR = 3_600_000;
const PROCESSES = 4;
const OPERATORS = 2;
const LOAD_MS = 200_000;
const CALM_MS = 90_000;

/** Regions that come and go, processes that freeze, and several operators at once, none of whom knows of the other. */
async function history(seed: number) {
  const random = seeded(seed);
  const time = virtualTime();
  const stores = new Map(NAMES.map((name) => [name as string, memoryStorage()]));
  let isCalm = false;
  const downUntil = new Map<string, number>();
  const isUp = (region: string) => isCalm || (downUntil.get(region) ?? 0) <= time.now();
  const global = globalTables(Object.fromEntries(stores), {
    clock: time.clock(random, 0, async () => undefined),
    lagMs: () => random.between(1, 800),
    open: (from, to) => isUp(from) && isUp(to),
  });
  const acknowledged: string[] = [];
  const epochs = new Set<number>();

  function machine() {
    let frozenUntilMs = 0;
    const thawed = async () => {
      while (time.now() < frozenUntilMs) await time.sleep(frozenUntilMs - time.now());
    };
    const clock = time.clock(random, random.between(-12, 12) * HOUR, thawed);
    const lostBy = (chance: number) => !isCalm && random.chance(chance);

    /** As the network has it: a call may be lost, its answer may be, and what seemed lost may land later. */
    async function pass<T>(region: string, call: () => Promise<T>): Promise<T> {
      await time.sleep(random.between(1, 100));
      const isLate = lostBy(0.005);
      if (!isUp(region) || isLate || lostBy(0.01)) {
        if (isLate) void time.sleep(random.between(1_000, 30_000)).then(call);
        await time.sleep(random.between(1, 2_000));
        await thawed();
        throw new StorageError(`${region} does not answer`, 'unknown');
      }
      // It waits where nobody sees it: in a process that is frozen, or to be sent again.
      if (lostBy(0.005)) await time.sleep(random.between(1_000, 20_000));
      const result = await call();
      await time.sleep(random.between(1, 100));
      await thawed();
      if (lostBy(0.01)) throw new StorageError(`the answer of ${region} is lost`, 'unknown');
      return result;
    }
    const regions = NAMES.map((name) => {
      const tables = Object.fromEntries(
        TABLES.map((table) => [
          table,
          new Proxy(global.regions[name]![table], {
            get(items, operation: keyof ScannableItems) {
              const method = items[operation] as (...args: unknown[]) => Promise<unknown>;
              return (...args: unknown[]) => pass(name, () => method(...args));
            },
          }),
        ]),
      ) as unknown as ItemTables;
      return { name: name as string, tables, objects: stores.get(name)!.objects };
    });
    const freeze = (ms: number) => {
      frozenUntilMs = time.now() + ms;
    };
    return { clock, regions, freeze };
  }

  async function process(authority: Authority, name: string, { regions }: ReturnType<typeof machine>) {
    for (let i = 0; !isCalm; i++) {
      await time.sleep(random.between(50, 2_000));
      try {
        const home = await authority.current();
        epochs.add(home.epoch);
        const { log } = homeTables(home, (to) => regions.find((each) => each.name === to)!.tables, authority);
        const { applied } = await log.put({ pk: 'written', sk: `${name}/${i}` });
        if (applied) acknowledged.push(`${name}/${i}`);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
      }
    }
  }

  async function operator({ clock, regions }: ReturnType<typeof machine>, isLast: boolean): Promise<void> {
    let from = '';
    const told = (progress: string) => {
      from = /takes over from (\w+)/.exec(progress)?.[1] ?? from;
      // Else what had not been replicated would be lost, as it may be.
      const source = /^copying the items from (\w+)/.exec(progress)?.[1];
      const isKilled = !isLast && random.chance(0.05);
      if (isKilled || (source !== undefined && source !== from)) throw new StorageError('killed', 'unknown');
    };
    const limits = { ...FAILOVER_LIMITS, itemsPerPage: 50 };
    try {
      await failover({ regions, clock, limits, told }, random.pick(NAMES));
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }

  const machines = Array.from({ length: PROCESSES + OPERATORS }, machine);
  const authorities = machines.slice(0, PROCESSES).map(({ regions, clock }) =>
    createAuthority(
      regions.map(({ name, tables }) => ({ name, metadata: tables.metadata })),
      clock,
      AUTHORITY_LIMITS,
    ),
  );
  const running = authorities.map((authority, i) => process(authority, `${i}`, machines[i]!));
  for (const each of machines.slice(PROCESSES)) {
    running.push(
      (async () => {
        while (!isCalm) {
          await time.sleep(random.between(0, 40_000));
          await operator(each, false);
        }
      })(),
    );
  }
  running.push(
    (async () => {
      while (!isCalm) {
        await time.sleep(random.between(1_000, 10_000));
        if (random.chance(0.5)) downUntil.set(random.pick(NAMES), time.now() + random.between(100, 15_000));
        else random.pick(machines).freeze(random.between(100, 40_000));
      }
    })(),
  );

  let latest = 0;
  await time.run(LOAD_MS, () => {
    for (const authority of authorities) {
      for (const epoch of epochs) if (authority.holds(epoch)) latest = Math.max(latest, epoch);
    }
    for (const authority of authorities) {
      for (const epoch of epochs)
        if (epoch < latest) expect([epoch, authority.holds(epoch)]).toEqual([epoch, false]);
    }
  });
  isCalm = true;
  await time.run(LOAD_MS + CALM_MS, () => undefined);
  await Promise.all(running);

  const last = machine();
  running.push(operator(last, true));
  await time.run(LOAD_MS + 2 * CALM_MS, () => undefined);
  const asked = last.regions.map(({ name, tables }) => ({ name, metadata: tables.metadata }));
  let home: Home | undefined;
  const asking = createAuthority(asked, last.clock).current();
  asking.then((said) => {
    home = said;
  });
  await time.run(LOAD_MS + 3 * CALM_MS, () => undefined);
  await asking;
  const found = new Set<string>();
  for (let from = ''; ; ) {
    const pk = `${epochPrefix(home!.epoch)}written`;
    const page = await stores.get(home!.home)!.log.query({ pk, from, limit: 500 });
    for (const { sk } of page.items) found.add(sk);
    if (page.lastSk === undefined) break;
    from = `${page.lastSk}0`;
  }
  return { acknowledged, found, epochs };
}

const SEEDS = 20;

test('no two epochs count at once, and all that one acknowledged is in those that follow, whoever fails over when, and dies of it', async () => {
  let epochs = 0;
  let acknowledged = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const world = await history(seed);
      expect(world.acknowledged.filter((each) => !world.found.has(each))).toEqual([]);
      epochs += world.epochs.size;
      acknowledged += world.acknowledged.length;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect([epochs > 1.5 * SEEDS, acknowledged > 50 * SEEDS]).toEqual([true, true]);
}, 120_000);

const regionsOf = ({ regions }: ReturnType<typeof world>) =>
  regions.map(({ name, tables }) => ({ name: name as string, metadata: tables.metadata }));
const BEGUN: Home = { epoch: 2, home: 'b', ready: true, by: 'x' };
const UNDER_WAY: Home = { ...BEGUN, ready: false, before: { epoch: 1, home: 'a' } };

/** As a failover leaves it that dies while it tells the regions that b begins. */
async function halfTold() {
  const w = world();
  for (const name of ['a', 'c'] as const) await w.stores[name]!.metadata.put(homeItem(name, UNDER_WAY));
  await w.stores.b!.metadata.put(homeItem('b', BEGUN));
  return w;
}

test('whoever finds that a new home has begun, and fewer than most regions know, tells the others first', async () => {
  const w = await halfTold();
  w.down.add('c');
  expect(await w.process('a').authority.current()).toEqual(BEGUN);
  expect(await w.stores.a!.metadata.get(homeKey('a'))).toEqual(homeItem('a', BEGUN));
});

test('a failover that did not hear that another home has begun is refused, once most regions say so', async () => {
  const w = await halfTold();
  w.down.add('b');
  const told = (progress: string) => {
    if (!progress.startsWith('telling')) return;
    w.down.clear();
    w.stores.a!.metadata.put(homeItem('a', BEGUN));
  };
  await expect(w.failover('c', {}, told)).rejects.toThrow('1 of 3 regions took epoch 3');
  expect(await w.process('a').authority.current()).toEqual(BEGUN);
});

test('nor does it pass over a home of which another failover has heard that died', async () => {
  const w = world();
  await w.stores.a!.metadata.put(homeItem('a', { ...UNDER_WAY, epoch: 4, by: 'died first' }));
  w.down.add('b');
  const told = (progress: string) => {
    if (!progress.startsWith('telling')) return;
    w.down.clear();
    w.stores.b!.metadata.put(homeItem('b', BEGUN));
    const before = { epoch: 2, home: 'b' };
    w.stores.c!.metadata.put(homeItem('c', { ...UNDER_WAY, epoch: 3, by: 'died next', before }));
  };
  await expect(w.failover('c', {}, told)).rejects.toThrow('1 of 3 regions took epoch 5');
  expect(await w.failover('c')).toMatchObject({ epoch: 6, from: 'b' });
});

test('of two failovers to the same region at once, one goes on', async () => {
  const w = world();
  const outcomes = await Promise.allSettled([w.failover('b'), w.failover('b')]);
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
});

test('what regions say counts for the time of a lease, from when they were asked, and not if the clock was set back', async () => {
  const w = world();
  const clock = testClock();
  let answersAfterMs = 0;
  const regions = regionsOf(w).map(({ name, metadata }) => ({
    name,
    metadata: {
      ...metadata,
      async get(key: Parameters<typeof metadata.get>[0]) {
        const item = await metadata.get(key);
        clock.advance(answersAfterMs);
        answersAfterMs = 0;
        return item;
      },
    },
  }));
  const authority = createAuthority(regions, clock);
  answersAfterMs = 4_000;
  expect(await authority.current()).toMatchObject({ epoch: 1, home: 'a' });
  clock.advance(AUTHORITY_LIMITS.leaseMs - 4_001);
  expect([authority.holds(1), authority.holds(2)]).toEqual([true, false]);
  clock.advance(1);
  expect(authority.holds(1)).toBe(false);
  clock.advance(-AUTHORITY_LIMITS.leaseMs - 1);
  expect(authority.holds(1)).toBe(false);
});

test('it is asked anew while it still counts, and callers do not wait for that', async () => {
  const w = world();
  const clock = testClock();
  const authority = createAuthority(regionsOf(w), clock);
  await authority.current();
  clock.advance(AUTHORITY_LIMITS.renewAfterMs);
  w.down.add('a').add('b').add('c');
  expect(await authority.current()).toMatchObject({ epoch: 1 });
  w.down.clear();
  await new Promise((resolve) => setImmediate(resolve));
  await authority.current();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(AUTHORITY_LIMITS.renewAfterMs);
  expect(authority.holds(1)).toBe(true);
  clock.advance(AUTHORITY_LIMITS.leaseMs - AUTHORITY_LIMITS.renewAfterMs);
  w.down.add('b').add('c');
  await expect(authority.current()).rejects.toThrow('fewer than 2 of 3 regions tell who is home');
});

test('a clock that is set back makes no lease longer, nor one that stood still while the machine slept', async () => {
  const metadata = { get: async () => undefined, put: async () => ({ applied: true, item: undefined }) };
  const regions = NAMES.map((name) => ({ name, metadata: metadata as unknown as ScannableItems }));
  let wallMs = 1_000_000;
  let monotonicMs = 0;
  const clock = { ...testClock(), now: () => wallMs, monotonicMs: () => monotonicMs };
  const authority = createAuthority(regions, clock);
  await authority.current();
  expect(authority.holds(1)).toBe(true);

  monotonicMs += AUTHORITY_LIMITS.leaseMs;
  wallMs += AUTHORITY_LIMITS.leaseMs - 8_000;
  expect(authority.holds(1)).toBe(false);

  await authority.current();
  wallMs += AUTHORITY_LIMITS.leaseMs;
  expect(authority.holds(1)).toBe(false);
});
