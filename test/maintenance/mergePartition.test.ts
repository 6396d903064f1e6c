import { createLog } from '../../lib/log/createLog.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import type { LogTopic } from '../../lib/log/log.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../lib/maintenance/limits.ts';
import { type MergeOptions, mergePartition } from '../../lib/maintenance/mergePartition.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { append, batch, newTopic, readAll, startLog, testClock } from '../support/log.ts';
import { collect, liveRowsOf, MINUTE, rollingLog, rowsOf, type Written, written } from './support.ts';

const HOUR = 60 * MINUTE;
/** A record or two in a slice, some rows in a segment. */
const LITTLE: MaintenanceLimits = {
  ...MAINTENANCE_LIMITS,
  pieceBytes: 5_000,
  objectBytes: 20_000,
  keepBytes: 9_000,
  rowsPerPage: 3,
  rowsPerMerge: 3,
  slicesPerRead: 3,
  writesAtOnce: 2,
};

interface Options extends Partial<MergeOptions> {
  readonly limits?: MaintenanceLimits;
  readonly partition?: number;
}

/** Merges once, all there is unless told otherwise. */
function merge(storage: Storage, { topic, clock }: Pick<Written, 'topic' | 'clock'>, options: Options = {}) {
  const { limits = MAINTENANCE_LIMITS, partition = 0, ...others } = options;
  const context = { objects: storage.objects, items: storage.log, clock, limits };
  return mergePartition(context, topic, partition, { segmentBytes: 1 << 30, force: true, ...others });
}

/** Until nothing is left to be done. */
async function mergeAll(
  storage: Storage,
  world: Pick<Written, 'topic' | 'clock'>,
  options: Options = {},
): Promise<void> {
  for (let next = 0, calls = 0; ; calls++) {
    const merged = await merge(storage, world, { ...options, next });
    if (!merged.more) return;
    next = merged.next;
    if (calls > 100) throw new Error('the merge does not end');
  }
}

const isRow = (item: Item) => item.absorbed === undefined;

async function segments(storage: Storage, topic: LogTopic): Promise<string[]> {
  const { objects } = await storage.objects.list(`${topic.id}/segments/`, { limit: 1_000 });
  return objects.map(({ key }) => key);
}

async function requests(storage: Storage, work: (counted: Storage) => Promise<unknown>): Promise<Call[]> {
  const calls: Call[] = [];
  await work(
    intercepted(storage, async (call, proceed) => {
      calls.push(call);
      return proceed();
    }),
  );
  return calls;
}

const isWrite = ({ operation }: Call) => ['put', 'update', 'delete'].includes(operation);
const indexPut = ({ operation, args }: Call): Item | undefined => {
  const item = args[0] as Item;
  return operation === 'put' && item.pk?.startsWith('index/') ? item : undefined;
};
const isSwap = (call: Call) => indexPut(call)?.closed !== undefined;
const isMark = (call: Call) => indexPut(call)?.absorbed !== undefined;

/** Stops at the first call for which it is time, until it is let go. */
function frozenAt(when: (call: Call) => boolean) {
  let wake: () => void = () => undefined;
  const frozen = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let met: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    met = resolve;
  });
  let done = false;
  const intercept: Intercept = async (call, proceed) => {
    if (!done && when(call)) {
      done = true;
      met();
      await frozen;
    }
    return proceed();
  };
  return { intercept, reached, wake };
}

test('rows become one, small slices lie in one object, and reading takes one request where it took one a slice', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 40, 1);
  const { topic, clock } = world;
  const before = await rowsOf(storage, topic);
  expect(before.length).toBeGreaterThan(5);
  const merged = await merge(storage, world);
  expect(merged).toMatchObject({
    merges: 1,
    rowsAbsorbed: before.length - 1,
    objects: 1,
    next: 0,
    more: false,
  });
  const rows = (await rowsOf(storage, topic)).filter(isRow);
  expect(rows).toMatchObject([{ end: before.at(-1)!.end, version: 1, closed: false }]);
  await world.expectWhole();
  const end = rows[0]!.end as number;
  const calls = await requests(storage, async (counted) => {
    const request = { partition: 0, offset: 0, maxBytes: 65_000, minBytes: 0, maxWaitMs: 0 };
    expect((await startLog(counted, clock).fetch(topic, request)).nextOffset).toBeLessThanOrEqual(end);
  });
  expect(calls.filter(({ store }) => store === 'objects')).toHaveLength(1);
});

