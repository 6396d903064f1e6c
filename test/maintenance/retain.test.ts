import type { PlacedSlice } from '../../lib/log/head.ts';
import type { LogTopic } from '../../lib/log/log.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../lib/maintenance/limits.ts';
import { mergePartition } from '../../lib/maintenance/mergePartition.ts';
import {
  keepNewest,
  planRetention,
  type RetainedPartition,
  type Retention,
  retainPartition,
} from '../../lib/maintenance/retain.ts';
import { surveyPartitions } from '../../lib/maintenance/survey.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { append, batch, newTopic, readAll, startLog, testClock } from '../support/log.ts';
import { collect, MINUTE, rollingLog, rowsOf } from './support.ts';

const HOUR = 60 * MINUTE;
const FOR_EVER: Retention = { retentionMs: -1, retentionBytes: -1 };
const NOW = 1_000 * HOUR;
/** Takes the first ten of forty, though a retry may take some seconds. */
const OLDER = { retentionMs: 30.5 * MINUTE };

/** A slice of ten records; `writtenAt`: when its blob was uploaded. */
function slice(baseOffset: number, maxTimestamp: number, bytes = 100, writtenAt = 0): PlacedSlice {
  const id = new Uint8Array(14);
  new DataView(id.buffer).setUint32(2, writtenAt);
  const blob = { id, inline: false };
  return { blob, partition: 0, position: 0, bytes, recordCount: 10, maxTimestamp, runs: [], baseOffset };
}

describe('the plan', () => {
  const none = { logStartOffset: 0, bytes: 0 };
  const plan = (slices: PlacedSlice[], rule: { keptFrom?: number; expiredBefore?: number }) =>
    planRetention(none, slices, { keptFrom: 0, expiredBefore: 0, ...rule });

  test('takes what is older, up to the first that is not; what comes after that stays, however old', () => {
    const slices = [slice(0, 5), slice(10, 9), slice(20, 10), slice(30, 1)];
    expect(plan(slices, { expiredBefore: 10 })).toEqual({
      logStartOffset: 20,
      bytes: 200,
      oldest: slices[2],
    });
    expect(plan(slices, { expiredBefore: 11 })).toEqual({ logStartOffset: 40, bytes: 400 });
    expect(plan(slices, { expiredBefore: 5 })).toEqual({ ...none, oldest: slices[0] });
  });

  test('takes what is below that which size keeps, and from there on what is older', () => {
    const slices = [slice(0, 99), slice(10, 99), slice(20, 5), slice(30, 99)];
    expect(plan(slices, { keptFrom: 20 })).toMatchObject({ logStartOffset: 20, bytes: 200 });
    expect(plan(slices, { keptFrom: 20, expiredBefore: 10 })).toMatchObject({ logStartOffset: 30 });
    expect(plan(slices, { keptFrom: 19, expiredBefore: 10 })).toMatchObject({ logStartOffset: 10 });
  });

  test('goes on where it stopped, and not behind a slice that stays', () => {
    const rule = { keptFrom: 0, expiredBefore: 10 };
    const first = planRetention({ logStartOffset: 5, bytes: 0 }, [slice(0, 1)], rule);
    expect(first).toEqual({ logStartOffset: 10, bytes: 100 });
    const second = planRetention(first, [slice(0, 99), slice(10, 99)], rule);
    expect(second).toMatchObject({ logStartOffset: 10, oldest: { baseOffset: 10 } });
    expect(planRetention(second, [slice(20, 1)], rule)).toBe(second);
  });

  test('judges a slice without timestamps by the time at which it was written', () => {
    expect(plan([slice(0, -1, 100, 7)], { expiredBefore: 7 })).toMatchObject({ logStartOffset: 0 });
    expect(plan([slice(0, -1, 100, 7)], { expiredBefore: 8 })).toMatchObject({ logStartOffset: 10 });
  });

  test('by size keeps the newest slices that are enough, and none more', () => {
    const slices = [slice(0, 1), slice(10, 1), slice(20, 1)];
    const from = (retentionBytes: number) => keepNewest({ from: 30, bytes: 0 }, slices, retentionBytes);
    expect(from(0)).toEqual({ from: 30, bytes: 0 });
    expect(from(1)).toEqual({ from: 20, bytes: 100 });
    expect(from(100)).toEqual({ from: 20, bytes: 100 });
    expect(from(101)).toEqual({ from: 10, bytes: 200 });
    expect(from(1_000)).toEqual({ from: 0, bytes: 300 });
  });

  test('by size counts the bytes of rows that overlap once, or rather not at all than twice', () => {
    const kept = keepNewest({ from: 40, bytes: 0 }, [slice(25, 1)], 1_000);
    expect(kept).toEqual({ from: 25, bytes: 100 });
    expect(keepNewest(kept, [slice(10, 1), slice(20, 1), slice(30, 1)], 1_000)).toEqual({
      from: 10,
      bytes: 200,
    });
  });
});

