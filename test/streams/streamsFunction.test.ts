import { createHandler } from '../../functions/streams.ts';
import { logErrorsBy } from '../../lib/logError.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { Serdes, StreamsBuilder } from '../../lib/streams/index.ts';
import { createRegistry } from '../../lib/streams/registry/registry.ts';
import type { WorkerRun } from '../../lib/streams/runtime/worker.ts';
import { createWadi } from '../../lib/wadi.ts';
import { append, batch, readAll, testClock } from '../support/log.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const TIMEOUT_MS = 60_000;
/** A step of 5,000 takes 10 s. */
const RECORDS = 40_000;
const RECORD_MS = 2;

let logged: string[];
beforeEach(() => {
  logged = [];
  logErrorsBy(({ message }) => logged.push(message));
});

/** The function of an application that copies `in` to `out`, and takes a while for each record. */
async function started({ topics = ['in', 'out'], partitions = 1, timeoutMs = TIMEOUT_MS } = {}) {
  const clock = testClock();
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: 'test' });
  for (const name of topics) await wadi.topics.create({ name, partitions });
  const builder = new StreamsBuilder();
  builder
    .stream('in', strings)
    .peek((_, value) => {
      if (value === 'bad') throw new Error('bad');
      clock.advance(RECORD_MS);
    })
    .to('out');
  const application = { applicationId: 'copy', topology: builder.build() };
  const reported: WorkerRun[] = [];
  const lags: number[] = [];
  const options = {
    ...{ application, functionName: 'fn-copy' },
    report: (run: WorkerRun) => reported.push(run),
    reportLag: (records: number) => lags.push(records),
  };
  const handle = createHandler(wadi, options);
  const { objects } = wadi.storage;
  const regions = ['first', 'second'].map((name, i) => ({ id: i + 1, name, objects }));
  const topic = (name: string) => wadi.topics.describe(name);
  return {
    ...{ wadi, clock, reported, lags },
    put: async (partition: number, ...values: string[]) =>
      append(wadi.log, await topic('in'), partition, batch(values)),
    copied: async (partition = 0) =>
      (await readAll(wadi.log, await topic('out'), partition)).map(([, value]) => value),
    /** The function in one of two regions. */
    inRegion: (localRegion: string) => {
      const handle = createHandler({ ...wadi, regions, localRegion }, options);
      return () => handle({}, { getRemainingTimeInMillis: () => timeoutMs });
    },
    invoke: () => {
      const endsMs = clock.now() + timeoutMs;
      return handle({}, { getRemainingTimeInMillis: () => endsMs - clock.now() });
    },
  };
}

test('an invocation works until there is nothing to read, and tells what it has done', async () => {
  const { invoke, put, copied, reported } = await started();
  await put(0, 'one', 'two');
  const run = await invoke();
  expect(run).toMatchObject({ records: 2, steps: 1, failed: 0, left: 0 });
  expect(reported).toEqual([run]);
  expect(await copied()).toEqual(['one', 'two']);
  expect(await invoke()).toMatchObject({ records: 0, steps: 0 });
});

test('it ends before its time is over, with its tasks given back: the next goes on where it was', async () => {
  const { invoke, put, copied, clock } = await started();
  for (let i = 0; i < RECORDS; i += 1_000) {
    await put(0, ...Array.from({ length: 1_000 }, (_, n) => String(i + n)));
  }
  const began = clock.now();
  const first = await invoke();
  expect(first).toMatchObject({ records: 25_000, steps: 5 });
  expect(clock.now() - began).toBeLessThan(TIMEOUT_MS);
  let { records } = first;
  while (records < RECORDS) {
    const run = await invoke();
    expect(run).toMatchObject({ left: 0, restored: 0 });
    records += run.records;
  }
  expect(await copied()).toHaveLength(RECORDS);
});

test('one that takes long tells every minute what it has done, and how many records wait', async () => {
  const { invoke, put, reported, lags, clock } = await started({ timeoutMs: 180_000 });
  for (let i = 0; i < 2 * RECORDS; i += 1_000) await put(0, ...Array.from({ length: 1_000 }, String));
  const run = await invoke();
  expect(run).toMatchObject({ records: 2 * RECORDS, failed: 0 });
  expect(reported.map(({ records }) => records)).toEqual([30_000, 30_000, 20_000]);
  expect(lags).toEqual([50_000, 20_000]);
  // However often it is called.
  await invoke();
  expect(lags).toHaveLength(2);
  clock.advance(60_000);
  await invoke();
  expect(lags).toEqual([50_000, 20_000, 0]);
});

test('it tells the registry under which name it can be called', async () => {
  const { invoke, wadi, clock } = await started();
  await invoke();
  const found = await createRegistry(wadi.storage.groups, clock).find('copy');
  expect(found).toMatchObject({ functionName: 'fn-copy', subtopologies: [{ topics: ['in'] }] });
});

test('a task that fails is logged, counted, and holds up no other', async () => {
  const { invoke, put, copied } = await started({ partitions: 2 });
  await put(0, 'bad');
  await put(1, 'good');
  expect(await invoke()).toMatchObject({ records: 1, failed: 1 });
  expect(await copied(1)).toEqual(['good']);
  expect(logged).toEqual(["Task 0_0 of application 'copy' failed: in/0, offset 0: bad"]);
});

test('without its topics it fails, and begins once they are there', async () => {
  const { invoke, wadi } = await started({ topics: ['out'] });
  await expect(invoke()).rejects.toMatchObject({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
  await wadi.topics.create({ name: 'in' });
  expect(await invoke()).toMatchObject({ failed: 0 });
});

test('of several regions, those that no waker calls leave a task for a minute to the one that had it last', async () => {
  const { inRegion, put, clock } = await started();
  const [first, second] = [inRegion('first'), inRegion('second')];
  await put(0, 'one');
  expect(await first()).toMatchObject({ records: 1 });
  await put(0, 'two');
  expect(await second()).toMatchObject({ records: 0, left: 1 });
  clock.advance(60_000);
  expect(await second()).toMatchObject({ records: 1 });
  await put(0, 'three');
  expect(await first()).toMatchObject({ records: 1 });
});
