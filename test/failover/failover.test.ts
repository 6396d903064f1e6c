import type { Durability } from '../../lib/log/log.ts';
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

const texts = async (wadi: Wadi, topic: Topic): Promise<[number, string][]> =>
  (await readAll(wadi.log, topic)).map(([offset, text]) => [offset, text.replaceAll('.', '')]);

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
