import fc from 'fast-check';
import { WadiError } from '../../lib/errors.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import { decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { TopologyTestDriver } from '../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { prepare } from '../../lib/streams/runtime/application.ts';
import type { OnError } from '../../lib/streams/runtime/deadLetter.ts';
import { STREAMS_LIMITS } from '../../lib/streams/runtime/limits.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import type { KeyValueStore } from '../../lib/streams/state/keyValueStore.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { compact, DAY } from '../maintenance/compaction.ts';
import { intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';

const { string, integer } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const numbers = { keySerde: string, valueSerde: integer };
const COMPACTED = { 'cleanup.policy': 'compact' };
/** As often as a call is not made again. */
const FAILURES = 8;
type Bytes = Uint8Array | null;

/** Orders of a product are told with its price; and others, which have none. */
function pricing(onError: OnError = 'stop') {
  const builder = new StreamsBuilder();
  const prices = builder.globalTable('prices', numbers, { storeName: 'prices' });
  builder
    .stream('orders', strings)
    .leftJoin(
      prices,
      (_, product) => product,
      (product, price) => `${product}: ${price ?? 'none'}`,
      strings,
    )
    .to('priced');
  builder.stream('others', strings).to('copies');
  return { applicationId: 'pricing', topology: builder.build(), onError };
}

async function append(
  { log, topics, clock }: Wadi,
  name: string,
  partition: number,
  key: Bytes,
  value: Bytes,
) {
  const record = { key, value, timestamp: clock.now(), headers: [] };
  const batch = { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: record.timestamp };
  const batches = [{ ...batch, producer: undefined }];
  const [result] = await log.append(await topics.describe(name), [{ partition, batches }]);
  if (!result!.ok) throw result!.error;
  await clock.sleep(10);
  await log.settled();
}

async function world(onError?: OnError) {
  const clock = testClock(100 * DAY);
  const storage = memoryStorage();
  // Whatever is appended is rolled at once, so that it can be compacted.
  const limits = { ...LIMITS, entriesPerRoll: 1, maxEntriesPerRoll: 2, holdMs: 0, busyHoldMs: 0 };
  const requests: string[] = [];
  let untilFailure = -FAILURES;
  let committed: (() => Promise<void>) | undefined;
  const overheard = intercepted(storage, async ({ store, operation, args }, proceed) => {
    requests.push(`${operation} ${JSON.stringify(args)}`);
    if (store === 'log' && --untilFailure <= 0 && untilFailure > -FAILURES)
      throw new StorageError('not heard', 'unknown');
    const result = await proceed();
    const isCommit = store === 'groups' && operation === 'put' && (args[0] as { pending?: unknown }).pending;
    if (isCommit) await committed?.();
    return result;
  });
  const process = (over: Storage = storage) =>
    createWadi({ storage: over, clock, limits, clusterId: 'test', warn: () => undefined });
  const wadi = await process();
  await wadi.topics.create({ name: 'prices', partitions: 2, configs: COMPACTED });
  await wadi.topics.create({ name: 'orders', partitions: 2 });
  for (const name of ['others', 'priced', 'copies']) await wadi.topics.create({ name });

  let told = 0;
  const warned: unknown[] = [];
  const application = pricing(onError);
  return {
    ...{ clock, storage, wadi, warned, requests },
    price: (partition: number, product: string, price: number | null) =>
      append(
        wadi,
        'prices',
        partition,
        string.serialize(product),
        price === null ? null : integer.serialize(price),
      ),
    order: (product: string, partition = 0) =>
      append(wadi, 'orders', partition, null, string.serialize(product)),
    /** A worker's calls of the log's items fail for a while, from one of them on. */
    failAt(call: number) {
      untilFailure = call;
    },
    atCommit(told: () => Promise<void>) {
      committed = told;
    },
    /** A worker that has nothing at hand. */
    async start(given = STREAMS_LIMITS) {
      const { log, topics, storage: seen } = await process(overheard);
      const tasks = await prepare(topics, application);
      const { groups: items, objects } = seen;
      const warn = (error: unknown) => void warned.push(error);
      const context = { application, items, objects, log, topics, clock, limits: given, warn };
      const runner = createTaskRunner(context);
      return {
        tasks,
        runTask: (task: number) => runner.run(tasks[task]!, clock.now() + 60_000),
        async run() {
          for (const task of tasks) await runner.run(task, clock.now() + 60_000);
        },
      };
    },
    /** What was told since it was asked last. */
    async told(): Promise<string[]> {
      const request = { partition: 0, offset: told, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
      const { bytes, nextOffset } = await wadi.log.fetch(await wadi.topics.describe('priced'), request);
      const found = [...decodeBatches(bytes, { fromOffset: told })];
      told = nextOffset;
      return found.map(({ value }) => string.deserialize(value!));
    },
  };
}

test('rows of all partitions are there before the first record, and what changes is seen by what is appended later', async () => {
  const w = await world();
  await w.price(0, 'pen', 1);
  await w.price(1, 'ink', 2);
  for (const product of ['pen', 'ink', 'cap']) await w.order(product, product === 'ink' ? 1 : 0);
  const worker = await w.start();
  await worker.run();
  expect((await w.told()).toSorted()).toEqual(['cap: none', 'ink: 2', 'pen: 1']);

  await w.price(0, 'pen', 3);
  await w.price(1, 'ink', null);
  await w.order('pen');
  await w.order('ink');
  await worker.run();
  expect(await w.told()).toEqual(['pen: 3', 'ink: none']);

  await w.order('pen', 1);
  await (await w.start()).run();
  expect(await w.told()).toEqual(['pen: 3']);
});

test('a worker runs an application with a global table, and prices what it can', async () => {
  const w = await world();
  await w.price(0, 'pen', 1);
  await w.order('pen');
  const warn = (error: unknown) => {
    throw error;
  };
  const run = await createStreamsWorker(w.wadi, pricing(), { warn }).run(w.clock.now() + 60_000);
  expect(run).toMatchObject({ records: 1, failed: 0 });
  expect(await w.told()).toEqual(['pen: 1']);
});

test('between steps the table is read on when it was not for a second', async () => {
  const w = await world();
  const { runTask } = await w.start({ ...STREAMS_LIMITS, recordsPerStep: 1, globalTableMs: 1_000 });
  for (let i = 0; i < 5; i++) await w.order('pen');
  let steps = 0;
  w.atCommit(async () => {
    w.clock.advance(400);
    await w.price(0, 'pen', ++steps);
  });
  await runTask(0);
  expect(await w.told()).toEqual(['pen: none', 'pen: none', 'pen: none', 'pen: 3', 'pen: 3']);
});

test('a clock that is set back holds up nothing that is put into the table from then on', async () => {
  const w = await world();
  await w.price(0, 'pen', 1);
  const { runTask } = await w.start();
  await w.order('pen');
  await runTask(0);
  w.clock.advance(-3_600_000);
  await w.price(0, 'pen', 2);
  await w.order('pen');
  await runTask(0);
  expect(await w.told()).toEqual(['pen: 1', 'pen: 2']);
});

test('all tasks have one table, which is read once; those that look nothing up, or have nothing to do, do not read it', async () => {
  const w = await world();
  await w.price(0, 'pen', 1);
  const { tasks, runTask } = await w.start();
  const { id } = await w.wadi.topics.describe('prices');
  const ofPrices = () => w.requests.splice(0).filter((request) => request.includes(id)).length;
  ofPrices();
  const others = tasks.findIndex(({ subtopology }) => subtopology === 1);
  await append(w.wadi, 'others', 0, null, string.serialize('pen'));
  expect(await runTask(others)).toMatchObject({ records: 1 });
  expect(ofPrices()).toBe(0);

  await w.order('pen', 0);
  await w.order('pen', 1);
  // Both ask before either has it.
  await Promise.all([runTask(0), runTask(1)]);
  expect(await w.told()).toEqual(['pen: 1', 'pen: 1']);
  const first = ofPrices();
  w.clock.advance(STREAMS_LIMITS.globalTableMs);
  await Promise.all([runTask(0), runTask(1)]);
  expect(ofPrices()).toBe(0);
  await w.order('pen', 0);
  await runTask(0);
  // Where it ends is asked before the task is taken, and for the first record.
  expect(ofPrices()).toBe(2);
  expect(first).toBeGreaterThan(2);
});

test('a table whose topic was trimmed, got partitions, or was made anew, is what the topic then has', async () => {
  const w = await world();
  const { wadi, clock } = w;
  for (const [partition, product] of ['pen', 'ink'].entries()) await w.price(partition, product, 1);
  const worker = await w.start();
  const pricesOf = async (...products: string[]) => {
    for (const product of products) await w.order(product);
    await worker.run();
    return w.told();
  };
  expect(await pricesOf('pen', 'ink')).toEqual(['pen: 1', 'ink: 1']);

  // What the table did not see is gone, and with it that there is no price any more.
  await w.price(0, 'pen', null);
  await w.price(0, 'cap', 2);
  await wadi.log.deleteRecords(await wadi.topics.describe('prices'), 0, 2);
  expect(await pricesOf('pen', 'ink', 'cap')).toEqual(['pen: none', 'ink: 1', 'cap: 2']);

  await wadi.topics.addPartitions('prices', 3);
  await w.price(2, 'pen', 3);
  // So long others may not know of it.
  clock.advance(3_000);
  expect(await pricesOf('pen', 'ink', 'cap')).toEqual(['pen: 3', 'ink: 1', 'cap: 2']);

  await wadi.topics.delete('prices');
  clock.advance(3_000);
  await expect(pricesOf('pen')).rejects.toMatchObject({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
  await wadi.topics.create({ name: 'prices', configs: COMPACTED });
  await w.price(0, 'ink', 4);
  for (let price = 0; price < 5; price++) await w.price(0, 'cup', price);
  expect(await pricesOf('ink', 'cap')).toEqual(['pen: none', 'ink: 4', 'cap: none']);
});

test('whoever slept until the deletion of a row was compacted away has not kept the row', async () => {
  const w = await world();
  await w.price(0, 'pen', 1);
  await w.price(0, 'ink', 2);
  const worker = await w.start();
  await worker.run();
  await w.price(0, 'pen', null);
  for (let i = 0; i < 3; i++) await w.price(0, 'ink', 3);
  const topic = await w.wadi.topics.describe('prices');
  for (let day = 0; day < 3; day++) {
    await compact(w.storage, { topic, clock: w.clock });
    w.clock.advance(2 * DAY);
  }
  const request = { partition: 0, offset: 0, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
  const left = [...decodeBatches((await w.wadi.log.fetch(topic, request)).bytes)];
  expect(left.some(({ key }) => string.deserialize(key!) === 'pen')).toBe(false);

  for (const product of ['pen', 'ink']) await w.order(product);
  await worker.run();
  expect(await w.told()).toEqual(['pen: none', 'ink: 3']);
});

test('a row that cannot be read stops the tasks that look it up, and leaves the others', async () => {
  const w = await world('stop');
  const { tasks, runTask } = await w.start();
  await append(w.wadi, 'prices', 0, string.serialize('pen'), Uint8Array.of(1));
  await w.order('ink');
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(runTask(0)).rejects.toMatchObject({
      ...{ name: 'RecordError', during: 'deserialization', record: { topic: 'prices', offset: 0 } },
    });
  await append(w.wadi, 'others', 0, null, string.serialize('pen'));
  const others = tasks.findIndex(({ subtopology }) => subtopology === 1);
  expect(await runTask(others)).toMatchObject({ outcome: 'idle', records: 1 });
  expect(await w.told()).toEqual([]);
});

test('where records that cannot be read are dead letters, a row that cannot is passed over, and told', async () => {
  const w = await world({ deadLetterTopic: 'dead' });
  await w.price(0, 'pen', 1);
  await append(w.wadi, 'prices', 0, string.serialize('pen'), Uint8Array.of(1));
  await append(w.wadi, 'prices', 0, null, integer.serialize(5));
  await w.price(0, 'ink', 2);
  for (const product of ['pen', 'ink']) await w.order(product);
  await (await w.start()).run();
  expect(await w.told()).toEqual(['pen: 1', 'ink: 2']);
  expect(w.warned).toMatchObject([{ name: 'RecordError', record: { topic: 'prices', offset: 1 } }]);
});

test('a processor that names the store of a global table has it, whole, when it begins; one that does not has not', async () => {
  const read = (stores: string[]) => {
    const builder = new StreamsBuilder();
    builder.globalTable('prices', numbers, { storeName: 'by-product' });
    builder
      .stream('orders', strings)
      .process<string, number>(
        () => {
          let forward = (_key: string, _value: number) => {};
          let count = 0;
          return {
            init(context) {
              const store = context.getStateStore<KeyValueStore<string, number>>('by-product');
              count = [...store.all()].length;
              forward = (key, value) => context.forward({ key, value, timestamp: 0, headers: [] });
            },
            process: ({ value }) => forward(value, count),
          };
        },
        { stores, ...numbers },
      )
      .to('priced');
    return { applicationId: 'reading', topology: builder.build() };
  };
  const w = await world();
  for (const [partition, product] of ['pen', 'ink'].entries()) await w.price(partition, product, 1);
  await w.order('pen');
  const run = async (stores: string[]) => {
    const failed: unknown[] = [];
    await createStreamsWorker(w.wadi, read(stores), { warn: (error) => failed.push(error) }).run(
      w.clock.now() + 60_000,
    );
    return failed;
  };
  expect(await run([])).toMatchObject([{ message: expect.stringContaining('was not added with store') }, {}]);
  expect(() => new TopologyTestDriver(read([]).topology)).toThrow('was not added with store');
  expect(await run(['by-product'])).toEqual([]);
  const request = { partition: 0, offset: 0, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
  const { bytes } = await w.wadi.log.fetch(await w.wadi.topics.describe('priced'), request);
  expect([...decodeBatches(bytes)].map(({ value }) => integer.deserialize(value!))).toEqual([2]);
});

test('a processor that would change a global table fails', () => {
  const builder = new StreamsBuilder();
  builder.globalTable('prices', numbers, { storeName: 'by-product' });
  builder.stream('orders', strings).process(
    () => {
      let store: KeyValueStore<string, number>;
      return {
        init(context) {
          store = context.getStateStore('by-product');
        },
        process({ key, value }) {
          if (value === 'put') store.put(key, 1);
          else store.delete(key);
        },
      };
    },
    { stores: ['by-product'] },
  );
  const driver = new TopologyTestDriver(builder.build());
  const orders = driver.createInputTopic('orders', string, string);
  driver.createInputTopic('prices', string, integer).pipeInput('pen', 2);
  for (const value of ['put', 'delete'])
    expect(() => orders.pipeInput('pen', value)).toThrow('its topic alone changes it');
  expect(driver.getKeyValueStore('by-product').get('pen')).toBe(2);
});

test('a topic is read as a global table, or as a source, once', () => {
  const builder = new StreamsBuilder();
  builder.globalTable('prices', numbers);
  expect(() => builder.globalTable('prices', numbers)).toThrow('has a source already');
  expect(() => builder.stream('prices', numbers)).toThrow('has a source already');
});

/** Another try is worth it. */
function isStorages(error: unknown): false {
  if (error instanceof StorageError || (error instanceof WadiError && error.retriable)) return false;
  throw error;
}

const inputs = fc.array(
  fc.record({
    product: fc.constantFrom('pen', 'ink', 'cap'),
    price: fc.option(fc.nat(9), { nil: null }),
    is: fc.constantFrom('order', 'price', 'restart', 'failure'),
    failAt: fc.integer({ min: 1, max: 12 }),
  }),
  { maxLength: 15, size: 'max' },
);

test('it tells what the test driver tells, whenever a worker begins anew, or a call fails', async () => {
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(inputs, async (all) => {
      const driver = new TopologyTestDriver(pricing().topology);
      const prices = driver.createInputTopic('prices', string, integer);
      const orders = driver.createInputTopic('orders', string, string);
      const w = await world();
      let worker = await w.start();
      for (const { product, price, is, failAt } of all) {
        if (is === 'failure') w.failAt(failAt);
        if (is === 'restart') worker = await w.start();
        if (is === 'price') {
          prices.pipeInput(product, price);
          await w.price(product === 'pen' ? 0 : 1, product, price);
        }
        if (is === 'order') {
          orders.pipeInput(null, product);
          await w.order(product);
          while (!(await worker.run().then(() => true, isStorages))) failed++;
        }
      }
      const expected = driver.createOutputTopic('priced', string, string).readKeyValues();
      expect(await w.told()).toEqual(expected.map(([, value]) => value));
    }),
    { numRuns: 100 },
  );
  expect(failed).toBeGreaterThan(0);
}, 60_000);
