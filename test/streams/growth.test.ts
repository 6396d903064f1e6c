import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { prepare, type StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { STREAMS_LIMITS } from '../../lib/streams/runtime/limits.ts';
import { taskKey } from '../../lib/streams/runtime/taskItem.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';
import { expectOnce, produce, readAll, wordCount } from './countedWords.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const { prepareMs } = STREAMS_LIMITS;

async function cluster(topics: Readonly<Record<string, number>>) {
  const clock = testClock();
  const storage = memoryStorage();
  const start = (of: Storage) => createWadi({ storage: of, clock, clusterId: 'test', warn: () => undefined });
  const wadi = await start(storage);
  for (const [name, partitions] of Object.entries(topics)) await wadi.topics.create({ name, partitions });
  const startWorker = async (
    application: StreamsApplication,
    intercept: Intercept = (_call, proceed) => proceed(),
  ) => {
    const errors: unknown[] = [];
    const limits = { ...STREAMS_LIMITS, recordsPerStep: 2 };
    const worker = createStreamsWorker(await start(intercepted(storage, intercept)), application, {
      ...{ limits, warn: (error: unknown) => errors.push(error) },
    });
    return { run: () => worker.run(clock.now() + 600_000), errors };
  };
  return { clock, storage, wadi, startWorker };
}

/** Counts lines by their keys, without a topic of its own between. */
function keyCount(): StreamsApplication {
  const builder = new StreamsBuilder();
  builder.stream('lines', strings).groupByKey().count({ storeName: 'counts' }).toStream().to('words');
  return { applicationId: 'keys', topology: builder.build() };
}

async function put({ log, topics }: Wadi, partition: number, key: string): Promise<void> {
  const record = { key: Buffer.from(key), value: Buffer.from('x'), timestamp: 1_000, headers: [] };
  const batch = { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: 1_000, producer: undefined };
  const [result] = await log.append(await topics.describe('lines'), [{ partition, batches: [batch] }]);
  if (!result!.ok) throw result!.error;
}

test('a topic that is given more partitions while it is read is read in all of them, and changelogs have as many', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const worker = await startWorker(keyCount());
  await put(wadi, 0, 'a');
  await worker.run();
  await wadi.topics.addPartitions('lines', 4);
  for (const partition of [0, 1, 2, 3]) await put(wadi, partition, `a${partition}`);
  clock.advance(prepareMs);
  expect(await worker.run()).toMatchObject({ records: 4, failed: 0, left: 0 });
  expect((await wadi.topics.describe('keys-counts-changelog')).partitions).toBe(4);
  expect(new Map(await readAll(wadi, 'words'))).toEqual(
    new Map(['a', 'a0', 'a1', 'a2', 'a3'].map((key) => [key, 1])),
  );
  // Another worker has the stores of the new tasks, too.
  for (const partition of [0, 1, 2, 3]) await put(wadi, partition, `a${partition}`);
  expect(await (await startWorker(keyCount())).run()).toMatchObject({ records: 4, restored: 5 });
  expect(new Map(await readAll(wadi, 'words')).get('a3')).toBe(2);
});

test('a clock that is set back keeps no worker from finding more partitions', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const worker = await startWorker(keyCount());
  await worker.run();
  clock.advance(-3_600_000);
  await wadi.topics.addPartitions('lines', 2);
  await put(wadi, 1, 'a');
  expect(await worker.run()).toMatchObject({ records: 1 });
});

test('a key that is in another partition by then begins anew there', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const worker = await startWorker(keyCount());
  await put(wadi, 0, 'a');
  await put(wadi, 0, 'a');
  await worker.run();
  await wadi.topics.addPartitions('lines', 2);
  await put(wadi, 1, 'a');
  clock.advance(prepareMs);
  await worker.run();
  expect(await readAll(wadi, 'words')).toEqual([
    ['a', 1],
    ['a', 2],
    ['a', 1],
  ]);
});

test('a topic by way of which words go to their partitions keeps those that it has, and all is counted once', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 3 });
  const worker = await startWorker(wordCount());
  const lines = ['a b', 'b c', 'c d', 'd a'];
  await produce(wadi, 'lines', lines.slice(0, 2));
  await worker.run();
  await wadi.topics.addPartitions('lines', 2);
  await produce(wadi, 'lines', lines.slice(2));
  clock.advance(prepareMs);
  await worker.run();
  expect((await wadi.topics.describe('count-counts-repartition')).partitions).toBe(1);
  expect((await wadi.topics.describe('count-counts-changelog')).partitions).toBe(1);
  expectOnce(await readAll(wadi, 'words'), lines);
});

test('several workers find more partitions in the same moment', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const workers = await Promise.all(Array.from({ length: 4 }, () => startWorker(keyCount())));
  await Promise.all(workers.map((worker) => worker.run()));
  for (const partitions of [3, 8]) {
    await wadi.topics.addPartitions('lines', partitions);
    clock.advance(prepareMs);
    await Promise.all(workers.map((worker) => worker.run()));
    expect((await wadi.topics.describe('keys-counts-changelog')).partitions).toBe(partitions);
  }
  expect(workers.flatMap(({ errors }) => errors)).toEqual([]);
});

