import { failover } from '../../lib/failover/failover.ts';
import { FAILOVER_LIMITS } from '../../lib/failover/limits.ts';
import type { Durability } from '../../lib/log/log.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Wadi } from '../../lib/wadi.ts';
import { batch, offsetOf, readAll } from '../support/log.ts';
import { world } from './support.ts';

const ALL: Durability = { acks: 'all', minInsyncReplicas: 1 };

async function append(wadi: Wadi, topic: Topic, text: string, durability = ALL): Promise<number> {
  const batches = [batch([text])];
  const [result] = await wadi.log.append(topic, [{ partition: 0, batches }], durability);
  return offsetOf(result!);
}

const newTopic = (wadi: Wadi): Promise<Topic> => wadi.topics.create({ name: 'orders' });

async function written(count: number) {
  const w = world();
  const [a, b] = [w.process('a'), w.process('b')];
  const topic = await newTopic(await a.homes.current());
  for (let i = 0; i < count; i++) {
    const wadi = await a.homes.current();
    await append(wadi, topic, `${i}`.padEnd(i % 2 ? 5_000 : 1, '.'));
    w.clock.advance(300);
    await wadi.log.settled();
  }
  return { w, a, b, topic };
}

const texts = async (wadi: Wadi, topic: Topic, from = 0): Promise<[number, string][]> =>
  (await readAll(wadi.log, topic, 0, { from })).map(([offset, text]) => [offset, text.replaceAll('.', '')]);

const numbered = (count: number) => Array.from({ length: count }, (_, i) => [i, `${i}`]);

test('every region writes to the tables of the first, until another is home', async () => {
  const { w, b, topic } = await written(3);
  const wadi = await b.homes.current();
  expect(await append(wadi, topic, 'from b')).toBe(3);
  await w.settle();
  expect(await w.stores.c!.log.query({ pk: `head/${topic.id}/0`, limit: 1 })).toHaveProperty(
    'items.length',
    1,
  );
});

test('a failover while the old home answers loses nothing, and goes on at the next offset', async () => {
  const { w, a, topic } = await written(40);
  w.cut.add('b');
  await append(await a.homes.current(), topic, 'not replicated');
  w.cut.delete('b');
  const report = await w.failover('b');
  expect(report).toMatchObject({ epoch: 2, from: 'a', to: 'b', source: 'a', lost: [] });
  const wadi = await a.homes.current();
  expect(await append(wadi, topic, 'by b')).toBe(41);
  expect(await texts(wadi, topic)).toEqual([...numbered(40), [40, 'not replicated'], [41, 'by b']]);
});

test('a failover without the old home has what was replicated, and gives no offset twice', async () => {
  const { w, a, b, topic } = await written(40);
  await w.settle();
  w.cut.add('a');
  expect(await append(await a.homes.current(), topic, 'not replicated')).toBe(40);
  w.down.add('a');
  const report = await w.failover('b');
  expect(report).toMatchObject({ source: 'b', lost: [] });
  const wadi = await b.homes.current();
  expect(await append(wadi, topic, 'by b')).toBe(140);
  expect(await texts(wadi, topic)).toEqual([...numbered(40), [140, 'by b']]);
});

test('whoever was home acknowledges nothing any more, even if it has not heard of it', async () => {
  const { w, a, topic } = await written(3);
  await w.settle();
  const old = await a.homes.current();
  w.down.add('a');
  await w.failover('b');
  w.down.delete('a');
  await expect(append(old, topic, 'too late')).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
  const wadi = await a.homes.current();
  expect(await texts(wadi, topic)).toEqual(numbered(3));
});

test('what the old home has written, and is replicated late, is not seen by the new one', async () => {
  const { w, a, b, topic } = await written(3);
  await w.settle();
  w.cut.add('a');
  await append(await a.homes.current(), topic, 'late');
  w.down.add('a');
  await w.failover('b');
  const wadi = await b.homes.current();
  await append(wadi, topic, 'by b');
  w.down.delete('a');
  w.cut.delete('a');
  await w.settle();
  expect(await texts(wadi, topic)).toEqual([...numbered(3), [103, 'by b']]);
});

test('nobody is home when fewer than most regions answer', async () => {
  const { w, a } = await written(1);
  w.down.add('b').add('c');
  w.clock.advance(60_000);
  await expect(a.homes.current()).rejects.toThrow('fewer than 2 of 3 regions');
  await expect(w.failover('a')).rejects.toThrow('fewer than 2 of 3 regions');
});