test('a merge that has nothing to do writes nothing', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 40, 1);
  const { next } = await merge(storage, world);
  for (const options of [{}, { next }, { next: 7 }, { next: 10 ** 9 }]) {
    const calls = await requests(storage, (counted) => merge(counted, world, options));
    expect(calls.filter(isWrite)).toEqual([]);
  }
});

test('segments are closed when they are full; the next call begins behind them, and without a hint as well', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 60, 1);
  const options = { segmentBytes: 30_000, limits: LITTLE };
  await mergeAll(storage, world, options);
  const rows = (await rowsOf(storage, world.topic)).filter(isRow);
  expect(rows.length).toBeGreaterThan(3);
  expect(rows.map(({ closed }) => closed)).toEqual([...rows.slice(1).map(() => true), false]);
  for (const [i, { sk }] of rows.entries()) if (i > 0) expect(Number(sk)).toBe(rows[i - 1]!.end);
  await world.expectWhole();

  const { next } = await merge(storage, world, options);
  expect(next).toBe(Number(rows.at(-1)!.sk));
  await world.write(20);
  const withHint = await requests(storage, (counted) =>
    merge(counted, world, { ...options, next, force: false }),
  );
  const without = await requests(storage, (counted) => merge(counted, world, { ...options, force: false }));
  expect(withHint.filter(isWrite)).toEqual([]);
  expect(without.filter(isWrite)).toEqual([]);
  expect(withHint.length).toBeLessThan(without.length);
  await mergeAll(storage, world, options);
  await world.expectWhole();
});

test('no object is larger than a segment may be, though one roll has moved more; copying comes to an end', async () => {
  const storage = memoryStorage();
  const clock = testClock(100 * MINUTE);
  const log = createLog({ storage, clock });
  const topic = await newTopic(log);
  const world = { topic, clock };
  const segmentBytes = 4_500;
  const expected: [number, string][] = [];
  const objects = async () => (await storage.objects.list(`${topic.id}/segments/`, { limit: 1_000 })).objects;
  for (const [round, lengths] of [
    Array<number>(40).fill(900),
    [...Array<number>(20).fill(50), 2_200, 2_300, 6_000],
  ].entries()) {
    for (const [i, length] of lengths.entries()) {
      const value = `${round}/${i}${'.'.repeat(length)}`;
      expected.push([await append(log, topic, 0, batch([value])), value]);
    }
    clock.advance(1_000);
    expected.push([await append(log, topic, 0, batch([''])), '']);
    await log.settled();
    const rolled = (await rowsOf(storage, topic)).at(-1)!;
    expect(rolled).toMatchObject({ version: 0, end: expected.length - 1 });
    await mergeAll(storage, world, { segmentBytes });
    for (const { bytes } of await objects()) expect(bytes).toBeLessThanOrEqual(segmentBytes);
    expect(await readAll(startLog(storage, clock), topic)).toEqual(expected);
  }
  const calls = await requests(storage, (counted) => mergeAll(counted, world, { segmentBytes }));
  expect(calls.filter(isWrite)).toEqual([]);
  clock.advance(HOUR);
  await collect(storage, world);
  expect((await objects()).length).toBeLessThan(16);
  expect(await readAll(startLog(storage, clock), topic)).toEqual(expected);
});

test('a closed segment stays as it is, though larger ones are asked for', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 60, 1);
  await mergeAll(storage, world, { segmentBytes: 30_000, limits: LITTLE });
  const closed = async () => (await rowsOf(storage, world.topic)).filter((row) => isRow(row) && row.closed);
  const before = await closed();
  expect(before.length).toBeGreaterThan(2);
  await mergeAll(storage, world);
  expect(await closed()).toEqual(before);
});

test('what comes bit by bit is copied a few times only, and ends in few objects', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 0, 1);
  const limits = { ...MAINTENANCE_LIMITS, keepBytes: 1 << 20, mergeBytes: 1, settleMs: 0 };
  let copied = 0;
  for (let i = 0; i < 64; i++) {
    await world.write(4);
    copied += (await merge(storage, world, { limits, force: false })).objectBytes;
  }
  const [row] = (await rowsOf(storage, world.topic)).filter(isRow);
  const live = 64 * 4 * 2_060;
  expect(copied).toBeGreaterThan(2 * live);
  expect(copied).toBeLessThan(7 * live);
  world.clock.advance(HOUR);
  await collect(storage, world);
  expect((await segments(storage, world.topic)).length).toBeLessThanOrEqual(7);
  expect(row!.end).toBeGreaterThan(240);
  await world.expectWhole();
});

