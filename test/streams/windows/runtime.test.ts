import { decodeBatches } from '../../../lib/record/decode.ts';
import { encodeBatch } from '../../../lib/record/encode.ts';
import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { prepare } from '../../../lib/streams/runtime/application.ts';
import { createTaskRunner } from '../../../lib/streams/runtime/taskRunner.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { timeWindows } from '../../../lib/streams/windows/timeWindows.ts';
import { timeWindowedSerde } from '../../../lib/streams/windows/windowed.ts';
import { createWadi } from '../../../lib/wadi.ts';
import { testClock } from '../../support/log.ts';

const { string, long } = Serdes;

test('another worker, after a standstill longer than any window, closes windows with all that they had, and counts what is late', async () => {
  const clock = testClock();
  const storage = memoryStorage();
  const { log, topics } = await createWadi({ storage, clock, clusterId: 'test', warn: () => undefined });
  for (const name of ['in', 'out']) await topics.create({ name, partitions: 1 });
  const put = async (key: string, timestamp: number) => {
    const record = { key: Buffer.from(key), value: Buffer.from('v'), timestamp, headers: [] };
    const batches = [
      { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: timestamp, producer: undefined },
    ];
    const [result] = await log.append(await topics.describe('in'), [{ partition: 0, batches }]);
    if (!result!.ok) throw result!.error;
  };
  const windows = timeWindows({ sizeMs: 10, graceMs: 5 });
  const builder = new StreamsBuilder();
  builder
    .stream('in', { keySerde: string, valueSerde: string })
    .groupByKey()
    .windowedBy(windows, { emit: 'on-window-close' })
    .count({ storeName: 'counts' })
    .toStream()
    .to('out');
  const application = { applicationId: 'app', topology: builder.build() };

  /** A process of its own. */
  const run = async () => {
    const [task] = await prepare(topics, application);
    const { groups: items, objects } = storage;
    const done = await createTaskRunner({ application, items, objects, log, topics, clock }).run(
      task!,
      clock.now() + 600_000,
    );
    await log.settled();
    return done;
  };

  await put('a', 3);
  await put('a', 4);
  expect(await run()).toMatchObject({ records: 2, restored: 0, dropped: 0 });
  const changelog = await topics.describe('app-counts-changelog');
  expect(changelog.configs.cleanupPolicy).toEqual(['compact']);
  clock.advance(30 * 86_400_000);
  await put('b', 15);
  await put('a', 9);
  expect(await run()).toMatchObject({ records: 2, restored: 1, dropped: 1 });

  const { bytes } = await log.fetch(await topics.describe('out'), {
    ...{ partition: 0, offset: 0, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 },
  });
  const told = [...decodeBatches(bytes, { fromOffset: 0 })].map(({ key, value }) => [
    timeWindowedSerde(string, 10).deserialize(key!),
    long.deserialize(value!),
  ]);
  expect(told).toEqual([[{ key: 'a', window: { startMs: 0, endMs: 10 } }, 2]]);
});