test('a failover that died is done again, in a later epoch', async () => {
  const { w, b, topic } = await written(5);
  await w.settle();
  const die = (progress: string) => {
    if (progress.startsWith('copying')) throw new Error('killed');
  };
  await expect(w.failover('b', {}, die)).rejects.toThrow('killed');
  await expect(b.homes.current()).rejects.toThrow('taking over');
  expect(await w.failover('b')).toMatchObject({ epoch: 3, from: 'a', lost: [] });
  expect(await texts(await b.homes.current(), topic)).toEqual(numbered(5));
});

test('a region may be home again', async () => {
  const { w, b, topic } = await written(5);
  await w.settle();
  await w.failover('b');
  await append(await b.homes.current(), topic, 'by b');
  expect(await w.failover('a')).toMatchObject({ epoch: 3, from: 'b', to: 'a', lost: [] });
  expect(await w.failover('a')).toBeUndefined();
  const wadi = await b.homes.current();
  expect(await append(wadi, topic, 'by a')).toBe(6);
  expect(await texts(wadi, topic)).toEqual([...numbered(5), [5, 'by b'], [6, 'by a']]);
});

test('positions of groups are taken over, and their members join anew', async () => {
  const { w, a, b } = await written(5);
  const old = await a.homes.current();
  const member = await old.groups.create('billing', {});
  await old.groups.assign(member, [{ topic: 'orders', partition: 0 }]);
  await old.groups.commit(member, [{ topic: 'orders', partition: 0, offset: 4, metadata: 'so far' }]);
  await w.settle();
  await w.failover('b');
  const wadi = await b.homes.current();
  const lags = await wadi.groups.lags('billing');
  expect(lags).toMatchObject([
    { topic: 'orders', partition: 0, committedOffset: 4, metadata: 'so far', lag: 1 },
  ]);
  const again = await wadi.groups.create('billing', {});
  expect(again.name).not.toBe(member.name);
});

test('a new home does not begin before another region has all that it begins with', async () => {
  const { w, a, b, topic } = await written(40);
  await w.settle();
  w.cut.add('b').add('c');
  const told: string[] = [];
  await expect(w.failover('b', { spreadMs: 3_000 }, (step) => told.push(step))).rejects.toThrow(
    '0 other regions have what the new home begins with, 1 must',
  );
  expect(told.at(-1)).toBe('waiting until another region has it, too');
  w.clock.advance(60_000);
  await expect(a.homes.current()).rejects.toThrow('taking over');
  w.cut.clear();
  expect(await w.failover('b')).toMatchObject({ epoch: 3, from: 'a', lost: [] });
  expect(await texts(await b.homes.current(), topic)).toEqual(numbered(40));
});

test('the copy is made from the region to which most was replicated, whichever takes over', async () => {
  const { w, b, a, topic } = await written(10);
  await w.settle();
  w.cut.add('b');
  for (let i = 10; i < 20; i++) await append(await a.homes.current(), topic, `${i}`);
  await w.settle();
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  w.down.add('a');
  w.cut.delete('b');
  expect(await w.failover('b')).toMatchObject({ source: 'c', lost: [] });
  expect(await texts(await b.homes.current(), topic)).toEqual(numbered(20));
});

test('two failovers to the same region never share an epoch', async () => {
  const { w, b, topic } = await written(5);
  await w.settle();
  const reports = await Promise.allSettled([w.failover('b'), w.failover('b')]);
  const epochs = reports.flatMap((each) => (each.status === 'fulfilled' ? [each.value!.epoch] : []));
  expect(new Set(epochs).size).toBe(epochs.length);
  if (epochs.length === 0) await w.failover('b');
  expect(await texts(await b.homes.current(), topic)).toEqual(numbered(5));
});

