import { dueItem, topicUnit } from '../../lib/log/due.ts';
import type { LogTopic } from '../../lib/log/log.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { mergePartition } from '../../lib/maintenance/mergePartition.ts';
import { surveyPartitions } from '../../lib/maintenance/survey.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { batch } from '../support/log.ts';
import { collect, MINUTE, rowsOf, valueAt, type Written, written } from './support.ts';

const HOUR = 60 * MINUTE;
/** Everything was made at that time. */
const START = 100 * MINUTE;

function survey(storage: Storage, { topic, clock }: Pick<Written, 'topic' | 'clock'>, partitions = [0, 1]) {
  const limits = { ...MAINTENANCE_LIMITS, rowsPerPage: 3 };
  return surveyPartitions({ items: storage.log, clock, limits }, topic, partitions);
}

/** Of the records from one offset up to another, one to a batch, as they are stored. */
function bytesOf(partition: number, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += batch([valueAt(partition, i)]).bytes.length;
  return bytes;
}

test('a partition is as large as its records from the log start on, wherever they lie', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30);
  const surveys = await survey(storage, world);
  const segments = await Promise.all([0, 1].map(async (p) => (await rowsOf(storage, world.topic, p)).length));
  expect(segments[0]).toBeGreaterThan(3);
  expect(surveys).toMatchObject(
    [0, 1].map((partition) => ({
      partition,
      logStartOffset: 0,
      highWatermark: 30,
      sizeBytes: bytesOf(partition, 0, 30),
      unmergedBytes: bytesOf(partition, 0, 30),
      segments: segments[partition],
    })),
  );
  await world.log.deleteRecords(world.topic, 1, 7);
  expect(await survey(storage, world, [1])).toMatchObject([
    { partition: 1, logStartOffset: 7, sizeBytes: bytesOf(1, 7, 30) },
  ]);
  await world.log.deleteRecords(world.topic, 1, -1);
  expect(await survey(storage, world, [1])).toMatchObject([
    { logStartOffset: 30, highWatermark: 30, sizeBytes: 0, segments: 0, unmergedBytes: 0 },
  ]);
});

test('what was merged waits no more; what came since does, and for as long', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30, 1);
  const { topic, clock } = world;
  const [before] = await survey(storage, world, [0]);
  expect(before!.oldestUnmergedAgeMs).toBe(clock.now() - START);
  const context = { objects: storage.objects, items: storage.log, clock };
  await mergePartition(context, topic, 0, { segmentBytes: 1 << 30, force: true });
  const merged = (await rowsOf(storage, topic)).find(({ absorbed }) => absorbed === undefined)!.end as number;
  clock.advance(HOUR);
  const [after] = await survey(storage, world, [0]);
  expect(after).toMatchObject({
    sizeBytes: before!.sizeBytes,
    segments: 1,
    unmergedBytes: bytesOf(0, merged, 30),
    oldestUnmergedAgeMs: clock.now() - (START + merged * 100),
  });
});

test('the floor lags behind since garbage of the topic has been due, and not at all where none is', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 10, 1);
  const { topic, clock } = world;
  const due = (topic: LogTopic, atMs: number) =>
    storage.log.put(dueItem(topic, topicUnit(topic.id, 'garbage'), atMs));
  const lag = async () => (await survey(storage, world, [0]))[0]!.floorLagMs;
  await due({ ...topic, id: 'another' }, clock.now());
  await due(topic, clock.now() + HOUR);
  await due(topic, clock.now() + 2 * HOUR);
  clock.advance(50 * MINUTE);
  expect(await lag()).toBe(0);
  clock.advance(2 * HOUR);
  expect(await lag()).toBe(110 * MINUTE);
});

test('it writes nothing, reads each head once, and no record', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 20, 4);
  const calls: Call[] = [];
  const counted = intercepted(storage, (call, proceed) => {
    calls.push(call);
    return proceed();
  });
  await survey(counted, world, [0, 1, 2, 3]);
  expect(new Set(calls.map(({ store, operation }) => `${store} ${operation}`))).toEqual(
    new Set(['log get', 'log query']),
  );
  expect(calls.filter(({ operation }) => operation === 'get')).toHaveLength(2);
});

test('rows that are dropped under it make it look again; a row that is missing is an error, not a smaller size', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30, 1);
  let dropped = false;
  const dropping = intercepted(storage, async ({ operation }, proceed) => {
    if (operation === 'query' && !dropped) {
      dropped = true;
      await world.log.deleteRecords(world.topic, 0, 17);
      await collect(storage, world, { graceMs: 0 });
    }
    return proceed();
  });
  expect(await survey(dropping, world, [0])).toMatchObject([
    { logStartOffset: 17, sizeBytes: bytesOf(0, 17, 30) },
  ]);
  const rows = await rowsOf(storage, world.topic);
  await storage.log.delete(rows.at(-1)!);
  await expect(survey(storage, world, [0])).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
});