test('what was copied, superseded or left by the dead is collected, the marks after a day, and nothing else', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 40, 1);
  const rows = await rowsOf(storage, world.topic);
  await merge(storage, world);
  await world.write(40);
  await merge(storage, world);
  expect(await segments(storage, world.topic)).toHaveLength(2);
  world.clock.advance(HOUR);
  const first = await collect(storage, world);
  expect(first).toMatchObject({ segments: 1, marks: 0, indexRows: 0 });
  expect(first.objects + first.inlineItems).toBeGreaterThanOrEqual(76);
  await world.expectWhole();
  // There must be something to collect for the index to be looked through.
  world.clock.advance(24 * HOUR);
  await world.write(8);
  await merge(storage, world);
  world.clock.advance(HOUR);
  const second = await collect(storage, world);
  expect(second.marks).toBeGreaterThan(rows.length);
  await world.expectWhole();
});

test('a segment object goes when the log start has passed it, and a row that the log start is in stays', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 60, 1);
  await mergeAll(storage, world, { segmentBytes: 30_000, limits: LITTLE });
  const [first, second] = (await rowsOf(storage, world.topic)).filter(isRow);
  await world.log.deleteRecords(world.topic, 0, (second!.end as number) - 1);
  const before = await segments(storage, world.topic);
  world.clock.advance(HOUR);
  await collect(storage, world);
  const left = await liveRowsOf(storage, world.topic);
  expect(left.some(({ sk }) => sk === first!.sk)).toBe(false);
  expect(left.some(({ sk }) => sk === second!.sk)).toBe(true);
  expect((await segments(storage, world.topic)).length).toBeLessThan(before.length);
  await world.expectWhole();
  await world.write(20);
  await mergeAll(storage, world, { segmentBytes: 30_000, limits: LITTLE });
  await world.expectWhole();
});

test('killed before or after any of its calls, a merge leaves a log that reads as before, and the next one finishes', async () => {
  for (let kill = 0; ; kill++) {
    const storage = memoryStorage();
    const world = await written(storage, 30, 1);
    let calls = 0;
    let killed = false;
    const mortal = intercepted(storage, async (_, proceed) => {
      if (killed) throw new StorageError('dead', 'no');
      if (calls++ === kill >> 1) {
        killed = true;
        if (kill % 2 === 1) await proceed();
        throw new StorageError('died', 'unknown');
      }
      return proceed();
    });
    await mergeAll(mortal, world, { limits: LITTLE, segmentBytes: 30_000 }).catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error;
    });
    await world.expectWhole();
    await mergeAll(storage, world, { limits: LITTLE, segmentBytes: 30_000 });
    await world.expectWhole();
    world.clock.advance(HOUR);
    await collect(storage, world);
    await world.expectWhole();
    const live = (await rowsOf(storage, world.topic)).filter(isRow);
    for (const [i, { sk }] of live.entries()) if (i > 0) expect(Number(sk)).toBe(live[i - 1]!.end);
    if (!killed) return;
  }
}, 60_000);

test('frozen before any of its calls while another merges and garbage is collected, a merge does no harm when it wakes', async () => {
  for (let nth = 0, ended = false; !ended; nth++) {
    const storage = memoryStorage();
    const world = await written(storage, 30, 1);
    let calls = 0;
    const { intercept, reached, wake } = frozenAt(() => calls++ === nth);
    const sleeper = mergeAll(intercepted(storage, intercept), world, { limits: LITTLE });
    ended = await Promise.race([reached.then(() => false), sleeper.then(() => true)]);
    await world.write(5);
    await mergeAll(storage, world, { limits: LITTLE });
    world.clock.advance(25 * HOUR);
    await collect(storage, world);
    await collect(storage, world);
    wake();
    await sleeper;
    await world.expectWhole();
    world.clock.advance(25 * HOUR);
    await collect(storage, world);
    await world.expectWhole();
  }
}, 60_000);

