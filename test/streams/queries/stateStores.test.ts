import { type RangeQuery, readKey, readRows } from '../../../lib/streams/queries/readStore.ts';
import type { QueriedStore, StateStores } from '../../../lib/streams/queries/stateStores.ts';
import { parseTask, taskKey } from '../../../lib/streams/runtime/taskItem.ts';
import { type Call, intercepted } from '../../support/faults.ts';
import { FEW, type Input, queryWorld, threeStores, type World } from './world.ts';

const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, reverse: false, limit: 1_000 };
const LATER = Number.MAX_SAFE_INTEGER;
const many = (count: number, value: string): Input[] =>
  Array.from({ length: count }, (_, i) => ({ key: `key-${i}`, value, timestamp: i }));

let w: World;
afterEach(() => w.close());

/** In the only partition. */
const open = async (stores: StateStores, deadlineMs = LATER) =>
  stores.open(await w.store('table'), 0, deadlineMs);

async function keysIn(stores: StateStores, name: string, query: Partial<RangeQuery> = {}): Promise<string[]> {
  const { rows } = await readRows(stores, await w.store(name), {
    ...{ ...ALL, partitions: [0], deadlineMs: LATER },
    ...query,
  });
  return rows.map(({ row }) => Buffer.from(row.key).toString());
}

/** A cold process, and what it asks of the storage, with something to do before each time. */
async function watched(before: (call: Call) => Promise<void> | void = () => undefined) {
  const calls: string[] = [];
  const storage = intercepted(w.storage, async (call, proceed) => {
    calls.push(`${call.store}.${call.operation}`);
    await before(call);
    return proceed();
  });
  const stores = await w.cold({}, storage);
  calls.length = 0;
  return { stores, calls, count: (name: string) => calls.filter((call) => call === name).length };
}

