import { globalTables } from '../../lib/local/globalTables.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { virtualTime } from '../failover/virtualTime.ts';
import { seeded } from '../simulation/random.ts';

const KEY = { pk: 'head', sk: 'x' };

function world(lags: number[]) {
  const time = virtualTime();
  const copies = { a: memoryStorage(), b: memoryStorage(), c: memoryStorage() };
  const shut = new Set<string>();
  const global = globalTables(copies, {
    clock: time.clock(seeded(1), 0, async () => undefined),
    lagMs: () => lags.shift() ?? 100,
    open: (from, to) => !shut.has(`${from}${to}`),
  });
  const { a, b, c } = global.regions;
  const arrivals: string[] = [];
  const put = copies.b.log.put;
  copies.b.log.put = async (item, condition) => {
    arrivals.push(`${item.pk} ${item.n}`);
    return put(item, condition);
  };
  const pass = (ms: number) => time.run(time.now() + ms, () => undefined);
  return { ...{ copies, shut, global, arrivals, pass }, a: a!, b: b!, c: c! };
}

test('a write is there at once where it is made, and elsewhere when it has arrived', async () => {
  const { a, b, c, global, pass } = world([50, 200]);
  await a.log.put({ ...KEY, n: 1 });
  expect([await a.log.get(KEY), await b.log.get(KEY)]).toEqual([{ ...KEY, n: 1 }, undefined]);
  expect(global.underWay()).toBe(2);
  await pass(50);
  expect([await b.log.get(KEY), await c.log.get(KEY)]).toEqual([{ ...KEY, n: 1 }, undefined]);
  await pass(150);
  expect([await c.log.get(KEY), global.underWay()]).toEqual([{ ...KEY, n: 1 }, 0]);
  expect(await b.metadata.get(KEY)).toBeUndefined();
});

test('of an item the last version arrives last, however long the first took', async () => {
  const { a, b, arrivals, pass } = world([500, 500, 10, 10]);
  await a.log.put({ ...KEY, n: 1 });
  await pass(100);
  await a.log.update(KEY, [{ add: ['n'], value: 1 }]);
  await pass(1_000);
  expect(await b.log.get(KEY)).toEqual({ ...KEY, n: 2 });
  expect(arrivals.at(-1)).toBe('head 2');
  await a.log.put({ ...KEY, n: 3 });
  await pass(1_000);
  expect(await b.log.get(KEY)).toEqual({ ...KEY, n: 3 });
});

test('a deletion travels too, and takes the place of what was under way', async () => {
  const { a, b, pass } = world([300, 300]);
  await a.log.put({ ...KEY, n: 1 });
  await a.log.delete(KEY);
  await pass(1_000);
  expect([await a.log.get(KEY), await b.log.get(KEY)]).toEqual([undefined, undefined]);
  await a.log.put({ ...KEY, n: 2 });
  await pass(1_000);
  await a.log.delete(KEY);
  expect(await b.log.get(KEY)).toEqual({ ...KEY, n: 2 });
  await pass(1_000);
  expect(await b.log.get(KEY)).toBeUndefined();
});

test('items arrive in another order than they were written in', async () => {
  const { a, arrivals, pass } = world([400, 0, 100, 0, 200, 0]);
  for (const [n, pk] of ['inline', 'head', 'index'].entries()) await a.log.put({ pk, sk: 'x', n });
  await pass(1_000);
  expect(arrivals).toEqual(['head 1', 'index 2', 'inline 0']);
});

test('what is refused does not travel', async () => {
  const { a, global, pass } = world([]);
  await a.log.put({ ...KEY, n: 1 });
  await pass(1_000);
  await a.log.put({ ...KEY, n: 2 }, { missing: ['pk'] });
  await a.log.update(KEY, [{ set: ['n'], to: 3 }], { path: ['n'], is: '=', value: 7 });
  await a.log.delete(KEY, { path: ['n'], is: '=', value: 7 });
  expect(global.underWay()).toBe(0);
});

test('nothing travels while the way is shut; when it opens, the last version does, and is not lost', async () => {
  const { a, b, c, shut, pass } = world([]);
  shut.add('ab');
  await a.log.put({ ...KEY, n: 1 });
  await pass(60_000);
  await a.log.put({ ...KEY, n: 2 });
  await pass(60_000);
  expect([await b.log.get(KEY), await c.log.get(KEY)]).toEqual([undefined, { ...KEY, n: 2 }]);
  shut.clear();
  await pass(200);
  expect(await b.log.get(KEY)).toEqual({ ...KEY, n: 2 });
});

test('what is under way when all ends arrives nowhere', async () => {
  const { a, b, global, pass } = world([]);
  await a.log.put({ ...KEY, n: 1 });
  global.close();
  await pass(1_000);
  expect([await b.log.get(KEY), global.underWay()]).toEqual([undefined, 0]);
});
