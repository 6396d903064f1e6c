import { collectGarbage } from '../../lib/maintenance/collectGarbage.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import {
  type MergeContext,
  type MergeOptions,
  mergePartition,
} from '../../lib/maintenance/mergePartition.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { append, batch, readAll, startLog } from '../support/log.ts';
import { collect, liveRowsOf, MINUTE, rollingLog, rowsOf, type Written, written } from './support.ts';

const HOUR = 60 * MINUTE;

interface Options extends Partial<MergeOptions>, Pick<MergeContext, 'limits'> {}

function merge(storage: Storage, { topic, clock }: Pick<Written, 'topic' | 'clock'>, options: Options = {}) {
  const { limits = MAINTENANCE_LIMITS, ...others } = options;
  const context = { objects: storage.objects, items: storage.log, clock, limits };
  return mergePartition(context, topic, 0, { segmentBytes: 1 << 30, force: true, ...others });
}

const indexPut = ({ operation, args }: Call): Item | undefined => {
  const item = args[0] as Item;
  return operation === 'put' && item.pk?.startsWith('index/') ? item : undefined;
};
const isSwap = (call: Call) => indexPut(call)?.closed !== undefined;
const isMark = (call: Call) => indexPut(call)?.absorbed !== undefined;

/** Stops at its first swap, until it is let go. */
function frozenAtSwap() {
  const frozen = Promise.withResolvers<void>();
  const met = Promise.withResolvers<void>();
  let done = false;
  const intercept: Intercept = async (call, proceed) => {
    if (!done && isSwap(call)) {
      done = true;
      met.resolve();
      await frozen.promise;
    }
    return proceed();
  };
  return { intercept, reached: met.promise, wake: frozen.resolve };
}

/** `0..4`, or, of a mark, `4..8 -> 0`. */
async function shape(storage: Storage, { topic }: Written): Promise<string[]> {
  return (await rowsOf(storage, topic)).map(
    ({ sk, end, absorbed }) => `${Number(sk)}..${end}${absorbed === undefined ? '' : ` -> ${absorbed}`}`,
  );
}

test('a merger sleeps before its swap while the log start passes its first row, another merges, and garbage is collected', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 10, 1);
  await merge(storage, world);
  await world.write(14);
  world.clock.advance(10 * MINUTE);
  const { intercept, reached, wake } = frozenAtSwap();
  // What it may copy ends in the midst of its small slices, so it names one as it lies.
  const some = { ...MAINTENANCE_LIMITS, objectBytes: 30_000, mergesPerCall: 1 };
  const late = merge(intercepted(storage, intercept), world, { limits: some });
  await reached;
  const limits = { ...MAINTENANCE_LIMITS, stepsPerCall: 1 };
  const context = { objects: storage.objects, items: storage.log, clock: world.clock, limits };
  let { cursor } = await collectGarbage(context, world.topic, { graceMs: MINUTE });
  await world.log.deleteRecords(world.topic, 0, 9);
  await merge(storage, world, { limits: { ...MAINTENANCE_LIMITS, rowsPerMerge: 2, mergesPerCall: 1 } });
  while (cursor !== undefined && cursor.step !== 'segments') {
    ({ cursor } = await collectGarbage(context, world.topic, { graceMs: MINUTE, cursor }));
  }
  await world.expectWhole();

  wake();
  await late;
  // The segments overlap; neither hides the other.
  expect(await shape(storage, world)).toEqual(expect.arrayContaining(['0..16', '8..16']));
  await world.expectWhole();
});

test('a merger sleeps before its swap while its first row is deleted, and a late copy would put that row again', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 0, 1);
  const copies: (() => Promise<unknown>)[] = [];
  const twice = intercepted(storage, async (call, proceed) => {
    if (indexPut(call)?.version === 0) copies.push(proceed);
    return proceed();
  });
  const log = rollingLog(twice, world.clock);
  for (let i = 0; i < 25; i++) {
    await append(log, world.topic, 0, batch([`r${i}`]));
    world.clock.advance(100);
    await log.settled();
  }
  const { intercept, reached, wake } = frozenAtSwap();
  const late = merge(intercepted(storage, intercept), world);
  await reached;
  await world.log.deleteRecords(world.topic, 0, 6);
  world.clock.advance(HOUR);
  // Its object too: no row names it.
  expect(await collect(storage, world)).toMatchObject({ indexRows: 1, segments: 1 });
  const read = () => readAll(startLog(storage, world.clock), world.topic, 0, { from: 6 });
  const before = await read();

  expect(await copies[0]!()).toMatchObject({ applied: false });
  wake();
  expect(await late).toMatchObject({ merges: 0 });
  expect(await read()).toEqual(before);
});

test('of two segments that overlap, a mark that leads to the shorter one hides no offset of the other', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 18, 1);
  const { intercept, reached, wake } = frozenAtSwap();
  const late = merge(intercepted(storage, intercept), world, {
    limits: { ...MAINTENANCE_LIMITS, mergesPerCall: 1 },
  });
  await reached;
  await world.write(12);
  await world.log.deleteRecords(world.topic, 0, 5);
  const throttled = intercepted(storage, async (call, proceed) => {
    if (isMark(call) && Number(indexPut(call)!.sk) <= 8) throw new StorageError('throttled', 'no');
    return proceed();
  });
  await expect(merge(throttled, world)).rejects.toThrow('throttled');
  world.clock.advance(10 * MINUTE);
  wake();
  await late;
  expect(await shape(storage, world)).toEqual(expect.arrayContaining(['0..12', '4..24', '8..12 -> 0']));
  await world.expectWhole();

  // The marks of the other segment go first.
  world.clock.advance(24 * HOUR - 5 * MINUTE);
  await world.write(1);
  await collect(storage, world);
  expect(await shape(storage, world)).toEqual(expect.arrayContaining(['0..12', '4..24', '8..12 -> 0']));
  expect(await shape(storage, world)).not.toContain('16..20 -> 4');
  for (const from of [6, 9, 12, 15, 23]) {
    const [first] = await readAll(startLog(storage, world.clock), world.topic, 0, { from });
    expect(first![0]).toBe(from);
  }
});

test('a blob that is gone for good keeps what comes after it from being merged no longer than one look', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 40, 1);
  const { objects } = await storage.objects.list(`${world.topic.id}/blobs/`, { limit: 1_000 });
  await storage.objects.delete([objects[5]!.key]);
  const { merges, more } = await merge(storage, world);
  expect({ merges, more }).toEqual({ merges: 1, more: false });
  // What comes before it, its row, and the rest.
  expect(await liveRowsOf(storage, world.topic)).toHaveLength(3);
  // 5 is the one of offset 11.
  expect(await readAll(startLog(storage, world.clock), world.topic, 0, { from: 12 })).toHaveLength(28);
  await expect(readAll(startLog(storage, world.clock), world.topic, 0, { from: 11 })).rejects.toMatchObject({
    kafka: 'KAFKA_STORAGE_ERROR',
  });
});

test('an append whose clock is a month ahead does not keep its partition from being merged for a month', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 4, 1);
  const ahead = { ...world.clock, now: () => world.clock.now() + 30 * 24 * HOUR };
  await append(startLog(storage, ahead), world.topic, 0, batch(['from the future']));
  for (let i = 0; i < 100; i++) {
    await append(world.log, world.topic, 0, batch(['x']));
    world.clock.advance(100);
    await world.log.settled();
  }
  world.clock.advance(2 * HOUR);
  const { rowsAbsorbed } = await merge(storage, world, { force: false });
  expect(rowsAbsorbed).toBeGreaterThan(10);
});
