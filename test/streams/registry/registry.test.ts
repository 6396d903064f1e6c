import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { Serdes, StreamsBuilder, timeWindows } from '../../../lib/streams/index.ts';
import { describeApplication } from '../../../lib/streams/registry/describeApplication.ts';
import { createRegistry } from '../../../lib/streams/registry/registry.ts';
import { createStreamsWorker } from '../../../lib/streams/runtime/worker.ts';
import { createWadi } from '../../../lib/wadi.ts';
import { testClock } from '../../support/log.ts';

const { string } = Serdes;

function windowed(applicationId: string) {
  const builder = new StreamsBuilder();
  builder
    .stream('lines', { keySerde: string, valueSerde: string })
    .groupBy((_, word) => word, { keySerde: string })
    .windowedBy(timeWindows({ sizeMs: 60_000, graceMs: 0 }))
    .count({ storeName: 'per-minute' });
  return { applicationId, topology: builder.build() };
}

test('an application tells its topics and stores, by their names in the cluster, without its code', () => {
  const { subtopologies, repartitionTopics, stores } = JSON.parse(
    JSON.stringify(describeApplication(windowed('app'))),
  );
  expect(repartitionTopics).toEqual([expect.stringMatching(/^app-.*-repartition$/)]);
  expect(subtopologies).toEqual([
    { id: 0, topics: ['lines'], stores: [] },
    { id: 1, topics: repartitionTopics, stores: ['per-minute'] },
  ]);
  expect(stores).toEqual([
    {
      ...{ name: 'per-minute', subtopology: 1, changelogTopic: 'app-per-minute-changelog' },
      shape: {
        ...{ kind: 'window', keyFormat: 'string', valueFormat: 'long' },
        ...{ isTimestamped: true, windowSizeMs: 60_000, retentionMs: 60_000 },
      },
    },
  ]);
});

test('a worker that begins tells of its application, before its topics are there, and writes no more while nothing has changed', async () => {
  const clock = testClock();
  const storage = memoryStorage();
  let writes = 0;
  const groups = { ...storage.groups };
  groups.update = (...args) => {
    writes++;
    return storage.groups.update(...args);
  };
  const wadi = await createWadi({ storage: { ...storage, groups }, clock, clusterId: 'test' });
  const registry = createRegistry(storage.groups, clock);
  expect(await registry.find('app')).toBeUndefined();

  for (let time = 0; time < 2; time++) {
    const worker = createStreamsWorker(wadi, windowed('app'), { warn: () => undefined, functionName: 'fn' });
    await expect(worker.run(clock.now() + 1_000)).rejects.toMatchObject({
      kafka: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
  }
  expect(writes).toBe(1);
  expect(await registry.find('app')).toEqual({
    ...describeApplication(windowed('app'), 'fn'),
    isResetting: false,
  });
});

test('applications are listed by their ids, a page after the other', async () => {
  const registry = createRegistry(memoryStorage().groups, testClock());
  for (const id of ['c', 'a', 'b']) await registry.register(describeApplication(windowed(id)));
  const ids = (found: readonly { applicationId: string }[]) => found.map((each) => each.applicationId);
  expect(ids(await registry.list({ limit: 2 }))).toEqual(['a', 'b']);
  expect(ids(await registry.list({ after: 'b', limit: 2 }))).toEqual(['c']);
});

test('an application is marked as being reset until whoever marked it last takes that away, whatever workers tell meanwhile', async () => {
  const registry = createRegistry(memoryStorage().groups, testClock());
  const isResetting = async () => (await registry.find('app'))?.isResetting;
  expect(await registry.hold('app')).toBeUndefined();
  expect(await registry.find('app')).toBeUndefined();
  await registry.register(describeApplication(windowed('app')));
  const [first, second] = [await registry.hold('app'), await registry.hold('app')];
  await registry.release('app', first!);
  await registry.forget('app', first!);
  await registry.register(describeApplication(windowed('app'), 'fn'));
  expect(await isResetting()).toBe(true);
  await registry.release('app', second!);
  expect(await isResetting()).toBe(false);
  expect(await registry.find('app')).toMatchObject({ functionName: 'fn' });
  await registry.forget('app', (await registry.hold('app'))!);
  expect(await registry.find('app')).toBeUndefined();
});

test('a worker that is in no function leaves the function that is known', async () => {
  const registry = createRegistry(memoryStorage().groups, testClock());
  await registry.register(describeApplication(windowed('app'), 'fn'));
  await registry.register(describeApplication(windowed('app')));
  expect(await registry.find('app')).toMatchObject({ functionName: 'fn' });
  await registry.register(describeApplication(windowed('app'), 'fn-2'));
  expect(await registry.find('app')).toMatchObject({ functionName: 'fn-2' });
});
