import { systemClock } from '../../lib/clock.ts';
import type { KafkaErrorName } from '../../lib/errors.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import type { Topics } from '../../lib/topic/topics.ts';
import { deletedTopicIds, headCount, topicsProcess } from './support.ts';

let storage: Storage;
let topics: Topics;
/** Another process on the same storage. */
let others: Topics;

beforeEach(() => {
  storage = memoryStorage();
  topics = topicsProcess(storage);
  others = topicsProcess(storage);
});

const refusal = (kafka: KafkaErrorName, field?: string) =>
  expect.objectContaining({ kafka, ...(field !== undefined && { field }) });

test('a created topic is described alike by every process', async () => {
  const created = await topics.create({
    name: 'orders',
    partitions: 20,
    configs: { 'retention.ms': '1000', 'partitions.per.head': '8' },
  });
  expect(created).toMatchObject({
    name: 'orders',
    partitions: 20,
    partitionsPerHead: 8,
    overrides: { 'retention.ms': '1000', 'partitions.per.head': '8' },
    configs: { retentionMs: 1000, maxMessageBytes: 1_048_588 },
  });
  expect(created.id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  expect(await others.describe('orders')).toMatchObject(created);
  expect(await others.lookup('orders')).toMatchObject(created);
  expect(await headCount(storage, created.id)).toBe(3);
});

test('a topic has one partition unless told otherwise', async () => {
  expect(await topics.create({ name: 'orders' })).toMatchObject({ partitions: 1, overrides: {} });
});

test('a name can be taken once', async () => {
  const first = await topics.create({ name: 'orders' });
  await expect(others.create({ name: 'orders' })).rejects.toThrow(
    refusal('TOPIC_ALREADY_EXISTS', 'topic_name'),
  );
  expect(await topics.describe('orders')).toMatchObject(first);
});

test.each(['', '.', '..', 'a b', 'a/b', 'é', 'a\0', 'x'.repeat(250)])('%j is no topic name', async (name) => {
  await expect(topics.create({ name })).rejects.toThrow(refusal('INVALID_TOPIC_EXCEPTION', 'topic_name'));
  await expect(topics.describe(name)).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
  await expect(topics.delete(name)).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
  expect(await topics.list()).toEqual([]);
});

test.each(['a', '...', '-', '_', 'x'.repeat(249), '__consumer_offsets'])(
  '%j is a topic name',
  async (name) => {
    await topics.create({ name });
    expect(await others.describe(name)).toMatchObject({ name });
  },
);

test("names that differ only in '.' and '_' exclude each other, and do not answer for each other", async () => {
  await topics.create({ name: 'a.b_c' });
  await expect(topics.create({ name: 'a_b.c' })).rejects.toThrow(
    "Topic 'a_b.c' collides with existing topic 'a.b_c'",
  );
  await expect(topics.create({ name: 'a_b.c' }, { validateOnly: true })).rejects.toThrow(
    refusal('INVALID_TOPIC_EXCEPTION'),
  );
  const change = [{ name: 'retention.ms', value: '1' }];
  for (const attempt of [
    topics.describe('a_b.c'),
    topics.lookup('a_b.c'),
    topics.delete('a_b.c'),
    topics.addPartitions('a_b.c', 2),
    topics.alterConfigs('a_b.c', change),
  ]) {
    await expect(attempt).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
  }
  await topics.delete('a.b_c');
  await topics.create({ name: 'a_b.c' });
});

test.each([0, -1, 1.5, 10_001, Number.NaN])('a topic cannot have %d partitions', async (partitions) => {
  await expect(topics.create({ name: 'orders', partitions })).rejects.toThrow(
    refusal('INVALID_PARTITIONS', 'partitions_count'),
  );
  await topics.create({ name: 'orders' });
  await expect(topics.addPartitions('orders', partitions)).rejects.toThrow(
    refusal('INVALID_PARTITIONS', 'partitions_count'),
  );
});

test('a topic is not created with a config that is wrong', async () => {
  await expect(topics.create({ name: 'orders', configs: { 'retention.ms': 'x' } })).rejects.toThrow(
    refusal('INVALID_CONFIG', 'retention.ms'),
  );
  await expect(topics.describe('orders')).rejects.toThrow(
    refusal('UNKNOWN_TOPIC_OR_PARTITION', 'topic_name'),
  );
});

test('validating a creation answers like it and writes nothing', async () => {
  const validated = await topics.create({ name: 'orders', partitions: 3 }, { validateOnly: true });
  expect(validated).toMatchObject({ name: 'orders', partitions: 3 });
  expect(await topics.list()).toEqual([]);
  expect(await headCount(storage, validated.id)).toBe(0);
  await topics.create({ name: 'orders' });
  await expect(topics.create({ name: 'orders' }, { validateOnly: true })).rejects.toThrow(
    refusal('TOPIC_ALREADY_EXISTS'),
  );
});

test('topics are listed in the order of their names', async () => {
  for (const name of ['b', 'a_b', 'a-c', 'B', 'a.a', 'a']) await topics.create({ name });
  expect((await others.list()).map(({ name }) => name)).toEqual(['B', 'a', 'a-c', 'a.a', 'a_b', 'b']);
});

test('ten thousand topics are listed, each once', async () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `topic-${i}`);
  await Promise.all(names.map((name) => topics.create({ name })));
  expect((await others.list()).map(({ name }) => name)).toEqual(names.sort());
});

