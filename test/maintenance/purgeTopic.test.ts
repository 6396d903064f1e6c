import { headKey } from '../../lib/log/head.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import { intercepted } from '../support/faults.ts';
import { batch } from '../support/log.ts';
import { DAY, dueUnits, group, HOUR, house, keepFor, leases, MINUTE, startKeeper } from './schedules.ts';

const dies = () => new StorageError('died', 'unknown');

/** What is stored of a topic: objects, items other than its heads, and heads or their marks. */
async function left(storage: Storage, { id, partitions }: Topic) {
  const { objects } = await storage.objects.list(`${id}/`, { limit: 1_000 });
  const heads = Math.ceil(partitions / 2);
  const items = await Promise.all([
    ...Array.from({ length: partitions + 2 }, (_, p) => group(storage, `index/${id}/${p}`)),
    ...Array.from({ length: heads + 1 }, (_, head) => group(storage, `inline/${id}/${head}`)),
    group(storage, `producers/${id}`),
  ]);
  const marks = await storage.log.getMany(Array.from({ length: heads + 1 }, (_, i) => headKey(id, i)));
  return { objects: objects.length, items: items.flat().length, heads: marks.filter(Boolean).length };
}

const nothing = { objects: 0, items: 0, heads: 0 };

/** Inline items, objects, rows, a segment. */
async function filled(storage: Storage) {
  const world = await house(storage, { partitions: 4 });
  const { keeper, clock, topic, write } = world;
  await write(6);
  await keepFor(keeper, clock, 20 * MINUTE);
  await write(3);
  await keeper.wadi.log.append(topic, [{ partition: 1, batches: [batch(['x'.repeat(10_000)])] }]);
  return world;
}

test('what a deleted topic leaves goes with the next plan, its marks a day later', async () => {
  const storage = memoryStorage();
  const { keeper, clock, topic } = await filled(storage);
  const before = await left(storage, topic);
  expect(before.objects).toBeGreaterThan(4);
  expect(before.items).toBeGreaterThan(4);
  await keeper.wadi.topics.delete('orders');
  await keeper.keep();
  expect(await left(storage, topic)).toEqual({ ...nothing, heads: 2 });
  expect(await storage.metadata.get({ pk: 'topic', sk: 'orders' })).toMatchObject({ lastId: topic.id });

  await keepFor(keeper, clock, DAY - 10 * MINUTE);
  expect(await left(storage, topic)).toMatchObject({ heads: 2 });
  await keepFor(keeper, clock, HOUR);
  expect(await left(storage, topic)).toEqual(nothing);
  expect((await storage.metadata.query({ pk: 'topic', limit: 10 })).items).toEqual([]);
  expect((await storage.metadata.query({ pk: 'deleted-topic', limit: 10 })).items).toEqual([]);
  expect(await leases(storage)).toEqual([]);
  // Its heads would have been looked at when their records expire: there is nothing to look at.
  await keepFor(keeper, clock, 7 * DAY);
  expect(await dueUnits(storage)).toEqual([]);
  expect(await leases(storage)).toEqual([]);
});

test('a blob that an appender uploads behind the deletion goes with the second purge', async () => {
  const storage = memoryStorage();
  const { keeper, clock, topic } = await filled(storage);
  await keeper.wadi.topics.delete('orders');
  await keeper.keep();
  await storage.objects.put(`${topic.id}/blobs/019b78c9f6d44fc8649c26b9b282`, [Buffer.from('late')]);
  await storage.log.put({
    pk: `inline/${topic.id}/1`,
    sk: '019b78c9f6d44fc8649c26b9b282',
    bytes: Buffer.from('late'),
  });
  await keepFor(keeper, clock, DAY + HOUR);
  expect(await left(storage, topic)).toEqual(nothing);
});

test('a name that was made again keeps its topic', async () => {
  const storage = memoryStorage();
  const { keeper, clock, topic } = await filled(storage);
  const { topics, log } = keeper.wadi;
  await topics.delete('orders');
  const created = await topics.create({ name: 'orders', configs: { 'retention.ms': '-1' } });
  await log.append(created, [{ partition: 0, batches: [batch(['new'])] }]);
  await keepFor(keeper, clock, 2 * DAY);
  expect(await left(storage, topic)).toEqual(nothing);
  expect(await topics.describe('orders')).toMatchObject({ id: created.id });
  expect(await log.bounds(created, 0)).toMatchObject({ highWatermark: 1 });
});

