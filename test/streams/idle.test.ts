import { createLog } from '../../lib/log/createLog.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import type { StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { STREAMS_LIMITS } from '../../lib/streams/runtime/limits.ts';
import { taskKey } from '../../lib/streams/runtime/taskItem.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { Topology } from '../../lib/streams/topology/topology.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { compact, DAY, keyed } from '../maintenance/compaction.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { append, readAll as logged, testClock } from '../support/log.ts';
import { Killed, produce, readAll, wordCount } from './countedWords.ts';

const { string, long } = Serdes;
const PARTITIONS = 3;

/** A cluster, and a worker of it whose calls of the storage are counted, and may be made to fail. */
async function start(application: StreamsApplication, partitions = PARTITIONS) {
  const clock = testClock();
  const storage = memoryStorage();
  const whole = await createWadi({ storage, clock, clusterId: 'test', warn: () => undefined });
  for (const name of ['lines', 'words']) await whole.topics.create({ name, partitions });
  const counts: Record<string, number> = {};
  /** It dies behind a call of that kind, or never. */
  const startWorker = async (isLast: (call: Call) => boolean = () => false) => {
    let isDead = false;
    const counted = intercepted(storage, async (call, proceed) => {
      if (isDead) throw new Killed();
      const kind = `${call.store} ${call.operation}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
      isDead = isLast(call);
      return proceed();
    });
    const wadi = await createWadi({ storage: counted, clock, clusterId: 'test', warn: () => undefined });
    const limits = { ...STREAMS_LIMITS, prepareMs: 3_600_000 };
    const warn = (error: unknown) => {
      if (!isDead) throw error;
    };
    return createStreamsWorker(wadi, application, { warn, limits });
  };
  const run = async (worker: Awaited<ReturnType<typeof startWorker>>) => {
    for (const kind of Object.keys(counts)) delete counts[kind];
    const done = await worker.run(clock.now() + 600_000);
    await whole.log.settled();
    return { ...done, calls: { ...counts } };
  };
  return { clock, storage, whole, startWorker, run };
}

test('tasks that have nothing to do cost a query of 100 of their items, and a read of 16 partitions of a topic, whoever had them last; no write, and nothing of S3', async () => {
  for (const [partitions, queries, heads] of [
    [3, 1, 1],
    [40, 1, 3],
    [64, 2, 4],
  ] as const) {
    const { whole, startWorker, run } = await start(wordCount(), partitions);
    const worker = await startWorker();
    const words = Array.from({ length: 10 * partitions }, (_, i) => `word${i}`);
    await produce(whole, 'lines', words);
    expect(await run(worker)).toMatchObject({ failed: 0, left: 0 });
    // Of two sub-topologies, each of which reads a topic.
    const reads = { 'groups query': queries, 'log get': 2 * heads };
    expect((await run(worker)).calls).toEqual(reads);
    const other = await startWorker();
    await run(other);
    expect((await run(other)).calls).toEqual(reads);
  }
});

test('tasks that join read both of their topics', async () => {
  const builder = new StreamsBuilder();
  const strings = { keySerde: string, valueSerde: string };
  const lines = builder.stream('lines', strings);
  lines.join(builder.table('words', strings), (line) => line, { valueSerde: string }).to('out');
  const { startWorker, run } = await start({ applicationId: 'app', topology: builder.build() });
  const worker = await startWorker();
  await run(worker);
  expect((await run(worker)).calls).toEqual({ 'groups query': 1, 'log get': 2 });
});

test('a task that is new, and for which there is nothing, is not taken', async () => {
  const { storage, whole, startWorker, run } = await start(wordCount());
  const worker = await startWorker();
  expect(await run(worker)).toMatchObject({ left: 0, failed: 0 });
  const itemOf = (partition: number) => storage.groups.get(taskKey('count', { subtopology: 0, partition }));
  expect(await itemOf(0)).toBeUndefined();
  await produce(whole, 'lines', ['a']);
  await run(worker);
  expect(await itemOf(0)).toBeDefined();
  expect(await itemOf(1)).toBeUndefined();
});

/** Tells how many lines there were each second of a worker's clock. */
function ticking(): StreamsApplication {
  const topology = new Topology()
    .addSource('source', ['lines'], { keySerde: string, valueSerde: string })
    .addProcessor<string, string, string, number>('count', () => {
      let lines = 0;
      return {
        init(context) {
          context.schedule(1_000, 'stream-time', () => undefined);
          context.schedule(1_000, 'wall-clock-time', (timestamp) =>
            context.forward({ key: `${context.taskId.partition}`, value: lines, timestamp, headers: [] }),
          );
        },
        process: () => void lines++,
      };
    }, ['source'])
    .addSink('sink', 'words', ['count'], { keySerde: string, valueSerde: long });
  return { applicationId: 'ticks', topology };
}

async function told(wadi: Wadi): Promise<number> {
  return (await readAll(wadi, 'words')).length;
}

test('what goes by wall-clock time is called when it is due, also of a task to which nothing ever came, and the task is not taken in between', async () => {
  const { clock, whole, startWorker, run } = await start(ticking());
  const worker = await startWorker();
  await run(worker);
  expect(await told(whole)).toBe(0);
  clock.advance(900);
  expect((await run(worker)).calls).toEqual({ 'groups query': 1, 'log get': 1 });
  clock.advance(100);
  await run(worker);
  expect(await told(whole)).toBe(PARTITIONS);
  clock.advance(1_000);
  await run(await startWorker());
  expect(await told(whole)).toBe(2 * PARTITIONS);
});

test.each([
  ['the worker that has the task at hand', true],
  ['another', false],
])(
  'a clock that was a day ahead holds up nothing that goes by it, once it is set back: %s',
  async (_, isSame) => {
    const { clock, whole, startWorker, run } = await start(ticking());
    clock.advance(DAY);
    const ahead = await startWorker();
    await run(ahead);
    clock.advance(-DAY);
    const worker = isSame ? ahead : await startWorker();
    await run(worker);
    clock.advance(900);
    expect((await run(worker)).calls).toEqual({ 'groups query': 1, 'log get': 1 });
    clock.advance(100);
    await run(worker);
    expect(await told(whole)).toBe(PARTITIONS);
  },
);

test('a step that was committed by one who died is applied, though nothing more comes', async () => {
  const { clock, whole, startWorker, run } = await start(wordCount());
  await produce(whole, 'lines', ['a b c']);
  const isCommit = ({ store, operation, args: [item] }: Call) =>
    store === 'groups' && operation === 'put' && (item as { step?: number }).step === 1;
  expect((await run(await startWorker(isCommit))).failed).toBeGreaterThan(0);
  expect(await readAll(whole, 'words')).toEqual([]);
  clock.advance(2 * STREAMS_LIMITS.leaseMs);
  await run(await startWorker());
  expect(new Map(await readAll(whole, 'words'))).toEqual(new Map([...'abc'].map((word) => [word, 1])));
});

test('a task goes on past records that compaction has left nothing of, and is not taken for them again', async () => {
  const { clock, storage, whole, startWorker, run } = await start(wordCount(), 1);
  const topic = await whole.topics.describe('lines');
  const limits = { ...LIMITS, entriesPerRoll: 1, maxEntriesPerRoll: 2, holdMs: 0, busyHoldMs: 0 };
  const log = createLog({ storage, clock, limits });
  for (const value of ['a', null, null, null]) {
    await append(log, topic, 0, keyed([['key', value]], clock.now()));
    clock.advance(10);
    await log.settled();
  }
  for (let times = 0; times < 3; times++) {
    clock.advance(2 * DAY);
    await compact(storage, { topic, clock });
  }
  expect(await logged(log, topic)).toEqual([]);
  const worker = await startWorker();
  await run(worker);
  expect((await run(worker)).calls).toEqual({ 'groups query': 1, 'log get': 2 });
});
