import fc from 'fast-check';
import { WadiError } from '../../lib/errors.ts';
import { headKey, isDeleted } from '../../lib/log/head.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Key, Storage } from '../../lib/storage/ports.ts';
import type { Topics } from '../../lib/topic/topics.ts';
import { topicsProcess } from './support.ts';

const configs = { 'partitions.per.head': '1' };

type Operation = (topics: Topics) => Promise<unknown>;

const creation = fc.integer({ min: 1, max: 3 }).map(
  (partitions): Operation =>
    (topics) =>
      topics.create({ name: 'orders', partitions, configs }),
);
const deletion = fc.constant<Operation>((topics) => topics.delete('orders'));
const addition = fc.integer({ min: 2, max: 6 }).map(
  (partitions): Operation =>
    (topics) =>
      topics.addPartitions('orders', partitions),
);

/** Runs each operation in a process of its own; the scheduler decides whose storage call is next. */
async function race(
  scheduler: fc.Scheduler,
  storage: Storage,
  operations: readonly Operation[],
): Promise<PromiseSettledResult<unknown>[]> {
  const running = operations.map((operation, i) =>
    operation(topicsProcess(storage, (call) => scheduler.schedule(Promise.resolve(), `${i} ${call}`))),
  );
  return scheduler.waitFor(Promise.allSettled(running));
}

/** A storage that remembers which heads were ever made. */
function watchedStorage(): { storage: Storage; headsMade: Key[] } {
  const storage = memoryStorage();
  const headsMade: Key[] = [];
  const log = {
    ...storage.log,
    put: (...args: Parameters<typeof storage.log.put>) => {
      if (args[0].pk.startsWith('head/')) headsMade.push({ pk: args[0].pk, sk: args[0].sk });
      return storage.log.put(...args);
    },
  };
  return { storage: { ...storage, log }, headsMade };
}

test('however creations, deletions and additions interleave, there are heads for live partitions and no others', async () => {
  let deletions = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.oneof(creation, deletion, addition), { minLength: 2, maxLength: 5 }),
      async (scheduler, operations) => {
        const { storage, headsMade } = watchedStorage();
        const topics = topicsProcess(storage);
        await topics.create({ name: 'orders', configs });

        for (const result of await race(scheduler, storage, operations)) {
          if (result.status === 'fulfilled') continue;
          expect(result.reason).toBeInstanceOf(WadiError);
          expect(['TOPIC_ALREADY_EXISTS', 'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_PARTITIONS']).toContain(
            result.reason.kafka,
          );
        }

        const live = await topics.list();
        const expected = live.flatMap(({ id, partitions }) =>
          Array.from({ length: partitions }, (_, i) => headKey(id, i).pk),
        );
        const found = await storage.log.getMany(headsMade);
        expect(new Set(found.flatMap((head) => (head && !isDeleted(head) ? [head.pk] : [])))).toEqual(
          new Set(expected),
        );
        if (live.length === 0) deletions++;
      },
    ),
    { numRuns: 200 },
  );
  expect(deletions).toBeGreaterThan(10);
});

test('of those who create one name, one succeeds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(creation, { minLength: 2, maxLength: 4 }),
      async (scheduler, creations) => {
        const storage = memoryStorage();
        const results = await race(scheduler, storage, creations);
        const created = results.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
        expect(created).toHaveLength(1);
        expect(await topicsProcess(storage).list()).toMatchObject(created as object[]);
      },
    ),
  );
});

test('of two who create names that collide, one succeeds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const storage = memoryStorage();
      const results = await race(scheduler, storage, [
        (topics) => topics.create({ name: 'a.b' }),
        (topics) => topics.create({ name: 'a_b' }),
      ]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await topicsProcess(storage).list()).toHaveLength(1);
    }),
  );
});

test('changes of different configs and of the partitions, made at the same time, are all kept', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const storage = memoryStorage();
      await topicsProcess(storage).create({ name: 'orders' });
      const keys = ['retention.ms', 'retention.bytes', 'segment.ms', 'flush.ms'];
      const results = await race(scheduler, storage, [
        ...keys.map(
          (name): Operation =>
            (topics) =>
              topics.alterConfigs('orders', [{ name, value: '7' }]),
        ),
        (topics) => topics.addPartitions('orders', 2),
      ]);
      expect(results.map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'));
      expect(await topicsProcess(storage).describe('orders')).toMatchObject({
        partitions: 2,
        overrides: Object.fromEntries(keys.map((name) => [name, '7'])),
      });
    }),
  );
});
