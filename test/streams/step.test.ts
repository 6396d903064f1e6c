import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { TopologyTestDriver } from '../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import type { OnError } from '../../lib/streams/runtime/deadLetter.ts';
import { STREAMS_LIMITS } from '../../lib/streams/runtime/limits.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { keyValueStoreBuilder } from '../../lib/streams/state/keyValueStore.ts';
import { createWadi } from '../../lib/wadi.ts';
import { readAll, testClock } from '../support/log.ts';
import { produce } from './countedWords.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };

async function started(
  build: (builder: StreamsBuilder, clock: ReturnType<typeof testClock>) => void,
  onError: OnError = 'stop',
  configs: Record<string, string> = {},
) {
  const clock = testClock();
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: 'test' });
  for (const name of ['in', 'dead']) await wadi.topics.create({ name });
  await wadi.topics.create({ name: 'out', configs });
  const builder = new StreamsBuilder();
  build(builder, clock);
  const failures: string[] = [];
  const worker = createStreamsWorker(
    wadi,
    { applicationId: 'app', topology: builder.build(), onError },
    { warn: (error) => failures.push((error as Error).message), limits: STREAMS_LIMITS },
  );
  const read = async (topic: string) =>
    (await readAll(wadi.log, await wadi.topics.describe(topic), 0)).map(([, value]) => value);
  return { wadi, clock, failures, read, run: () => worker.run(clock.now() + 3_600_000) };
}

test('a step ends after its time, however few records that are', async () => {
  const { wadi, run, read } = await started((builder, clock) =>
    builder
      .stream('in', strings)
      .peek(() => clock.advance(STREAMS_LIMITS.stepMs / 2))
      .to('out'),
  );
  await produce(wadi, 'in', ['a', 'b', 'c', 'd', 'e']);
  expect(await run()).toMatchObject({ records: 5, steps: 3 });
  expect(await read('out')).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test.each([
  ['NaN', Number.NaN],
  ['a fraction', 0.5],
  ['text', '17' as unknown as number],
])('a timestamp that is %s is an error of its record', async (_name, timestamp) => {
  const { wadi, run, read } = await started(
    (builder) =>
      builder
        .stream('in', {
          ...strings,
          timestampExtractor: ({ value, timestamp: own }) => (value === 'bad' ? timestamp : own),
        })
        .to('out'),
    { deadLetterTopic: 'dead' },
  );
  await produce(wadi, 'in', ['a', 'bad', 'b']);
  await run();
  expect([await read('out'), await read('dead')]).toEqual([['a', 'b'], ['bad']]);
});

test('a record without a time is passed over, and counted', () => {
  const builder = new StreamsBuilder();
  builder.stream('in', { ...strings, timestampExtractor: () => -1 }).to('out');
  const driver = new TopologyTestDriver(builder.build());
  driver.createInputTopic('in', string, string).pipeInput('k', 'v');
  expect(driver.createOutputTopic('out', string, string).isEmpty()).toBe(true);
  expect(driver.droppedRecords).toBe(1);
});

test('a record that a compacted topic does not take, since it has no key, cannot be processed', async () => {
  const { wadi, run, read } = await started(
    (builder) => builder.stream('in', strings).to('out'),
    { deadLetterTopic: 'dead' },
    { 'cleanup.policy': 'compact' },
  );
  await produce(wadi, 'in', ['without a key']);
  await run();
  expect([await read('out'), await read('dead')]).toEqual([[], ['without a key']]);
});

test('a record whose partitioner names a partition that there is not is a dead letter, the others are not', async () => {
  const { wadi, run, read } = await started(
    (builder) =>
      builder.stream('in', strings).to('out', { partitioner: ({ value }) => (value === 'bad' ? 7 : 0) }),
    { deadLetterTopic: 'dead' },
  );
  await produce(wadi, 'in', ['a', 'bad', 'b']);
  await run();
  expect([await read('out'), await read('dead')]).toEqual([['a', 'b'], ['bad']]);
});

test('what is put into a store without a value is deleted', () => {
  const builder = new StreamsBuilder();
  builder
    .addStateStore(keyValueStoreBuilder('last', string, string))
    .stream('in', strings)
    .process<string, string>(
      () => {
        let put: (key: string, value: string | null) => void;
        return {
          init(context) {
            const store = context.getStateStore<never>('last') as { put: typeof put };
            put = store.put;
          },
          process: ({ key, value }) => put(key, value),
        };
      },
      { ...strings, stores: ['last'] },
    );
  const driver = new TopologyTestDriver(builder.build());
  const topic = driver.createInputTopic('in', string, string);
  const store = driver.getKeyValueStore<string, string>('last');
  topic.pipeInput('a', '1');
  expect(store.get('a')).toBe('1');
  topic.pipeInput('a', null);
  expect([store.get('a'), store.approximateNumEntries()]).toEqual([undefined, 0]);
});