interface World {
  readonly storage: Storage;
  readonly topic: LogTopic;
  readonly clock: ReturnType<typeof testClock>;
  readonly log: ReturnType<typeof rollingLog>;
  /** Appends one record a minute, each with the time of its append. */
  write(count: number): Promise<void>;
}

/** Records are numbered; that of offset n was written n minutes after the first. */
async function partitionOf(count: number, storage = memoryStorage()): Promise<World> {
  const clock = testClock(NOW);
  const log = rollingLog(storage, clock);
  const topic = await newTopic(log);
  let next = 0;
  const world = {
    ...{ storage, topic, clock, log },
    async write(more: number) {
      for (const end = next + more; next < end; next++) {
        clock.advance(MINUTE);
        await append(log, topic, 0, batch([`v${next}`], { timestamp: NOW + next * MINUTE }));
        await log.settled();
      }
    },
  };
  await world.write(count);
  // The youngest is as old as a minute.
  clock.advance(NOW + next * MINUTE - clock.now());
  return world;
}

function retain(
  { storage, topic, clock }: Pick<World, 'storage' | 'topic' | 'clock'>,
  retention: Partial<Retention>,
  limits: Partial<MaintenanceLimits> = {},
): Promise<RetainedPartition> {
  const context = { items: storage.log, clock, limits: { ...MAINTENANCE_LIMITS, ...limits } };
  return retainPartition(context, topic, 0, { ...FOR_EVER, ...retention });
}

