import type { Authority } from '../../lib/failover/authority.ts';
import { epochItems, epochOf, epochPrefix, inEpoch, whileHome } from '../../lib/failover/epochItems.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Item, ItemStore, Key } from '../../lib/storage/ports.ts';

const KEY: Key = { pk: 'head/t/0', sk: 'head' };

/** Every call there is, of one key; `value` is what it writes. */
const CALLS: Readonly<Record<keyof ItemStore, (items: ItemStore, value: number) => Promise<unknown>>> = {
  get: (items) => items.get(KEY),
  getMany: (items) => items.getMany([KEY, { pk: 'none', sk: 'none' }]),
  query: (items) => items.query({ pk: KEY.pk, limit: 10 }),
  put: (items, n) => items.put({ ...KEY, n }),
  update: (items, n) => items.update(KEY, [{ set: ['n'], to: n }]),
  delete: (items) => items.delete(KEY),
};
const WRITES = ['put', 'update', 'delete'] as const;

const of = (n: number): Item => ({ ...KEY, n });

test('keys of the first epoch are as they would be without, those of others say of which they are', () => {
  expect([epochPrefix(1), epochPrefix(2), epochPrefix(12)]).toEqual(['', 'e2/', 'e12/']);
  expect(['head/t/0', 'e2/head/t/0', 'e12/run', 'e/x', 'even', 'due'].map((pk) => epochOf({ pk }))).toEqual([
    ...[1, 2, 12],
    ...[1, 1, 1],
  ]);
  expect(inEpoch({ pk: 'run', sk: 'x' }, 1, 3)).toEqual({ pk: 'e3/run', sk: 'x' });
  expect(inEpoch({ pk: 'e3/run', sk: 'x' }, 3, 14)).toEqual({ pk: 'e14/run', sk: 'x' });
});

test('an epoch sees what it wrote, under the keys that it gave', async () => {
  for (const epoch of [1, 2, 13]) {
    const { log } = memoryStorage();
    const items = epochItems(log, epoch);
    expect(await items.put(of(1), { missing: ['pk'] })).toEqual({ applied: true, item: of(1) });
    expect(await items.put(of(2), { missing: ['pk'] })).toEqual({ applied: false, item: of(1) });
    expect(await items.update(KEY, [{ add: ['n'], value: 2 }])).toEqual({ applied: true, item: of(3) });
    expect(await items.update(KEY, [], { path: ['n'], is: '=', value: 1 })).toEqual({
      ...{ applied: false, item: of(3) },
    });
    expect(await items.get(KEY)).toEqual(of(3));
    expect(await items.getMany([{ pk: 'none', sk: 'x' }, KEY])).toEqual([undefined, of(3)]);
    await items.put({ ...KEY, sk: 'more' });
    expect(await items.query({ pk: KEY.pk, limit: 1 })).toEqual({ items: [of(3)], lastSk: 'head' });
    expect(await items.query({ pk: KEY.pk, from: 'i', limit: 9 })).toEqual({
      items: [{ ...KEY, sk: 'more' }],
    });
    expect(await items.delete(KEY, { path: ['n'], is: '=', value: 1 })).toEqual({
      applied: false,
      item: of(3),
    });
    expect(await items.delete(KEY)).toEqual({ applied: true, item: undefined });
    expect(await items.get(KEY)).toBeUndefined();
    expect((await log.scan({ limit: 10 })).items).toEqual([
      { pk: `${epochPrefix(epoch)}head/t/0`, sk: 'more' },
    ]);
  }
});

test('no call of one epoch sees, or changes, what another has written', async () => {
  for (const [from, to] of [
    [1, 2],
    [2, 1],
    [1, 12],
    [12, 2],
  ] as const) {
    for (const call of Object.values(CALLS)) {
      const { log } = memoryStorage();
      const other = epochItems(log, from);
      await other.put(of(7));
      const before = JSON.stringify(await call(epochItems(memoryStorage().log, to), 9));
      expect(JSON.stringify(await call(epochItems(log, to), 9))).toBe(before);
      expect(await other.get(KEY)).toEqual(of(7));
    }
  }
});

/** As it is told: before the call, and behind it. */
function told(holds: boolean[], current = 2): Pick<Authority, 'holds' | 'current'> {
  return {
    holds: () => holds.shift()!,
    current: async () => ({ epoch: current, home: 'b', ready: true, by: '' }),
  };
}

test('a table answers while the epoch counts', async () => {
  for (const call of Object.values(CALLS)) {
    const { log } = memoryStorage();
    await expect(call(whileHome(log, 2, told([true, true])), 1)).resolves.toEqual(
      await call(memoryStorage().log, 1),
    );
    await call(whileHome(log, 2, told([false, true])), 1);
  }
});

test('a call that comes back when the lease is over fails: a write may have been carried out, a read had nothing to', async () => {
  for (const [name, call] of Object.entries(CALLS)) {
    const applied = (WRITES as readonly string[]).includes(name) ? 'unknown' : 'no';
    await expect(call(whileHome(memoryStorage().log, 2, told([true, false])), 1)).rejects.toMatchObject({
      ...{ name: 'StorageError', applied, message: 'another region may be home by now' },
    });
  }
});

test('of an epoch that is over nothing is read or written', async () => {
  for (const call of Object.values(CALLS)) {
    const { log } = memoryStorage();
    await log.put(of(7));
    await expect(call(whileHome(log, 2, told([false], 3)), 1)).rejects.toMatchObject({ applied: 'no' });
    expect(await log.get(KEY)).toEqual(of(7));
  }
});

test('where it cannot be told who is home, nothing is read or written', async () => {
  for (const call of Object.values(CALLS)) {
    const { log } = memoryStorage();
    const unknown = { holds: () => false, current: () => Promise.reject(new Error('nobody tells')) };
    await expect(call(whileHome(log, 2, unknown), 1)).rejects.toThrow('nobody tells');
    expect((await log.scan({ limit: 1 })).items).toEqual([]);
  }
});