describe('a store of a snapshot of some parts, and a changelog behind it', () => {
  let parts: number;
  beforeEach(async () => {
    w = await queryWorld(threeStores(), 1, { ...FEW, recordsPerStep: 30, snapshotRecords: 100 });
    await w.produce(many(60, 'a'));
    await w.work();
    await w.produce(many(60, 'b').slice(0, 7));
    await w.work();
    const { snapshot } = parseTask(
      await w.storage.groups.get(taskKey('app', { subtopology: 0, partition: 0 })),
    );
    parts = snapshot!.stores.find(({ name }) => name === 'table')!.parts;
    expect(parts).toBeGreaterThan(10);
  });

  test('those who ask at once share one restore, and those who come meanwhile one look at what came since', async () => {
    const one = await watched();
    await open(one.stores);
    let others: Promise<unknown> | undefined;
    const many = await watched(({ store, operation }) => {
      if (store === 'objects' && operation === 'get')
        others ??= Promise.all(Array.from({ length: 20 }, () => open(many.stores)));
    });
    await Promise.all(Array.from({ length: 20 }, () => open(many.stores)));
    await others;
    expect(many.calls).toEqual([...one.calls, 'log.get']);
  });

  test('who asks while it is restored sees what was applied before it asked', async () => {
    let asked: Promise<unknown> | undefined;
    const { stores } = await watched(async ({ store, operation }) => {
      // The end of the changelog has been looked up: this read is of what was there then.
      if (store !== 'objects' || operation !== 'get' || asked !== undefined) return;
      asked = Promise.resolve();
      await w.produce([{ key: 'new', value: 'x', timestamp: 100 }]);
      await w.work();
      asked = keysIn(stores, 'table', { from: Buffer.from('new') });
    });
    await open(stores);
    expect(await asked).toEqual(['new']);
  });

  test('one that has it at hand reads what is behind it alone, and of nothing new looks up the end alone', async () => {
    const { stores, calls } = await watched();
    await open(stores);
    calls.length = 0;
    await open(stores);
    expect(calls).toEqual(['log.get']);
    await w.produce([{ key: 'new', value: 'x', timestamp: 100 }]);
    await w.work();
    calls.length = 0;
    const { rows } = await readKey(stores, await w.store('table'), 0, Buffer.from('new'), {
      ...ALL,
      deadlineMs: LATER,
    });
    expect(rows).toHaveLength(1);
    expect(calls.filter((call) => !call.startsWith('log.get'))).toEqual([]);
  });

  test('it stays at hand for as long as somebody asks now and then, however long that is', async () => {
    const { stores, count } = await watched();
    for (let hour = 0; hour < 60; hour++) {
      await open(stores);
      w.clock.advance(3_600_000);
    }
    expect(count('groups.get')).toBe(1);
    w.clock.advance(86_400_000);
    await open(stores);
    expect(count('groups.get')).toBe(2);
  });

  test('who has no more time says so, and whoever asks next goes on from there', async () => {
    const whole = await watched();
    await open(whole.stores);
    const slow = await watched(({ store }) => {
      if (store === 'objects') w.clock.advance(1_000);
    });
    slow.calls.length = 0;
    const over = open(slow.stores, w.clock.now());
    await expect(over).rejects.toMatchObject({ kafka: 'REQUEST_TIMED_OUT' });
    expect(slow.calls).toEqual([]);
    let refused = 0;
    for (let done = false; !done; ) {
      done = await open(slow.stores, w.clock.now() + 4_000).then(
        () => true,
        (error) => {
          expect(error).toMatchObject({ kafka: 'REQUEST_TIMED_OUT', retriable: true });
          return false;
        },
      );
      if (!done) expect(++refused).toBeLessThan(100);
    }
    expect(refused).toBeGreaterThan(3);
    // Nothing of it twice.
    expect(slow.count('objects.get')).toBe(whole.count('objects.get'));
    expect(await keysIn(slow.stores, 'table')).toEqual(await keysIn(whole.stores, 'table'));
  });

  test('what failed to be read goes on with the next query', async () => {
    let fails = true;
    const { stores } = await watched(({ store, operation, args }) => {
      if (fails && store === 'objects' && operation === 'get' && String(args[0]).endsWith('-9'))
        throw new Error('lost');
    });
    await expect(open(stores)).rejects.toThrow('lost');
    fails = false;
    expect(await keysIn(stores, 'table')).toHaveLength(60);
  });

  test('an object of the snapshot is missing: it is restored from the changelog alone', async () => {
    const { objects } = await w.storage.objects.list('snapshots/', { limit: 1_000 });
    await w.storage.objects.delete(objects.map(({ key }) => key));
    const { stores } = await watched();
    expect(await keysIn(stores, 'table')).toHaveLength(60);
  });

  test('the snapshot was followed by another, and deleted, before it was read: it is restored from that', async () => {
    let isLate = true;
    const { stores, calls } = await watched(async ({ store, operation }) => {
      if (!isLate || store !== 'objects' || operation !== 'get') return;
      isLate = false;
      await w.produce(many(60, 'c'));
      await w.work();
      await w.produce(many(60, 'd'));
      await w.work();
    });
    expect(await keysIn(stores, 'table')).toHaveLength(60);
    expect(calls.filter((call) => call === 'groups.get')).toHaveLength(2);
    expect(calls.filter((call) => call === 'objects.get').length).toBeGreaterThanOrEqual(parts);
  });
});

describe('memory', () => {
  beforeEach(async () => {
    w = await queryWorld(threeStores(), 2);
    for (const partition of [0, 1])
      await w.produce(
        many(40, 'a').map((input) => ({ ...input, key: `${partition}-${input.key}`, partition })),
      );
    await w.work();
  });

  async function bytesOfOne(store: QueriedStore): Promise<number> {
    return (await (await w.cold()).open(store, 0, LATER)).bytes;
  }

  test('a partition that takes more than there is for all is refused, and says so', async () => {
    const store = await w.store('table');
    const stores = await w.cold({ memoryBytes: (await bytesOfOne(store)) - 1 });
    await expect(stores.open(store, 0, LATER)).rejects.toMatchObject({
      kafka: 'POLICY_VIOLATION',
      message: expect.stringMatching(/^Partition 0 of store 'table' takes more than the \d+ bytes/),
    });
  });

  test('what was asked for last stays at hand, as far as there is room; all together are refused if there is none', async () => {
    const store = await w.store('table');
    const { stores: roomy, count } = await watched();
    const one = await bytesOfOne(store);
    const storage = intercepted(w.storage, async (call, proceed) => {
      if (call.store === 'groups') restored.push(String((call.args[0] as { sk: string }).sk));
      return proceed();
    });
    const restored: string[] = [];
    const stores = await w.cold({ memoryBytes: Math.round(1.5 * one) }, storage);
    for (const partition of [0, 0, 1, 1, 0]) await stores.open(store, partition, LATER);
    expect(restored).toEqual(['0_0', '0_1', '0_0']);
    await expect(keysIn(stores, 'table', { partitions: [0, 1] })).rejects.toMatchObject({
      ...{ kafka: 'POLICY_VIOLATION', field: 'partition_id' },
      message: expect.stringMatching(/ask for one/),
    });
    expect(await keysIn(stores, 'table', { partitions: [1] })).toHaveLength(40);
    for (const partition of [0, 1, 0, 1]) await roomy.open(store, partition, LATER);
    expect(count('groups.get')).toBe(2);
  });
});

