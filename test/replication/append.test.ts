import type { Durability } from '../../lib/log/log.ts';
import { IN_SYNC_KEY, stateOf } from '../../lib/replication/inSync.ts';
import { REPLICATION_LIMITS } from '../../lib/replication/limits.ts';
import { createMembership } from '../../lib/replication/membership.ts';
import type { ItemStore } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Wadi } from '../../lib/wadi.ts';
import { batch, offsetOf, readAll } from '../support/log.ts';
import { large, newTopic, world } from './support.ts';

const ALL: Durability = { acks: 'all', minInsyncReplicas: 2 };

async function append(wadi: Wadi, topic: Topic, text: string, durability = ALL): Promise<number> {
  const batches = [batch([large(text)])];
  const [result] = await wadi.log.append(topic, [{ partition: 0, batches }], durability);
  return offsetOf(result!);
}

const texts = async (wadi: Wadi, topic: Topic): Promise<string[]> =>
  (await readAll(wadi.log, topic)).map(([, text]) => text.replaceAll('.', ''));

test('what acks=all acknowledges is in every region, and was sent to each once', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one');
  const keys = await w.keysIn('a');
  expect(keys).toHaveLength(1);
  expect(await w.keysIn('b')).toEqual(keys);
  expect(await w.keysIn('c')).toEqual(keys);
  expect(w.puts.map(({ region }) => region).toSorted()).toEqual(['a', 'b', 'c']);
});

test('what acks=1 acknowledges is in the local region, whose bucket is told to bring it to the others', async () => {
  const w = world();
  const b = await w.process('b');
  const topic = await newTopic(b);
  await append(b, topic, 'one', { acks: 1, minInsyncReplicas: 2 });
  expect(w.puts).toEqual([{ region: 'b', key: expect.stringContaining(topic.id), replicate: true }]);
});

test('a reader in another region sees an acknowledged record at once', async () => {
  const w = world();
  const [a, c] = [await w.process('a'), await w.process('c')];
  const topic = await newTopic(a);
  await append(a, topic, 'all');
  await append(a, topic, 'one', { acks: 1, minInsyncReplicas: 1 });
  expect(await texts(c, topic)).toEqual(['all', 'one']);
});

test('a region that is lost leaves the in-sync set, and appends go on without it', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one');
  w.weather.c = 'down';
  expect(await append(a, topic, 'two')).toBe(1);
  const inSync = await a.replication!.inSync();
  expect([...inSync.regions].map(([name, { state }]) => [name, state])).toEqual([
    ['a', 'in-sync'],
    ['b', 'in-sync'],
    ['c', 'out'],
  ]);
  expect(await w.keysIn('b')).toHaveLength(2);
  const before = w.puts.length;
  await append(a, topic, 'three');
  expect(w.puts.slice(before).map(({ region }) => region)).toEqual(['a', 'b']);
});

test('a region that lags leaves the in-sync set', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  w.weather.b = 'hangs';
  await append(a, topic, 'one');
  expect(stateOf(await a.replication!.inSync(), 'b')).toBe('out');
});

test('the local region may be the one that is lost', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one');
  w.weather.a = 'down';
  await append(a, topic, 'two');
  await append(a, topic, 'three', { acks: 1, minInsyncReplicas: 1 });
  expect(await texts(a, topic)).toEqual(['one', 'two', 'three']);
});

test('with fewer regions in sync than min.insync.replicas, nothing is appended, however small; acks=1 goes on', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  w.weather.b = 'down';
  w.weather.c = 'down';
  await expect(append(a, topic, 'one')).rejects.toMatchObject({ kafka: 'NOT_ENOUGH_REPLICAS' });
  const small = [{ partition: 0, batches: [batch(['small'])] }];
  const [refused] = await a.log.append(topic, small, ALL);
  expect(refused).toMatchObject({ ok: false, error: { kafka: 'NOT_ENOUGH_REPLICAS' } });
  expect(await append(a, topic, 'two', { acks: 1, minInsyncReplicas: 2 })).toBe(0);
});

test('nobody is refused for regions that have come back since he looked', async () => {
  const w = world();
  const a = await w.process('a');
  const late = await w.process('a', { viewMs: 3_600_000 });
  const topic = await newTopic(a);
  w.weather.b = 'down';
  w.weather.c = 'down';
  await expect(append(late, topic, 'one')).rejects.toMatchObject({ kafka: 'NOT_ENOUGH_REPLICAS' });
  w.weather.b = 'up';
  w.clock.advance(120_000);
  await w.rejoin(a);
  expect(await append(late, topic, 'two')).toBe(0);
});

test('what a process knows of the regions is as old as its question, not as the answer', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one');
  let asked = 0;
  const log: ItemStore = {
    ...w.items.log,
    async get(key) {
      const item = await w.items.log.get(key);
      if (key.pk === IN_SYNC_KEY.pk && asked++ === 0) await w.clock.sleep(60_000);
      return item;
    },
  };
  const names = [...w.names];
  const limits = REPLICATION_LIMITS;
  const slow = createMembership({ items: log, clock: w.clock, limits, names, isNew: async () => false });
  await slow.view();
  w.weather.c = 'down';
  await append(a, topic, 'two');
  expect(stateOf(await slow.view(), 'c')).toBe('out');
});

test('when no region takes an append, none is put out', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  for (const name of w.names) w.weather[name] = 'down';
  await expect(append(a, topic, 'one')).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
  for (const name of w.names) w.weather[name] = 'up';
  expect(await append(a, topic, 'two')).toBe(0);
  expect((await a.replication!.inSync()).epoch).toBe(1);
});

test('a topic of two replicas is in the region that made it and the next, and written and read from the third', async () => {
  const w = world();
  const [b, a] = [await w.process('b'), await w.process('a')];
  const topic = await newTopic(b, { replicationFactor: 2 });
  expect(topic.replicas).toEqual(['b', 'c']);
  expect(topic.configs.minInsyncReplicas).toBe(1);
  await append(a, topic, 'one');
  expect(await w.keysIn('a')).toEqual([]);
  expect(await w.keysIn('b')).toHaveLength(1);
  expect(await w.keysIn('c')).toHaveLength(1);
  expect(await texts(a, topic)).toEqual(['one']);
});

test('bytes that may be in a region that does not answer are not taken for gone', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one', { acks: 1, minInsyncReplicas: 1 });
  w.weather.a = 'down';
  const b = await w.process('b');
  await expect(texts(b, topic)).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
  w.weather.a = 'up';
  expect(await texts(b, topic)).toEqual(['one']);
});

test('records before one that a lost region alone has are read, whatever else was asked for; those behind it are not skipped to', async () => {
  const w = world();
  const [a, b] = [await w.process('a'), await w.process('b')];
  const topic = await newTopic(a);
  for (const text of ['0', '1', '2']) await append(a, topic, text);
  await append(b, topic, 'in b alone', { acks: 1, minInsyncReplicas: 1 });
  await append(a, topic, '4');
  w.weather.b = 'down';
  const reader = await w.process('c');
  const from = (offset: number) =>
    reader.log.fetch(topic, { partition: 0, offset, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 });
  expect((await from(0)).nextOffset).toBe(3);
  expect((await from(0)).nextOffset).toBe(3);
  expect((await from(1)).nextOffset).toBe(3);
  await expect(from(3)).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
  expect((await from(4)).nextOffset).toBe(5);
  w.weather.b = 'up';
  expect(await texts(reader, topic)).toEqual(['0', '1', '2', 'in b alone', '4']);
});