test('a deletion dies at any of its calls: the topic is there whole, or nothing of it is left', async () => {
  let whole = 0;
  for (let diesAt = 0, died = true; died; diesAt++) {
    const inner = memoryStorage();
    const { keeper, clock, topic, expectWhole, write } = await house(inner, {
      configs: { 'retention.ms': '-1' },
    });
    await write(5);
    let calls = 0;
    died = false;
    const storage = intercepted(inner, async (_, proceed) => {
      died ||= calls++ === diesAt;
      if (died) throw dies();
      return proceed();
    });
    const { wadi } = await startKeeper(storage, clock);
    await wadi.topics.delete('orders').catch(() => undefined);
    await keepFor(keeper, clock, DAY + 2 * HOUR);
    if ((await keeper.wadi.topics.list()).length > 0) {
      whole++;
      await expectWhole();
    } else {
      expect(await left(inner, topic)).toEqual(nothing);
      expect((await inner.metadata.query({ pk: 'topic', limit: 10 })).items).toEqual([]);
    }
    expect((await dueUnits(inner)).filter((unit) => unit.endsWith('/purge'))).toEqual([]);
  }
  expect(whole).toBeGreaterThan(0);
}, 60_000);

test('a purge dies at any of its calls: the next finishes it', async () => {
  for (let diesAt = 0, died = true; died; diesAt++) {
    for (const lands of [true, false]) {
      const inner = memoryStorage();
      const { keeper, clock, topic, write } = await house(inner);
      await write(5);
      await keeper.wadi.topics.delete('orders');
      let calls = 0;
      died = false;
      const storage = intercepted(inner, async (_, proceed) => {
        if (died || calls++ === diesAt) {
          if (!died && lands) await proceed();
          died = true;
          throw dies();
        }
        return proceed();
      });
      // Both purges, until it dies.
      const mortal = await startKeeper(storage, clock);
      await mortal.keep().catch(() => undefined);
      clock.advance(DAY + 5 * MINUTE);
      await mortal.keep().catch(() => undefined);
      await keepFor(keeper, clock, DAY + HOUR);
      expect(await left(inner, topic)).toEqual(nothing);
      expect(await dueUnits(inner)).toEqual([]);
      expect((await inner.metadata.query({ pk: 'topic', limit: 10 })).items).toEqual([]);
    }
  }
}, 120_000);

describe('a creation', () => {
  test('dies at any of its calls: within two days nothing is left of it, or the topic is there', async () => {
    let whole = 0;
    for (let diesAt = 0, died = true; died; diesAt++) {
      const inner = memoryStorage();
      const { keeper, clock } = await house(inner);
      let calls = 0;
      died = false;
      let id = '';
      const storage = intercepted(inner, async (call, proceed) => {
        died ||= calls++ === diesAt;
        if (died) throw dies();
        const { pk = '' } = call.args[0] as { pk?: string };
        if (pk.startsWith('head/')) id = pk.split('/')[1]!;
        return proceed();
      });
      const { wadi } = await startKeeper(storage, clock);
      await wadi.topics
        .create({ name: 'new', partitions: 4, configs: { 'partitions.per.head': '2' } })
        .catch(() => 0);
      await keepFor(keeper, clock, 90 * MINUTE);
      const found = (await keeper.wadi.topics.list()).find(({ name }) => name === 'new');
      if (found !== undefined) whole++;
      const heads = id === '' ? [] : await inner.log.getMany([0, 1].map((i) => headKey(id, i)));
      for (const head of heads) {
        if (found !== undefined) expect(head).toHaveProperty('tail');
        else if (head !== undefined) expect(head).toHaveProperty('deletedAtMs');
      }
      if (found !== undefined) continue;
      await keepFor(keeper, clock, DAY + HOUR);
      if (id !== '')
        expect(await inner.log.getMany([0, 1].map((i) => headKey(id, i)))).toEqual([undefined, undefined]);
      const { items } = await inner.metadata.query({ pk: 'topic', limit: 10 });
      expect(items.map(({ sk }) => sk)).toEqual(['orders']);
      expect(await dueUnits(inner)).toEqual([]);
    }
    expect(whole).toBe(1);
  }, 60_000);

  test('sleeps for hours before its last step: the topic does not come half to life', async () => {
    const inner = memoryStorage();
    const { keeper, clock } = await house(inner);
    const storage = intercepted(inner, async (call, proceed) => {
      const { pk } = call.args[0] as { pk?: string };
      if (call.store === 'metadata' && call.operation === 'put' && pk === 'topic') {
        await keepFor(keeper, clock, 3 * HOUR);
      }
      return proceed();
    });
    const { wadi } = await startKeeper(storage, clock);
    await wadi.topics.create({ name: 'new' });
    expect((await keeper.wadi.topics.list()).map(({ name }) => name)).toEqual(['orders']);
    await keepFor(keeper, clock, 2 * DAY);
    expect((await inner.metadata.query({ pk: 'topic', limit: 10 })).items).toHaveLength(1);
    const created = await keeper.wadi.topics.create({ name: 'new' });
    expect(await keeper.wadi.log.bounds(created, 0)).toMatchObject({ highWatermark: 0 });
  });
});