test('windows and sessions that have expired are not told, though they are deleted bit by bit', async () => {
  w = await queryWorld(threeStores(), 1);
  await w.produce([
    ...many(30, 'a').map((input) => ({ ...input, timestamp: 1 })),
    { key: 'late', value: 'x', timestamp: 1_000 },
  ]);
  await w.work();
  const stores = await w.cold();
  for (const name of ['windows', 'sessions']) {
    expect((await stores.open(await w.store(name), 0, LATER)).rows).toBeGreaterThan(20);
    expect(new Set(await keysIn(stores, name))).toEqual(new Set(['late']));
  }
});

test('a page goes on behind what has expired since', async () => {
  w = await queryWorld(threeStores(), 1);
  await w.produce(many(30, 'a').map((input) => ({ ...input, timestamp: 1 })));
  await w.work();
  const stores = await w.cold();
  const names = ['windows', 'sessions'];
  const behind = new Map<string, RangeQuery['behind']>();
  for (const name of names) {
    const query = { ...ALL, limit: 5, partitions: [0], deadlineMs: LATER };
    const { rows } = await readRows(stores, await w.store(name), query);
    behind.set(name, { partition: 0, stored: rows.at(-1)!.row.stored });
  }
  await w.produce([{ key: 'late', value: 'x', timestamp: 1_000 }]);
  await w.work();
  for (const name of names) {
    const from = { behind: behind.get(name)! };
    expect(new Set(await keysIn(stores, name, from))).toEqual(new Set(['late']));
    expect(await keysIn(stores, name, { ...from, reverse: true })).toEqual([]);
  }
});

test('a key that is in several partitions is told of each, once, however pages are cut', async () => {
  w = await queryWorld(threeStores(), 3);
  for (const partition of [0, 1, 2])
    await w.produce(['a', 'b'].map((key) => ({ key, value: `${partition}`, timestamp: 1, partition })));
  await w.work();
  const stores = await w.cold();
  for (const name of ['table', 'windows', 'sessions']) {
    const store = await w.store(name);
    for (const reverse of [false, true]) {
      const told: string[] = [];
      let behind: RangeQuery['behind'];
      for (let isMore = true; isMore; ) {
        const page = await readRows(stores, store, {
          ...{ ...ALL, reverse, limit: 1, partitions: [0, 1, 2], deadlineMs: LATER },
          ...(behind && { behind }),
        });
        ({ isMore } = page);
        const [{ partition, row }] = page.rows as [(typeof page.rows)[number]];
        told.push(`${Buffer.from(row.key)}${partition}`);
        behind = { partition, stored: row.stored };
      }
      const forwards = ['a0', 'a1', 'a2', 'b0', 'b1', 'b2'];
      expect(told).toEqual(reverse ? ['b0', 'b1', 'b2', 'a0', 'a1', 'a2'] : forwards);
    }
  }
});

test('a page ends when it is large, but has one row however large it is', async () => {
  w = await queryWorld(threeStores(), 2);
  const large = 'x'.repeat(1_000);
  await w.produce(Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: large, timestamp: 1 })));
  await w.work();
  const told: number[] = [];
  for (const pageBytes of [1, 2_500]) {
    const stores = await w.cold({ pageBytes });
    const found: string[] = [];
    let behind: RangeQuery['behind'];
    for (let isMore = true; isMore; ) {
      const page = await readRows(stores, await w.store('table'), {
        ...{ ...ALL, partitions: [0, 1], deadlineMs: LATER },
        ...(behind && { behind }),
      });
      ({ isMore } = page);
      told.push(page.rows.length);
      found.push(...page.rows.map(({ row }) => Buffer.from(row.key).toString()));
      const last = page.rows.at(-1)!;
      behind = { partition: last.partition, stored: last.row.stored };
    }
    expect(found).toEqual(Array.from({ length: 20 }, (_, i) => `k${i}`).sort());
  }
  expect(told).toEqual([...Array(20).fill(1), ...Array(6).fill(3), 2]);
});