test('of two merges at once one is refused, and what it wrote is garbage', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30, 1);
  const { intercept, reached, wake } = frozenAt(isSwap);
  const late = merge(intercepted(storage, intercept), world);
  await reached;
  expect(await merge(storage, world)).toMatchObject({ merges: 1 });
  wake();
  expect(await late).toMatchObject({ merges: 0, objects: 1, more: true });
  world.clock.advance(HOUR);
  expect(await collect(storage, world)).toMatchObject({ segments: 1 });
  await world.expectWhole();
});

test('a swap whose answer was lost is known for what it is', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30, 1);
  let lost = false;
  const lossy = intercepted(storage, async (call, proceed) => {
    const result = await proceed();
    if (lost || !isSwap(call)) return result;
    lost = true;
    throw new StorageError('no answer', 'unknown');
  });
  expect(await merge(lossy, world)).toMatchObject({ merges: 1, more: false });
  expect(lost).toBe(true);
  await world.expectWhole();
});

test('a merger that sleeps before its swap is refused once its object was collected', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30, 1);
  const { intercept, reached, wake } = frozenAt(isSwap);
  const late = merge(intercepted(storage, intercept), world);
  await reached;
  world.clock.advance(HOUR);
  expect(await collect(storage, world)).toMatchObject({ segments: 1 });
  wake();
  expect(await late).toMatchObject({ merges: 0 });
  await world.expectWhole();
  expect(await merge(storage, world)).toMatchObject({ merges: 1 });
  await world.expectWhole();
});

test('a merger that wakes when its object is being judged is either refused or seen', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30, 1);
  const { intercept, reached, wake } = frozenAt(isSwap);
  const late = merge(intercepted(storage, intercept), world);
  await reached;
  world.clock.advance(HOUR);
  const fencing = ({ operation, args }: Call) =>
    operation === 'update' && (args[0] as Item).pk.startsWith('index/');
  const waking = intercepted(storage, async (call, proceed) => {
    if (fencing(call)) {
      wake();
      await late;
    }
    return proceed();
  });
  expect(await collect(waking, world)).toMatchObject({ segments: 0 });
  expect(await late).toMatchObject({ merges: 1 });
  await world.expectWhole();
});

test('a roller that wakes after its row was absorbed does not bring it back', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 3, 1);
  const late: (() => Promise<unknown>)[] = [];
  const twice = intercepted(storage, async (call, proceed) => {
    if (indexPut(call)?.version === 0) late.push(proceed);
    return proceed();
  });
  const log = rollingLog(twice, world.clock);
  for (let i = 0; i < 20; i++) {
    await append(log, world.topic, 0, batch([`r${i}`]));
    world.clock.advance(100);
    await log.settled();
  }
  const before = await readAll(startLog(storage), world.topic);
  await merge(storage, world);
  world.clock.advance(HOUR);
  await collect(storage, world);
  expect(late.length).toBeGreaterThan(3);
  for (const put of late) await put();
  expect((await rowsOf(storage, world.topic)).filter(isRow)).toHaveLength(1);
  expect(await readAll(startLog(storage), world.topic)).toEqual(before);

  // When even the marks are gone it comes back, its bytes do not: readers find the records in the segment.
  for (const { pk, sk, absorbed } of await rowsOf(storage, world.topic)) {
    if (absorbed !== undefined) await storage.log.delete({ pk, sk });
  }
  for (const put of late) await put();
  const back = (await rowsOf(storage, world.topic)).filter(isRow);
  expect(back.length).toBeGreaterThan(3);
  for (const { sk } of back) {
    const from = Number(sk);
    expect(await readAll(startLog(storage), world.topic, 0, { from })).toEqual(before.slice(from));
  }
});

test('rows that a dead merger did not mark are marked by the next', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 30, 1);
  const dying = intercepted(storage, async (call, proceed) => {
    if (isMark(call)) throw new StorageError('died', 'no');
    return proceed();
  });
  await expect(merge(dying, world)).rejects.toThrow(StorageError);
  const left = (await rowsOf(storage, world.topic)).filter(isRow).length - 1;
  expect(left).toBeGreaterThan(2);
  await world.expectWhole();
  expect(await merge(storage, world)).toMatchObject({ merges: 0, rowsAbsorbed: left });
  await world.expectWhole();
});