test('an idempotent batch that is lost, and sent again, is appended, since its producer is not known any more', async () => {
  const w = world();
  const [a, b] = [w.process('a'), w.process('b')];
  const topic = await newTopic(await a.homes.current());
  const send = async (wadi: Wadi, sequence: number, epoch = 0) => {
    const made = batch([`${epoch}/${sequence}`], { producer: { id: 7n, epoch, sequence } });
    const [result] = await wadi.log.append(topic, [{ partition: 0, batches: [made] }], ALL);
    return offsetOf(result!);
  };
  for (let i = 0; i < 3; i++) {
    expect(await send(await a.homes.current(), i)).toBe(i);
    w.clock.advance(1);
  }
  // So far back nobody looks for a batch that is sent again: it would count as appended.
  await (await a.homes.current()).log.deleteRecords(topic, 0, 1);
  await w.settle();
  // The item that holds its bytes does not arrive in time, but what the head says of it.
  const { items } = await w.stores.b!.log.query({ pk: `inline/${topic.id}/0`, limit: 10 });
  for (const name of ['b', 'c']) await w.stores[name]!.log.delete(items.at(-1)!);
  w.down.add('a');
  expect(await w.failover('b')).toMatchObject({ lost: [{ topic: 'orders', partition: 0, from: 2, to: 3 }] });
  const wadi = await b.homes.current();
  await expect(send(wadi, 2)).rejects.toMatchObject({ kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
  expect(await send(wadi, 0, 1)).toBe(103);
  expect(await texts(wadi, topic, 1)).toEqual([
    [1, '0/1'],
    [103, '1/0'],
  ]);
});

test('a producer that rests, and was put aside, is forgotten too where records are lost; of other partitions none is', async () => {
  const w = world();
  const [a, b] = [w.process('a'), w.process('b')];
  const first = await a.homes.current();
  const topic = await first.topics.create({ name: 'orders', partitions: 12 });
  const send = async (wadi: Wadi, partition: number, id: bigint, sequence: number) => {
    const made = batch([`${id}`], { producer: { id, epoch: 0, sequence } });
    const [result] = await wadi.log.append(topic, [{ partition, batches: [made] }], ALL);
    return result!;
  };
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 40; i++) {
      await send(first, i % 2 ? 1 : 11, BigInt(100 * round + i), 0);
      w.clock.advance(300);
      await first.log.settled();
    }
  }
  await w.settle();
  const { items: aside } = await w.stores.b!.log.query({ pk: `producers/${topic.id}`, limit: 500 });
  expect(aside.length).toBeGreaterThan(20);
  const { items } = await w.stores.b!.log.query({ pk: `inline/${topic.id}/0`, limit: 500 });
  for (const name of ['b', 'c']) await w.stores[name]!.log.delete(items.at(-1)!);
  w.down.add('a');
  expect(await w.failover('b')).toMatchObject({ lost: [{ partition: 1 }] });
  const wadi = await b.homes.current();
  for (const id of [1n, 239n]) {
    expect(await send(wadi, 1, id, 1)).toMatchObject({ error: { kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } });
  }
  for (const id of [0n, 238n]) expect(await send(wadi, 11, id, 1)).toMatchObject({ ok: true });
});

test('a bucket that does not answer once is asked again: what it alone has is not taken for lost', async () => {
  const { w, b, topic } = await written(3);
  await append(await w.process('c').homes.current(), topic, 'in c alone'.padEnd(5_000, '.'), {
    acks: 1,
    minInsyncReplicas: 1,
  });
  await w.settle();
  w.down.add('a');
  const { objects } = w.regions[2]!;
  const { list } = objects;
  let asked = 0;
  objects.list = (prefix, options) => {
    asked++;
    if (asked === 2) return Promise.reject(new StorageError('once', 'unknown'));
    return list(prefix, options);
  };
  expect(await w.failover('b')).toMatchObject({ lost: [] });
  expect(asked).toBeGreaterThan(2);
  expect(await texts(await b.homes.current(), topic)).toEqual([...numbered(3), [3, 'in c alone']]);
});

test('a failover does not wait for a region to which nothing is replicated, while most have what the new home begins with', async () => {
  const { w, b, topic } = await written(3);
  await w.settle();
  w.cut.add('c');
  const report = await w.failover('b');
  expect(report!.tookMs).toBeLessThan(FAILOVER_LIMITS.spreadMs);
  expect(await texts(await b.homes.current(), topic)).toEqual(numbered(3));
});

test('a witness, which has no bucket, cannot be made home', async () => {
  const { w } = await written(1);
  const regions = w.regions.map(({ name, tables, objects }) => ({
    ...{ name, tables },
    ...(name !== 'c' && { objects }),
  }));
  const context = { regions, clock: w.clock, limits: FAILOVER_LIMITS };
  await expect(failover(context, 'c')).rejects.toThrow('there is no region c that can be home');
  expect(await failover(context, 'b')).toMatchObject({ to: 'b', lost: [] });
});
