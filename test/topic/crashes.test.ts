import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import type { Topics } from '../../lib/topic/topics.ts';
import { deletedTopicIds, headCount, topicsProcess } from './support.ts';

/** Far more storage calls than any operation here makes. */
const MAX_CALLS = 100;

/** A process that dies before its storage call number `calls` (from 0). */
function mortal(storage: Storage, calls: number): Topics {
  let made = 0;
  return topicsProcess(storage, async () => {
    if (made++ >= calls) throw new Error('the process died');
  });
}

/**
 * Runs `operation` again and again, each time on a fresh storage and dying one storage call later, until it no longer
 * dies; after each run a new process checks, or finishes, what it finds.
 */
async function atEveryCrash(
  prepare: (topics: Topics) => Promise<unknown>,
  operation: (topics: Topics) => Promise<unknown>,
  afterwards: (storage: Storage, topics: Topics) => Promise<void>,
): Promise<void> {
  for (let calls = 0; calls < MAX_CALLS; calls++) {
    const storage = memoryStorage();
    await prepare(topicsProcess(storage));
    const finished = await operation(mortal(storage, calls)).then(
      () => true,
      () => false,
    );
    await afterwards(storage, topicsProcess(storage));
    if (finished) {
      expect(calls).toBeGreaterThan(1);
      return;
    }
  }
  throw new Error('the operation never ended');
}

const nothing = async () => {};
const wide = { name: 'orders', partitions: 40, configs: { 'partitions.per.head': '10' } };

test('wherever a creation dies, the topic is there whole or the name is free', async () => {
  await atEveryCrash(
    nothing,
    (topics) => topics.create(wide),
    async (storage, topics) => {
      const [found] = await topics.list();
      const topic = found ?? (await topics.create(wide));
      expect(topic.partitions).toBe(40);
      expect(await headCount(storage, topic.id)).toBe(4);
    },
  );
});

test('wherever a deletion dies, the topic is there whole or gone, and deleting again finishes it', async () => {
  await atEveryCrash(
    (topics) => topics.create(wide),
    (topics) => topics.delete('orders'),
    async (storage, topics) => {
      const { items } = await storage.metadata.query({ pk: 'topic', limit: 2 });
      const [found] = await topics.list();
      if (found) expect(await headCount(storage, found.id)).toBe(4);
      else await expect(topics.describe('orders')).rejects.toThrow('does not exist');

      if (items.some(({ id }) => id !== undefined)) await topics.delete('orders');
      expect(await topics.list()).toEqual([]);
      const [id] = await deletedTopicIds(storage);
      expect(await headCount(storage, id!)).toBe(0);
      const left = await storage.metadata.query({ pk: 'topic', limit: 2 });
      expect(left).toMatchObject({ items: [{ sk: 'orders', lastId: id }] });
      expect(left.items[0]).not.toHaveProperty('id');
    },
  );
});

test('wherever a deletion dies, once the topic is gone its name can be used again and the old heads are gone', async () => {
  await atEveryCrash(
    (topics) => topics.create(wide),
    (topics) => topics.delete('orders'),
    async (storage, topics) => {
      if ((await topics.list()).length > 0) return;
      const created = await topics.create({ name: 'orders' });
      const [old] = await deletedTopicIds(storage);
      expect(old).not.toBe(created.id);
      expect(await headCount(storage, old!)).toBe(0);
      expect(await headCount(storage, created.id)).toBe(1);
      expect(await topics.list()).toMatchObject([{ id: created.id, partitions: 1 }]);
    },
  );
});

test('wherever an addition of partitions dies, every partition that is counted has its head', async () => {
  await atEveryCrash(
    (topics) => topics.create(wide),
    (topics) => topics.addPartitions('orders', 95),
    async (storage, topics) => {
      let topic = await topics.describe('orders');
      expect([40, 95]).toContain(topic.partitions);
      expect(await headCount(storage, topic.id)).toBeGreaterThanOrEqual(topic.partitions / 10);
      if (topic.partitions === 40) topic = await topics.addPartitions('orders', 95);
      expect(await headCount(storage, topic.id)).toBe(10);
    },
  );
});

test('wherever a change of configs dies, all of it was made or nothing', async () => {
  const before = { 'retention.ms': '1' };
  const after = { 'retention.bytes': '2', 'segment.ms': '3' };
  await atEveryCrash(
    (topics) => topics.create({ name: 'orders', configs: before }),
    (topics) =>
      topics.alterConfigs('orders', [
        { name: 'retention.ms', value: null },
        { name: 'retention.bytes', value: '2' },
        { name: 'segment.ms', value: '3' },
      ]),
    async (_storage, topics) => {
      expect([before, after]).toContainEqual((await topics.describe('orders')).overrides);
    },
  );
});