test('a duplicate is found by its sequence in a segment', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 8, 1);
  const send = (sequence: number) =>
    append(
      rollingLog(storage, world.clock),
      world.topic,
      0,
      batch([`s${sequence}`, 'and more'], { producer: { id: 7n, epoch: 0, sequence } }),
    );
  const offsets: number[] = [];
  for (let sequence = 0; sequence < 20; sequence += 2) {
    offsets.push(await send(sequence));
    world.clock.advance(300);
  }
  const log = createLog({ storage, clock: world.clock, limits: { ...LIMITS, entriesPerRoll: 1 } });
  world.clock.advance(1_000);
  await append(log, world.topic, 0, batch(['rolls']));
  await log.settled();
  expect(await merge(storage, world)).toMatchObject({ merges: 1 });
  expect(await send(0)).toBe(offsets[0]);
  expect(await send(10)).toBe(offsets[5]);
});

test('a producer that was not answered is told that it is not known, when a merge has copied what would tell', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 8, 1);
  const isAppend = ({ operation, args }: Call) =>
    operation === 'update' && JSON.stringify(args[1]).includes('"append"');
  let first = true;
  const lossy = intercepted(storage, async (call, proceed) => {
    if (!first || !isAppend(call)) return proceed();
    first = false;
    await proceed();
    world.clock.advance(1_000);
    await append(
      createLog({ storage, clock: world.clock, limits: { ...LIMITS, entriesPerRoll: 1 } }),
      world.topic,
      0,
      batch(['other']),
    );
    world.clock.advance(1_000);
    const roller = createLog({ storage, clock: world.clock, limits: { ...LIMITS, entriesPerRoll: 1 } });
    await append(roller, world.topic, 0, batch(['rolls']));
    await roller.settled();
    await merge(storage, world);
    throw new StorageError('no answer', 'unknown');
  });
  const [result] = await startLog(lossy, world.clock).append(world.topic, [
    { partition: 0, batches: [batch(['lost'])] },
  ]);
  expect(result).toMatchObject({ ok: false, error: { kafka: 'REQUEST_TIMED_OUT' } });
  const values = (await readAll(startLog(storage), world.topic)).map(([, value]) => value);
  expect(values.filter((value) => value === 'lost')).toHaveLength(1);
});

test('lookups by time find the same record in segments', async () => {
  const storage = memoryStorage();
  const clock = testClock(100 * MINUTE);
  const world = await written(storage, 0, 1);
  const log = rollingLog(storage, world.clock);
  const times = [5, 3, 9, 9, 1, 12, 2, 20, 4, 4, 30, 8, 8, 8, 31, 7, 7, 7, 7, 7, 7];
  for (const timestamp of times) {
    await append(log, world.topic, 0, batch([`t${timestamp}`], { timestamp }));
    world.clock.advance(100);
    await log.settled();
  }
  const lookUp = () =>
    Promise.all(
      [0, 4, 6, 9, 10, 13, 21, 31, 32].map((timestamp) =>
        startLog(storage, clock).listOffsets(world.topic, 0, { timestamp }),
      ),
    );
  const before = await lookUp();
  await mergeAll(storage, world, { limits: { ...LITTLE, pieceBytes: 160 }, segmentBytes: 500 });
  expect(await lookUp()).toEqual(before);
});

test('a row that is larger than a segment is one by itself, and merging goes on behind it', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 40, 1);
  const before = await rowsOf(storage, world.topic);
  await mergeAll(storage, world, { segmentBytes: 10 });
  const rows = await rowsOf(storage, world.topic);
  expect(rows.map(({ closed }) => closed === true)).toEqual([...before.slice(1).map(() => true), false]);
  await world.expectWhole();
});

test('a batch that is sent again after a merge answers its own offset, though others lie between it and the one before', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 0, 1);
  const send = (sequence: number) =>
    append(world.log, world.topic, 0, batch([`r${sequence}`], { producer: { id: 7n, epoch: 0, sequence } }));
  const offsets: number[] = [];
  for (let sequence = 0; sequence < 8; sequence++) {
    offsets.push(await send(sequence));
    await append(world.log, world.topic, 0, batch(['another']));
    world.clock.advance(1_000);
    await world.log.settled();
  }
  await mergeAll(storage, world);
  expect((await rowsOf(storage, world.topic)).filter(isRow)).toHaveLength(1);
  // The head remembers its last five; they are in the segment now, but for the last.
  for (const sequence of [4, 5, 6]) expect(await send(sequence)).toBe(offsets[sequence]);
});
