import type { Durability } from '../../lib/log/log.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Wadi } from '../../lib/wadi.ts';
import { batch, offsetOf, readAll, type TestProducer } from '../support/log.ts';
import { large, newTopic, world } from './support.ts';

const ALL: Durability = { acks: 'all', minInsyncReplicas: 2 };
const ONE: Durability = { acks: 1, minInsyncReplicas: 2 };
const FIRST: TestProducer = { id: 7n, epoch: 0, sequence: 0 };

async function append(
  wadi: Wadi,
  topic: Topic,
  text: string,
  durability = ALL,
  producer?: TestProducer,
): Promise<number> {
  const batches = [batch([large(text)], producer && { producer })];
  const [result] = await wadi.log.append(topic, [{ partition: 0, batches }], durability);
  return offsetOf(result!);
}

const texts = async (wadi: Wadi, topic: Topic): Promise<string[]> =>
  (await readAll(wadi.log, topic)).map(([, text]) => text.replaceAll('.', ''));

test('what acks=1 appended and acks=all sends again is in every region before it is acknowledged as a duplicate', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  expect(await append(a, topic, 'one', ONE, FIRST)).toBe(0);
  const [key] = await w.keysIn('a');
  expect(await append(await w.process('b'), topic, 'one', ALL, FIRST)).toBe(0);
  expect(await w.keysIn('b')).toContain(key);
  expect(await w.keysIn('c')).toContain(key);
  w.weather.a = 'down';
  expect(await texts(await w.process('b'), topic)).toEqual(['one']);
});

test('the same of what has been rolled into the index', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one', ONE, FIRST);
  const [key] = await w.keysIn('a');
  for (let i = 0; i < 40; i++) {
    await append(a, topic, `${i}`);
    w.clock.advance(300);
    await a.log.settled();
  }
  const rows = await w.items.log.query({ pk: `index/${topic.id}/0`, limit: 10 });
  expect(rows.items.length).toBeGreaterThan(0);
  expect(await append(a, topic, 'one', ALL, FIRST)).toBe(0);
  expect(await w.keysIn('b')).toContain(key);
  expect(await w.keysIn('c')).toContain(key);
});

test('a duplicate whose bytes only a lost region has is not acknowledged with acks=all until the region is back', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a);
  await append(a, topic, 'one', ONE, FIRST);
  w.weather.a = 'down';
  const b = await w.process('b');
  await expect(append(b, topic, 'one', ALL, FIRST)).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
  expect(await append(b, topic, 'one', ONE, FIRST)).toBe(0);
  w.weather.a = 'up';
  expect(await append(b, topic, 'one', ALL, FIRST)).toBe(0);
  expect(await w.keysIn('c')).toEqual(expect.arrayContaining(await w.keysIn('a')));
});

test('duplicates that were uploaded together are sent once to each region that lacks them, and not at all where their records are deleted', async () => {
  const w = world();
  const a = await w.process('a');
  const topic = await newTopic(a, { partitions: 3 });
  const units = [0, 1, 2].map((partition) => ({
    partition,
    batches: [batch([large(`${partition}`)], { producer: FIRST })],
  }));
  await a.log.append(topic, units, ONE);
  const [key] = await w.keysIn('a');
  const again = async () => {
    const before = w.puts.length;
    const results = await a.log.append(topic, units, ALL);
    expect(results.map(offsetOf)).toEqual([0, 0, 0]);
    return w.puts.slice(before).filter((put) => put.key === key);
  };
  expect((await again()).map(({ region }) => region).toSorted()).toEqual(['b', 'c']);
  expect(await again()).toEqual([]);
  for (const { partition } of units) await a.log.deleteRecords(topic, partition, 1);
  for (const name of w.names) await w.buckets[name]!.delete([key!]);
  expect(await again()).toEqual([]);
});