test('topics that are joined stop the application while one has more partitions than the other', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, names: 1, words: 1 });
  const builder = new StreamsBuilder();
  builder
    .stream('lines', strings)
    .leftJoin(builder.table('names', strings), (line) => line, { valueSerde: string })
    .to('words');
  const worker = await startWorker({ applicationId: 'join', topology: builder.build() });
  await worker.run();
  await wadi.topics.addPartitions('lines', 2);
  clock.advance(prepareMs);
  await expect(worker.run()).rejects.toMatchObject({
    ...{ kafka: 'INVALID_PARTITIONS', message: expect.stringContaining('lines has 2, names has 1') },
  });
  await wadi.topics.addPartitions('names', 2);
  await put(wadi, 1, 'a');
  expect(await worker.run()).toMatchObject({ records: 1, failed: 0 });
});

test('an application whose topics and tasks were deleted while it runs makes them anew, and begins from the first record', async () => {
  const { clock, storage, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const worker = await startWorker(wordCount());
  await produce(wadi, 'lines', ['a b']);
  await worker.run();
  const before = (await readAll(wadi, 'words')).length;
  for (const subtopology of [0, 1])
    await storage.groups.delete(taskKey('count', { subtopology, partition: 0 }));
  for (const name of ['repartition', 'changelog']) await wadi.topics.delete(`count-counts-${name}`);
  await wadi.topics.delete('words');
  await wadi.topics.create({ name: 'words', partitions: 1 });
  clock.advance(3_000);
  await worker.run();
  expect(worker.errors.length).toBeGreaterThan(0);
  for (const error of worker.errors)
    expect(error).toMatchObject({ cause: { kafka: 'UNKNOWN_TOPIC_OR_PARTITION' } });
  await worker.run();
  expect(before).toBe(2);
  expectOnce(await readAll(wadi, 'words'), ['a b']);
});

test('of a topic that was deleted and made anew the first record is read, however far the task was in the other', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const worker = await startWorker(keyCount());
  for (const key of ['a', 'b', 'c']) await put(wadi, 0, key);
  await worker.run();
  await wadi.topics.delete('lines');
  await wadi.topics.create({ name: 'lines', partitions: 1 });
  for (const key of ['d', 'e', 'f', 'g']) await put(wadi, 0, key);
  clock.advance(3_000);
  expect(await worker.run()).toMatchObject({ records: 4, failed: 0 });
});

test('a store is what its changelog says, also for the worker that had it, when that topic was deleted and made anew', async () => {
  const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const worker = await startWorker(keyCount());
  await put(wadi, 0, 'a');
  await worker.run();
  await wadi.topics.delete('keys-counts-changelog');
  clock.advance(prepareMs);
  await put(wadi, 0, 'a');
  await worker.run();
  expect((await readAll(wadi, 'words')).at(-1)).toEqual(['a', 1]);
  await put(wadi, 0, 'a');
  await (await startWorker(keyCount())).run();
  expect((await readAll(wadi, 'words')).at(-1)).toEqual(['a', 2]);
});

test('records that retention has deleted before they were read are passed over', async () => {
  const { wadi, startWorker } = await cluster({ lines: 1, words: 1 });
  const worker = await startWorker(keyCount());
  await put(wadi, 0, 'a');
  await worker.run();
  for (const key of ['b', 'c']) await put(wadi, 0, key);
  await wadi.log.deleteRecords(await wadi.topics.describe('lines'), 0, 2);
  expect(await worker.run()).toMatchObject({ records: 1, failed: 0 });
});

test('when all is there, preparing writes nothing', async () => {
  const { storage, wadi } = await cluster({ lines: 2, words: 1 });
  await prepare(wadi.topics, wordCount());
  const calls: string[] = [];
  const listening = intercepted(storage, async ({ store, operation }, proceed) => {
    calls.push(`${store} ${operation}`);
    return proceed();
  });
  const { topics } = await createWadi({ storage: listening, clusterId: 'test', warn: () => undefined });
  expect(await prepare(topics, wordCount())).toHaveLength(4);
  expect(new Set(calls)).toEqual(new Set(['metadata get']));
});

test('what a committed step was to append to a topic that was deleted since is gone with it, and the task goes on', async () => {
  for (const name of ['words', 'keys-counts-changelog']) {
    const { clock, wadi, startWorker } = await cluster({ lines: 1, words: 1 });
    const worker = await startWorker(keyCount(), async ({ store, operation, args: [item] }, proceed) => {
      const outcome = await proceed();
      const isCommit = store === 'groups' && operation === 'put' && (item as { step?: number }).step === 2;
      if (isCommit && worker.errors.length === 0) {
        const { partitions, overrides: configs } = await wadi.topics.describe(name);
        await wadi.topics.delete(name);
        await wadi.topics.create({ name, partitions, configs });
      }
      return outcome;
    });
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await put(wadi, 0, key);
    await worker.run();
    expect(worker.errors).toMatchObject([{ cause: { kafka: 'UNKNOWN_TOPIC_OR_PARTITION' } }]);
    clock.advance(3_000);
    expect(await worker.run()).toMatchObject({ records: 2, failed: 0 });
    expect(new Map(await readAll(wadi, 'words')).get('f')).toBe(1);
  }
});
