import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import type { StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { STREAMS_LIMITS, type StreamsLimits } from '../../lib/streams/runtime/limits.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { createWadi } from '../../lib/wadi.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const RUN_MS = 100;

async function cluster(partitions: number, intercept: Intercept = (_call, proceed) => proceed()) {
  const clock = testClock();
  const storage = intercepted(memoryStorage(), intercept);
  const wadi = await createWadi({ storage, clock, clusterId: 'test', warn: () => undefined });
  for (const name of ['in', 'out']) await wadi.topics.create({ name, partitions });
  const put = async (partition: number) => {
    const record = { key: null, value: Buffer.from(`${partition}`), timestamp: clock.now(), headers: [] };
    const batches = [
      { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: clock.now(), producer: undefined },
    ];
    const [result] = await wadi.log.append(await wadi.topics.describe('in'), [{ partition, batches }]);
    if (!result!.ok) throw result!.error;
  };
  const startWorker = (
    application: StreamsApplication,
    limits: Partial<StreamsLimits>,
    isStopping = () => false,
  ) => {
    const warn = (error: unknown) => {
      throw error;
    };
    return createStreamsWorker(wadi, application, {
      limits: { ...STREAMS_LIMITS, ...limits },
      ...{ warn, isStopping },
    });
  };
  return { clock, wadi, put, startWorker };
}

function peeking(peek: (value: string) => void): StreamsApplication {
  const builder = new StreamsBuilder();
  builder
    .stream('in', strings)
    .peek((_, value) => peek(value))
    .to('out');
  return { applicationId: 'app', topology: builder.build() };
}

test('a task that takes a whole run does not have the next one, too', async () => {
  const partitions = 3;
  const { clock, wadi, put, startWorker } = await cluster(partitions);
  const processed: string[] = [];
  const application = peeking((value) => {
    processed.push(value);
    clock.advance(RUN_MS);
  });
  const worker = startWorker(application, { tasksAtOnce: 1 });
  for (let partition = 0; partition < partitions; partition++) await put(partition);
  for (let run = 0; run < 2 * partitions; run++) {
    await worker.run(clock.now() + RUN_MS);
    await put(Number(processed.at(-1)));
  }
  await wadi.log.settled();
  expect(processed).toEqual(['0', '1', '2', '0', '1', '2']);
});

/** Hears who takes a task, and who gives one back. */
function overheard() {
  const held = new Set<string>();
  const taken: string[] = [];
  let most = 0;
  const intercept: Intercept = async ({ store, operation, args: [item] }, proceed) => {
    const { sk, untilMs } = item as { sk: string; untilMs?: number };
    if (store === 'groups' && operation === 'put' && untilMs !== undefined) {
      if (untilMs > 0 && !held.has(sk)) taken.push(sk);
      if (untilMs > 0) held.add(sk);
      else held.delete(sk);
      most = Math.max(most, held.size);
    }
    return proceed();
  };
  return { intercept, taken, most: () => most };
}

test('where all tasks are busy, each has its turn as often as the others, however many are worked on at once', async () => {
  const partitions = 5;
  const { intercept, taken, most } = overheard();
  const { clock, wadi, put, startWorker } = await cluster(partitions, intercept);
  let before = 0;
  const worker = startWorker(
    peeking(() => undefined),
    { tasksAtOnce: 2 },
    () => taken.length - before >= 2,
  );
  for (let run = 0; run < 2 * partitions; run++) {
    for (let partition = 0; partition < partitions; partition++) await put(partition);
    before = taken.length;
    expect((await worker.run(clock.now() + RUN_MS)).left).toBe(partitions - 2);
  }
  await wadi.log.settled();
  expect(most()).toBe(2);
  const turns = Array.from({ length: partitions }, (_, i) => taken.filter((sk) => sk === `0_${i}`).length);
  expect(turns).toEqual(turns.map(() => 4));
});

test('what one task has put into a topic another reads in the same run, and those that were given nothing are left alone', async () => {
  const partitions = 3;
  const looks: string[] = [];
  const { clock, wadi, put, startWorker } = await cluster(partitions, async (call, proceed) => {
    const { pk, sk } = call.args[0] as { pk: string; sk: string };
    if (call.operation === 'get' && pk === 'streams/app') looks.push(sk);
    return proceed();
  });
  const builder = new StreamsBuilder();
  builder.stream('out', strings).foreach(() => undefined);
  builder.stream('in', strings).to('out');
  const worker = startWorker({ applicationId: 'app', topology: builder.build() }, { tasksAtOnce: 1 });
  await put(1);
  expect((await worker.run(clock.now() + RUN_MS)).records).toBe(2);
  await wadi.log.settled();
  expect(looks).toEqual(['1_1', '0_1']);
});

test('what comes to a task while another is worked on is read in the same run', async () => {
  let come: () => Promise<void> = async () => undefined;
  const { clock, put, startWorker } = await cluster(2, async (call, proceed) => {
    const { sk, step } = call.args[0] as { sk?: string; step?: number };
    // It has been looked at before, and there was nothing.
    if (call.operation === 'put' && sk === '0_1' && step === 1) {
      await come();
      come = async () => undefined;
    }
    return proceed();
  });
  const worker = startWorker(
    peeking(() => undefined),
    {},
  );
  await worker.run(clock.now() + RUN_MS);
  await put(1);
  come = () => put(0);
  expect(await worker.run(clock.now() + RUN_MS)).toMatchObject({ records: 2, left: 0 });
});

test('a task is left for a while to the worker that has given it back, and then it is whose who comes', async () => {
  const { clock, put, startWorker } = await cluster(1);
  const affinityMs = 2_000;
  const [first, second] = [0, 1].map(() =>
    startWorker(
      peeking(() => undefined),
      { affinityMs },
    ),
  );
  const run = (worker = first!) => worker.run(clock.now() + RUN_MS);
  await put(0);
  expect(await run()).toMatchObject({ records: 1, left: 0 });
  // There is nothing to leave.
  expect(await run(second)).toMatchObject({ records: 0, left: 0 });
  await put(0);
  expect(await run(second)).toMatchObject({ records: 0, left: 1 });
  expect(await run()).toMatchObject({ records: 1, left: 0 });
  await put(0);
  clock.advance(affinityMs);
  expect(await run(second)).toMatchObject({ records: 1, left: 0 });
  await put(0);
  expect(await run()).toMatchObject({ records: 0, left: 1 });
});