test('a deleted topic is gone, and what is left of it is left to the garbage collector', async () => {
  const { id } = await topics.create({ name: 'orders', partitions: 20 });
  await topics.lookup('orders');
  await topics.delete('orders');
  for (const process of [topics, others]) {
    await expect(process.describe('orders')).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
    await expect(process.lookup('orders')).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
    await expect(process.delete('orders')).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
    expect(await process.list()).toEqual([]);
  }
  expect(await headCount(storage, id)).toBe(0);
  expect(await deletedTopicIds(storage)).toEqual([id]);
});

test('a name can be used again at once, for another topic', async () => {
  const first = await topics.create({ name: 'orders', configs: { 'retention.ms': '1' } });
  await topics.delete('orders');
  const second = await others.create({ name: 'orders', partitions: 2 });
  expect(second.id).not.toBe(first.id);
  expect(await topics.lookup('orders')).toMatchObject(second);
  expect(second.overrides).toEqual({});
});

test('partitions are added, never taken away', async () => {
  const { id } = await topics.create({
    name: 'orders',
    partitions: 2,
    configs: { 'partitions.per.head': '2' },
  });
  expect(await topics.addPartitions('orders', 5)).toMatchObject({ id, partitions: 5 });
  expect(await others.describe('orders')).toMatchObject({ id, partitions: 5 });
  expect(await headCount(storage, id)).toBe(3);
  for (const partitions of [5, 4]) {
    await expect(topics.addPartitions('orders', partitions)).rejects.toThrow(
      'Topic already has 5 partitions.',
    );
  }
  await expect(topics.addPartitions('sales', 3)).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
});

test('configs are set and taken away together, or not at all', async () => {
  await topics.create({ name: 'orders', configs: { 'retention.ms': '1', 'retention.bytes': '2' } });
  await topics.alterConfigs('orders', [
    { name: 'retention.ms', value: null },
    { name: 'cleanup.policy', value: 'compact' },
  ]);
  expect((await others.describe('orders')).overrides).toEqual({
    'retention.bytes': '2',
    'cleanup.policy': 'compact',
  });
  await expect(
    topics.alterConfigs('orders', [
      { name: 'retention.bytes', value: '3' },
      { name: 'max.message.bytes', value: '-3' },
    ]),
  ).rejects.toThrow(refusal('INVALID_CONFIG', 'max.message.bytes'));
  expect(await topics.describe('orders')).toMatchObject({
    configs: { retentionBytes: 2, cleanupPolicy: ['compact'] },
  });
});

test('validating a change of configs changes nothing', async () => {
  await topics.create({ name: 'orders' });
  const change = { name: 'retention.ms', value: '5' };
  await topics.alterConfigs('orders', [change], { validateOnly: true });
  expect((await topics.describe('orders')).overrides).toEqual({});
  await expect(
    topics.alterConfigs('orders', [{ ...change, value: 'x' }], { validateOnly: true }),
  ).rejects.toThrow(refusal('INVALID_CONFIG', 'retention.ms'));
});

test.each<[string | null, KafkaErrorName, ...string[]]>([
  ['1', 'INVALID_CONFIG', 'retention.hours'],
  [null, 'INVALID_CONFIG', 'retention.hours'],
  ['8', 'INVALID_CONFIG', 'partitions.per.head'],
  [null, 'INVALID_CONFIG', 'partitions.per.head'],
  ['1', 'INVALID_REQUEST', 'retention.ms', 'retention.ms'],
])('a change to %j is refused with %s for %s', async (value, error, ...names) => {
  const configs = { 'partitions.per.head': '4' };
  await topics.create({ name: 'orders', configs });
  const changes = names.map((name) => ({ name, value }));
  await expect(topics.alterConfigs('orders', changes)).rejects.toThrow(refusal(error, names[0]));
  expect((await topics.describe('orders')).overrides).toEqual(configs);
});

test('lookup asks the store once while its answer is fresh, and again after a change made here', async () => {
  const calls: string[] = [];
  const counted = topicsProcess(storage, async (call) => void calls.push(call));
  await others.create({ name: 'orders' });
  await Promise.all([counted.lookup('orders'), counted.lookup('orders')]);
  await counted.lookup('orders');
  expect(calls).toEqual(['get']);
  await counted.addPartitions('orders', 2);
  expect(await counted.lookup('orders')).toMatchObject({ partitions: 2 });
  await others.addPartitions('orders', 3);
  expect(await counted.describe('orders')).toMatchObject({ partitions: 3 });
  expect(await counted.lookup('orders')).toMatchObject({ partitions: 3 });
});

test('lookup does not remember that a topic was missing', async () => {
  await expect(topics.lookup('orders')).rejects.toThrow(refusal('UNKNOWN_TOPIC_OR_PARTITION'));
  await others.create({ name: 'orders' });
  expect(await topics.lookup('orders')).toMatchObject({ name: 'orders' });
});

test("lookup notices another process's change after three seconds", async () => {
  let now = 1;
  const aging = topicsProcess(storage, undefined, { ...systemClock, now: () => now });
  await others.create({ name: 'orders' });
  await aging.lookup('orders');
  await others.addPartitions('orders', 2);
  now += 2_999;
  expect(await aging.lookup('orders')).toMatchObject({ partitions: 1 });
  now += 1;
  expect(await aging.lookup('orders')).toMatchObject({ partitions: 2 });
});