/** What a process that knows nothing reads. */
async function offsetsOf({ storage, topic, clock }: World): Promise<number[]> {
  const reader = startLog(storage, clock);
  const { logStartOffset } = await reader.bounds(topic, 0);
  const records = await readAll(reader, topic, 0, { from: logStartOffset });
  for (const [offset, value] of records) expect(value).toBe(`v${offset}`);
  return records.map(([offset]) => offset);
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const dead: Intercept = async () => {
  throw new StorageError('dead', 'unknown');
};

test('records that are older than retention.ms go, those of the tail too, and the next is due when the oldest expires', async () => {
  const world = await partitionOf(40);
  const inIndex = (await rowsOf(world.storage, world.topic)).at(-1)!.end as number;
  expect(inIndex).toBeLessThan(40);
  const first = await retain(world, { retentionMs: 30 * MINUTE });
  // The record of 30 minutes ago is not older than that.
  expect(first).toMatchObject({ logStartOffset: 10, recordsDeleted: 10, nextDueAtMs: world.clock.now() + 1 });
  expect(await offsetsOf(world)).toEqual(range(10, 40));

  expect(await retain(world, { retentionMs: 30 * MINUTE })).toEqual({
    logStartOffset: 10,
    recordsDeleted: 0,
    bytesDeleted: 0,
    nextDueAtMs: first.nextDueAtMs,
  });
  world.clock.advance(first.nextDueAtMs! - world.clock.now());
  expect(await retain(world, { retentionMs: 30 * MINUTE })).toMatchObject({
    logStartOffset: 11,
    nextDueAtMs: first.nextDueAtMs! + MINUTE,
  });
  world.clock.advance(HOUR);
  expect(await retain(world, { retentionMs: 30 * MINUTE })).toMatchObject({
    logStartOffset: 40,
    recordsDeleted: 29,
  });
  expect(await offsetsOf(world)).toEqual([]);
  await world.write(1);
  expect(await offsetsOf(world)).toEqual([40]);
});

test('-1 is without limit, and there is no next time', async () => {
  const world = await partitionOf(20);
  world.clock.advance(10_000 * HOUR);
  expect(await retain(world, FOR_EVER)).toEqual({ logStartOffset: 0, recordsDeleted: 0, bytesDeleted: 0 });
  const longest = Number(9223372036854775807n);
  expect(await retain(world, { retentionMs: longest, retentionBytes: longest })).toEqual({
    logStartOffset: 0,
    recordsDeleted: 0,
    bytesDeleted: 0,
  });
  expect(await offsetsOf(world)).toEqual(range(0, 20));
});

test('a slice from far in the future keeps those after it', async () => {
  const world = await partitionOf(10);
  await append(world.log, world.topic, 0, batch(['v10'], { timestamp: 2 * NOW }));
  await append(world.log, world.topic, 0, batch(['v11'], { timestamp: 5 }));
  world.clock.advance(100 * HOUR);
  const retained = await retain(world, { retentionMs: HOUR });
  expect(retained).toMatchObject({ logStartOffset: 10, nextDueAtMs: 2 * NOW + HOUR + 1 });
  expect(await offsetsOf(world)).toEqual([10, 11]);
});

test('with retention.bytes the oldest go while as many bytes are left without them', async () => {
  const world = await partitionOf(40);
  const size = async () => {
    const topic = { ...world.topic, createdAtMs: 0 };
    return (await surveyPartitions({ items: world.storage.log, clock: world.clock }, topic, [0]))[0]!
      .sizeBytes;
  };
  const before = await size();
  expect(await retain(world, { retentionBytes: before })).toMatchObject({ logStartOffset: 0 });
  const record = before / 40;
  // The first ten values are a byte shorter.
  const { logStartOffset, bytesDeleted } = await retain(world, { retentionBytes: Math.floor(20.5 * record) });
  expect(logStartOffset).toBe(19);
  expect(await size()).toBe(before - bytesDeleted);
  expect(await size()).toBeGreaterThanOrEqual(20.5 * record);
  expect(await size()).toBeLessThan(21.5 * record);
  // Of the tail as well.
  expect(await retain(world, { retentionBytes: 1 })).toMatchObject({ logStartOffset: 39 });
  expect(await retain(world, { retentionBytes: 0 })).toMatchObject({ logStartOffset: 40 });
  expect(await offsetsOf(world)).toEqual([]);
});

test('of rows that were merged the slices go one by one; of a merge that died before its marks nothing is counted twice', async () => {
  for (const dies of [false, true]) {
    const world = await partitionOf(40);
    const { storage, topic, clock } = world;
    const limits = { ...MAINTENANCE_LIMITS, pieceBytes: 400 };
    const isMark = ({ operation, args }: Call) =>
      operation === 'put' && (args[0] as { absorbed?: number }).absorbed !== undefined;
    const merger = intercepted(storage, (call, proceed) =>
      dies && isMark(call) ? dead(call, proceed) : proceed(),
    );
    const context = { objects: merger.objects, items: merger.log, clock, limits };
    const merge = mergePartition(context, topic, 0, { segmentBytes: 1 << 30, force: true });
    await (dies ? expect(merge).rejects.toThrow(StorageError) : merge);
    const size = async () =>
      (await surveyPartitions({ items: storage.log, clock }, topic, [0]))[0]!.sizeBytes;
    expect(await retain(world, { retentionBytes: (await size()) + 1 })).toMatchObject({ recordsDeleted: 0 });
    const { logStartOffset } = await retain(world, { retentionMs: 30 * MINUTE - 1 });
    expect(logStartOffset).toBeGreaterThan(5);
    expect(logStartOffset).toBeLessThanOrEqual(11);
    const bySize = await retain(world, { retentionBytes: 2_000 });
    expect(await size()).toBeGreaterThanOrEqual(2_000);
    expect(await size()).toBeLessThan(2_000 + 2 * 400);
    expect(await offsetsOf(world)).toEqual(range(bySize.logStartOffset, 40));
    clock.advance(HOUR);
    await collect(storage, world);
    expect(await offsetsOf(world)).toEqual(range(bySize.logStartOffset, 40));
  }
});

test('what is due costs a read of the head and of one row; more rows than one call may read are left for the next', async () => {
  const world = await partitionOf(80);
  const calls: Call[] = [];
  const counted = {
    ...world,
    storage: intercepted(world.storage, (call, proceed) => {
      calls.push(call);
      return proceed();
    }),
  };
  await retain(counted, { retentionMs: 100 * MINUTE });
  expect(calls.map(({ operation }) => operation)).toEqual(['get', 'query']);

  world.clock.advance(HOUR);
  const few = { rowsPerPage: 2, pagesPerStep: 2 };
  const starts: number[] = [];
  for (
    let retained: RetainedPartition | undefined;
    retained?.nextDueAtMs !== undefined || starts.length === 0;
  ) {
    calls.length = 0;
    retained = await retain(counted, { retentionMs: HOUR - 1 }, few);
    expect(calls.length).toBeLessThanOrEqual(4);
    if (retained.nextDueAtMs !== undefined) expect(retained.nextDueAtMs).toBe(world.clock.now());
    starts.push(retained.logStartOffset);
    expect(starts.length).toBeLessThan(50);
  }
  expect(starts.length).toBeGreaterThan(4);
  expect(starts.at(-1)).toBe(80);
});

test('killed before or after any of its calls, retention has done all or nothing, and the next one finishes', async () => {
  for (const retention of [OLDER, { retentionBytes: 1_500 }]) {
    const undisturbed = await retain(await partitionOf(40), retention);
    expect(undisturbed.recordsDeleted).toBeGreaterThan(5);
    for (let kill = 0; ; kill++) {
      const world = await partitionOf(40);
      let calls = 0;
      const storage = intercepted(world.storage, async (call, proceed) => {
        if (calls > kill / 2) return dead(call, proceed);
        if (calls++ < kill / 2) return proceed();
        if (kill % 2 === 0) await proceed();
        return dead(call, proceed);
      });
      const died = await retain({ ...world, storage }, retention).then(
        () => false,
        (error: Error) => error instanceof StorageError,
      );
      const left = await offsetsOf(world);
      expect([0, undisturbed.logStartOffset]).toContain(left[0]);
      const again = await retain(world, retention);
      expect(again.logStartOffset).toBe(undisturbed.logStartOffset);
      expect(await offsetsOf(world)).toEqual(range(undisturbed.logStartOffset, 40));
      if (!died) break;
      expect(kill).toBeLessThan(100);
    }
  }
});

test('two at once come to the same, and one of them tells that it was him', async () => {
  const world = await partitionOf(40);
  const both = await Promise.all([1, 2].map(() => retain(world, OLDER)));
  expect(both.map(({ logStartOffset }) => logStartOffset)).toEqual([10, 10]);
  expect(both.map(({ recordsDeleted }) => recordsDeleted).toSorted()).toEqual([0, 10]);
});

test('frozen for an hour before any of its calls, while records are deleted, collected and appended, it moves the log start no way back and takes nothing that is young', async () => {
  for (const retention of [OLDER, { retentionBytes: 1_500 }]) {
    const undisturbed = (await retain(await partitionOf(40), retention)).logStartOffset;
    for (const deletedBefore of [3, 8, 35, -1]) {
      for (let freeze = 0; ; freeze++) {
        const world = await partitionOf(40);

        let calls = 0;
        let sleptAt = -1;
        const storage = intercepted(world.storage, async (_, proceed) => {
          if (calls++ === freeze) {
            await world.log.deleteRecords(world.topic, 0, deletedBefore);
            sleptAt = (await world.log.bounds(world.topic, 0)).logStartOffset;
            world.clock.advance(HOUR);
            await collect(world.storage, world, { graceMs: 0 });
            await world.write(10);
          }
          return proceed();
        });
        const told = await retain({ ...world, storage }, retention);
        if (sleptAt < 0) break;
        const { logStartOffset } = await world.log.bounds(world.topic, 0);
        expect(await offsetsOf(world)).toEqual(range(logStartOffset, 50));
        expect(logStartOffset).toBeGreaterThanOrEqual(Math.max(sleptAt, told.logStartOffset));
        // Who froze before he looked at the clock judges by the time at which he wakes.
        if (freeze > 0) expect(logStartOffset).toBeLessThanOrEqual(Math.max(sleptAt, undisturbed));
        expect(freeze).toBeLessThan(100);
      }
    }
  }
});

test('of a topic that is gone it says so, and brings nothing back', async () => {
  const world = await partitionOf(20);
  const storage = intercepted(world.storage, async ({ operation }, proceed) => {
    if (operation === 'update') await world.log.deleteHeads(world.topic);
    return proceed();
  });
  const gone = expect.objectContaining({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
  await expect(retain({ ...world, storage }, { retentionBytes: 0 })).rejects.toEqual(gone);
  await expect(retain(world, { retentionBytes: 0 })).rejects.toEqual(gone);
});
