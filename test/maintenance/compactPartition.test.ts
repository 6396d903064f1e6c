import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, StorageError } from '../../lib/storage/ports.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { append, startLog, testClock } from '../support/log.ts';
import {
  type Change,
  type Compacted,
  compact,
  compacted,
  compactOnce,
  DAY,
  expectBytes,
  type Found,
  HOUR,
  keyed,
  lastOf,
  merge,
  readChanges,
  stateOf,
  TINY,
} from './compaction.ts';
import { collect, MINUTE, rowsOf } from './support.ts';

/** Some appends, each of which sets all keys. */
const rounds = (count: number, keys: number, name = 'r'): Change[][] =>
  Array.from({ length: count }, (_, i) =>
    Array.from({ length: keys }, (__, key): Change => [`k${key}`, `${name}${i} ${'.'.repeat(20)}`]),
  );

const isRow = (item: Item) => item.absorbed === undefined;
const isWrite = ({ operation }: Call) => ['put', 'update', 'delete'].includes(operation);
const isSwap = ({ operation, args }: Call) =>
  operation === 'put' && (args[0] as Partial<Item>).closed !== undefined;

async function liveRows({ storage, topic }: Compacted): Promise<Item[]> {
  return (await rowsOf(storage, topic)).filter(isRow);
}

/** What a reader has in the end who begins anywhere, and that no record is where it was not written. */
async function expectState(world: Compacted): Promise<Found[]> {
  for (let from = 1; from <= world.written.length; from++) {
    const rest = world.written.map(([key, value], offset): Found => [offset, key, value]).slice(from);
    expect(stateOf(await readChanges(world, { from, maxBytes: 500 }))).toEqual(stateOf(rest));
  }
  const found = await readChanges(world);
  for (const [offset, key, value] of found) expect([key, value]).toEqual(world.written[offset]);
  expect(stateOf(found)).toEqual(stateOf(lastOf(world.written)));
  return found;
}

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

test('of each key the last record stays, at its offset, and is found from wherever one reads', async () => {
  const world = await compacted(memoryStorage());
  await world.write(...rounds(5, 4), [['once', 'only']], ...rounds(5, 3, 's'));
  const done = await compact(world.storage, world);
  expect(done).toMatchObject({ recordsRemoved: 36 - 5, tombstonesRemoved: 0, more: false });
  const expected = lastOf(world.written);
  for (let from = 0; from < world.written.length; from++) {
    for (const maxBytes of [1, 300, 1 << 20]) {
      const rest = expected.filter(([offset]) => offset >= from);
      expect(await readChanges(world, { from, maxBytes })).toEqual(rest);
    }
  }
});

test('what is clean costs a read of the rows, and no write', async () => {
  const world = await compacted(memoryStorage());
  await world.write(...rounds(5, 4));
  await compact(world.storage, world);
  const calls: Call[] = [];
  const counted = intercepted(world.storage, async (call, proceed) => {
    calls.push(call);
    return proceed();
  });
  expect(await compact(counted, world)).toMatchObject({ rows: 0, bytesRead: 0, calls: 1 });
  expect(calls.filter(({ store }) => store === 'objects')).toEqual([]);
  expect(calls.filter(isWrite)).toEqual([]);
});

test('rows that are cleaned together become one segment while they fit, and what they held is garbage', async () => {
  const world = await compacted(memoryStorage());
  await world.write(...rounds(40, 5));
  const before = await liveRows(world);
  expect(before.length).toBeGreaterThan(30);
  const done = await compact(world.storage, world, { segmentBytes: 1_500 });
  const after = await liveRows(world);
  expect(done).toMatchObject({ rows: before.length, rowsAbsorbed: before.length - after.length });
  expect(after.length).toBeLessThan(12);
  expect(after.map(({ closed }) => closed)).toEqual([...after.slice(1).map(() => true), false]);
  for (const [i, { sk }] of after.entries()) if (i > 0) expect(Number(sk)).toBe(after[i - 1]!.end);

  // Most are empty by now: the next pass makes fewer of them.
  await world.write([['other', '1']]);
  await compact(world.storage, world, { segmentBytes: 1_500 });
  expect((await liveRows(world)).length).toBeLessThan(after.length);
  world.clock.advance(HOUR);
  await collect(world.storage, world);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
  const { objects } = await world.storage.objects.list(`${world.topic.id}/segments/`, { limit: 1_000 });
  expect(objects.length).toBeLessThanOrEqual(2);
});

test('every row below is counted up and says how far it was cleaned, though nothing goes; a large one is not written again', async () => {
  const world = await compacted(memoryStorage());
  const limits = { ...TINY, keepBytes: 10 };
  await world.write([['a', '1']], [['b', '1']]);
  const options = { limits, segmentBytes: 10 };
  expect(await compact(world.storage, world, options)).toMatchObject({
    rows: 2,
    objects: 0,
    bytesWritten: 0,
  });
  expect(await liveRows(world)).toMatchObject([
    { version: 1, cleanedTo: 2 },
    { version: 1, cleanedTo: 2 },
  ]);
  await world.write([['c', '1']]);
  expect(await compact(world.storage, world, options)).toMatchObject({
    rows: 3,
    objects: 0,
    recordsRemoved: 0,
  });
  expect(await liveRows(world)).toMatchObject([
    { cleanedTo: 3 },
    { cleanedTo: 3 },
    { cleanedTo: 3, version: 1 },
  ]);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
});

test('no object is larger than a segment may be, nor than one is made, though rows and earlier objects are', async () => {
  const world = await compacted(memoryStorage());
  const { storage, topic } = world;
  await world.write(...Array.from({ length: 60 }, (_, i): Change[] => [[`k${i % 50}`, '.'.repeat(100)]]));
  const limits = { ...TINY, objectBytes: 1_500, keepBytes: 1_200 };
  const largest = async () => {
    await collect(storage, world, { graceMs: 0 });
    const { objects } = await storage.objects.list(`${topic.id}/segments/`, { limit: 1_000 });
    return Math.max(...objects.map(({ bytes }) => bytes));
  };
  await merge(storage, world, { limits });
  await compact(storage, world, { limits });
  expect(await largest()).toBeLessThanOrEqual(1_500);
  expect(await largest()).toBeGreaterThan(1_000);
  await world.write(...Array.from({ length: 25 }, (_, i): Change[] => [[`k${2 * i}`, 'changed']]));
  await compact(storage, world, { limits, segmentBytes: 700 });
  expect(await largest()).toBeLessThanOrEqual(700);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
});

test('a pass takes as many keys as the map holds, and the next ones the rest', async () => {
  const world = await compacted(memoryStorage());
  const many = Array.from({ length: 60 }, (_, i): Change[] => [[`k${i % 30}`, `${i}`]]);
  await world.write(...many);
  const limits = { ...TINY, dedupeBufferBytes: 24 * 8 };
  const done = await compact(world.storage, world, { limits });
  expect(done.calls).toBeGreaterThan(5);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
});

test('a call ends at its deadline, but cleans a row at least; those after it go on', async () => {
  const world = await compacted(memoryStorage());
  await world.write(...rounds(20, 3));
  const options = { segmentBytes: 300, deadlineMs: 0 };
  const first = await compactOnce(world.storage, world, options);
  expect(first.rows).toBeGreaterThan(0);
  expect(first.more).toBe(true);
  await expectState(world);
  const rest = await compact(world.storage, world, options);
  expect(rest.calls).toBeGreaterThan(5);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
});

test('a row whose records have all gone keeps its offsets', async () => {
  const world = await compacted(memoryStorage());
  await world.write([['a', '1']], [['b', '1']], [['a', '2']], [['b', '2']]);
  await compact(world.storage, world, { segmentBytes: 10 });
  const rows = await liveRows(world);
  expect(rows.map(({ sk, end }) => [Number(sk), end])).toEqual([
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
  ]);
  expect(await readChanges(world, { maxBytes: 1 })).toEqual([
    [2, 'a', '2'],
    [3, 'b', '2'],
  ]);
  // The next pass joins what is left of them.
  await world.write([['a', '3']], [['b', '3']]);
  await compact(world.storage, world);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
  await merge(world.storage, world);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
});

test('a fetch goes on through what was compacted away, and tells how far it came', async () => {
  const world = await compacted(memoryStorage());
  const all = Array.from({ length: 100 }, (_, i): Change[] => [['a', `${i}`]]);
  await world.write(...all);
  for (let pass = 0; pass < 3; pass++) await compact(world.storage, world, { segmentBytes: 10 });
  const log = startLog(world.storage, world.clock);
  const request = { partition: 0, maxBytes: 1_000, minBytes: 0, maxWaitMs: 0 };
  let fetches = 0;
  for (let offset = 0; offset < 100; fetches++) {
    const { bytes, nextOffset, highWatermark } = await log.fetch(world.topic, { ...request, offset });
    expect(highWatermark).toBe(100);
    expect(nextOffset).toBeGreaterThan(offset);
    if (nextOffset < 100) expect(bytes).toHaveLength(0);
    offset = nextOffset;
  }
  expect(fetches).toBeLessThan(10);
  expect(await log.fetch(world.topic, { ...request, offset: 100 })).toMatchObject({ nextOffset: 100 });
});

test('a consumer reads on, page by page, while all is compacted, merged and collected behind its back', async () => {
  const world = await compacted(memoryStorage());
  const { storage, topic, clock } = world;
  const log = startLog(storage, clock);
  const state = new Map<string, string | null>();
  let offset = 0;
  for (let round = 0; round < 30; round++) {
    await world.write(...rounds(2, 3, `${round}/`), [[`k${round % 3}`, null]]);
    for (let page = 0; page < 2; page++) {
      const { bytes, nextOffset } = await log.fetch(topic, {
        ...{ partition: 0, offset, maxBytes: 200, minBytes: 0, maxWaitMs: 0 },
      });
      for (const [at, key, value] of await foundIn(bytes)) {
        expect(world.written[at]).toEqual([key, value]);
        if (at >= offset) state.set(key, value);
      }
      offset = nextOffset;
    }
    await compact(storage, world, { segmentBytes: 600 });
    if (round % 3 === 0) await merge(storage, world, { segmentBytes: 600 });
    clock.advance(HOUR);
    await collect(storage, world);
  }
  for (const [at, key, value] of await readChanges(world, { from: offset })) {
    expect(world.written[at]).toEqual([key, value]);
    state.set(key, value);
  }
  const seen = Object.fromEntries([...state].filter(([, value]) => value !== null));
  expect(seen).toEqual(stateOf(lastOf(world.written)));
});

async function foundIn(bytes: Uint8Array): Promise<Found[]> {
  const { decodeBatches } = await import('../../lib/record/decode.ts');
  return [...decodeBatches(bytes)].map(({ offset, key, value }) => [
    offset,
    Buffer.from(key!).toString(),
    value && Buffer.from(value).toString(),
  ]);
}

describe('tombstones', () => {
  test('stay for delete.retention.ms after they were first cleaned, and go when it has passed', async () => {
    const world = await compacted(memoryStorage());
    await world.write([['a', '1']], [['b', '1']], [['a', null]], [['c', '1']]);
    const started = world.clock.now();
    const first = await compact(world.storage, world);
    expect(first).toMatchObject({ recordsRemoved: 1, nextDueAtMs: started + DAY });
    const kept: Found[] = [
      [1, 'b', '1'],
      [2, 'a', null],
      [3, 'c', '1'],
    ];
    expect(await readChanges(world)).toEqual(kept);

    world.clock.advance(first.nextDueAtMs! - 1 - world.clock.now());
    expect(await compact(world.storage, world)).toMatchObject({ rows: 0, nextDueAtMs: first.nextDueAtMs });
    expect(await readChanges(world)).toEqual(kept);

    world.clock.advance(1);
    const last = await compact(world.storage, world);
    expect(last).toMatchObject({ recordsRemoved: 1, tombstonesRemoved: 1, more: false });
    expect(last.nextDueAtMs).toBeUndefined();
    expect(await readChanges(world)).toEqual([kept[0], kept[2]]);
  });

  test('go on time though what is dirty is not due yet, without its being read', async () => {
    const world = await compacted(memoryStorage());
    await world.write([['a', '1']], [['a', null]], ...rounds(6, 4));
    const { nextDueAtMs } = await compact(world.storage, world);
    await world.write([['k0', 'new']]);
    world.clock.advance(nextDueAtMs! - world.clock.now());
    const late = await compact(world.storage, world, { minCleanableDirtyRatio: 0.5 });
    expect(late).toMatchObject({ tombstonesRemoved: 1, recordsRemoved: 1, more: false });
    const rows = await liveRows(world);
    expect(rows.at(-1)).not.toHaveProperty('cleanedTo');
    await expectState(world);
  });

  test('stay while a pass has not come to what they delete', async () => {
    const world = await compacted(memoryStorage());
    await world.write([['a', '1']], [['b', '1']], [['a', null]], [['b', '2']]);
    // Of one row each; the first two calls come as far as the first two rows.
    const options = { segmentBytes: 10, deadlineMs: 0, deleteRetentionMs: 0 };
    for (let calls = 0; calls < 20; calls++) {
      await compactOnce(world.storage, world, options);
      await expectState(world);
    }
    expect(await readChanges(world)).toEqual([[3, 'b', '2']]);
  });

  test('a merge keeps what it knows of them', async () => {
    const world = await compacted(memoryStorage());
    await world.write([['a', '1']], [['a', null]]);
    const { nextDueAtMs } = await compact(world.storage, world);
    await world.write([['b', '1']], [['b', '2']]);
    expect(await merge(world.storage, world)).toMatchObject({ merges: 1 });
    expect(await liveRows(world)).toMatchObject([{ cleanedTo: 2, deleteHorizonMs: nextDueAtMs }]);
    world.clock.advance(DAY);
    const done = await compact(world.storage, world);
    expect(done).toMatchObject({ tombstonesRemoved: 1, recordsRemoved: 2 });
    expect(await readChanges(world)).toEqual([[3, 'b', '2']]);
  });
});

describe('when it is due', () => {
  test('by the ratio of what is dirty', async () => {
    const world = await compacted(memoryStorage());
    await world.write(...rounds(1, 10));
    await compact(world.storage, world);
    await world.write(...rounds(1, 3, 's'));
    expect(await compact(world.storage, world, { minCleanableDirtyRatio: 0.5 })).toMatchObject({ rows: 0 });
    await world.write(...rounds(2, 5, 't'));
    const done = await compact(world.storage, world, { minCleanableDirtyRatio: 0.5 });
    expect(done.recordsRemoved).toBeGreaterThan(0);
  });

  test('what is younger than min.compaction.lag.ms waits', async () => {
    const world = await compacted(memoryStorage());
    const options = { minCompactionLagMs: HOUR };
    await world.write([['a', '1']], [['a', '2']]);
    world.clock.advance(HOUR / 2);
    await world.write([['a', '3']]);
    const youngest = world.clock.now() - 10;
    world.clock.advance(HOUR / 2);
    const first = await compact(world.storage, world, options);
    expect(first).toMatchObject({ recordsRemoved: 1, nextDueAtMs: youngest + HOUR });
    expect(await readChanges(world)).toEqual([
      [1, 'a', '2'],
      [2, 'a', '3'],
    ]);
    world.clock.advance(first.nextDueAtMs! - world.clock.now());
    expect(await compact(world.storage, world, options)).toMatchObject({ recordsRemoved: 1 });
    expect(await readChanges(world)).toEqual([[2, 'a', '3']]);
  });

  test('what is older than max.compaction.lag.ms waits no longer', async () => {
    const world = await compacted(memoryStorage());
    const options = { minCleanableDirtyRatio: 1, maxCompactionLagMs: HOUR };
    const written = world.clock.now();
    await world.write([['a', '1']], [['a', '2']]);
    const first = await compact(world.storage, world, options);
    expect(first).toMatchObject({ rows: 0, nextDueAtMs: written + HOUR + 1 });
    world.clock.advance(first.nextDueAtMs! - world.clock.now());
    expect(await compact(world.storage, world, options)).toMatchObject({ recordsRemoved: 1, more: false });
  });

  test('what was appended just now waits, as its appenders may still look for it', async () => {
    const world = await compacted(memoryStorage());
    const limits = { ...TINY, settleMs: 60_000 };
    const written = world.clock.now();
    await world.write([['a', '1']], [['a', '2']]);
    const first = await compact(world.storage, world, { limits });
    expect(first.rows).toBe(0);
    expect(first.nextDueAtMs! - written - 60_000).toBeLessThan(100);
    world.clock.advance(61_000);
    expect(await compact(world.storage, world, { limits })).toMatchObject({ recordsRemoved: 1 });
  });
});

test('what is below the log start is neither read nor kept', async () => {
  const world = await compacted(memoryStorage());
  await world.write(...rounds(10, 3));
  await merge(world.storage, world, { segmentBytes: 1_000 });
  await world.log.deleteRecords(world.topic, 0, 16);
  world.clock.advance(HOUR);
  await collect(world.storage, world);
  const done = await compact(world.storage, world);
  expect(done.recordsRemoved).toBeGreaterThan(0);
  expect(await readChanges(world, { from: 16 })).toEqual(lastOf(world.written));
  await collect(world.storage, world);
  expect(await readChanges(world, { from: 16 })).toEqual(lastOf(world.written));
});

test('a log start within a batch keeps none of its records from being superseded', async () => {
  const world = await compacted(memoryStorage());
  await world.write(
    [
      ['a', '1'],
      ['k', 'old'],
      ['k', null],
    ],
    [['b', '1']],
  );
  await world.log.deleteRecords(world.topic, 0, 1);
  await compact(world.storage, world, { deleteRetentionMs: 0 });
  expect(await readChanges(world, { from: 1 })).toEqual([[3, 'b', '1']]);
});

test('a duplicate is found by its sequence though its records were compacted away', async () => {
  const world = await compacted(memoryStorage());
  const { storage, topic, clock } = world;
  const send = (sequence: number) =>
    append(
      startLog(storage, clock),
      topic,
      0,
      keyed(
        [
          ['a', `${sequence}`],
          ['b', `${sequence}`],
        ],
        clock.now(),
        { id: 7n, epoch: 0, sequence },
      ),
    );
  const offsets: number[] = [];
  for (let sequence = 0; sequence < 40; sequence += 2) {
    offsets.push(await send(sequence));
    clock.advance(300);
  }
  await world.write([['c', '1']]);
  const done = await compact(storage, world, { segmentBytes: 500 });
  expect(done.recordsRemoved).toBeGreaterThan(30);
  for (const [i, offset] of offsets.entries()) expect(await send(2 * i)).toBe(offset);
});

test('lookups by time find the first record that is left', async () => {
  const world = await compacted(memoryStorage());
  const { storage, topic, clock, log } = world;
  const times = [5, 30, 9, 12, 40, 11, 2, 20, 4];
  for (const [i, time] of times.entries()) {
    const key = i === 4 ? 'k1' : `k${i}`;
    await append(log, topic, 0, keyed([[key, 'v']], time));
    clock.advance(300);
  }
  // The youngest of all, k1 at 40, goes, and the one at 30 before.
  for (const time of [6, 7]) {
    await append(log, topic, 0, keyed([['k1', 'v']], time));
    clock.advance(300);
    await log.settled();
  }
  await compact(storage, world);
  const lookUp = async (spec: Parameters<typeof log.listOffsets>[2]) =>
    startLog(storage, clock).listOffsets(topic, 0, spec);
  expect(await lookUp('max-timestamp')).toEqual({ offset: 7, timestamp: 20 });
  expect(await lookUp({ timestamp: 5 })).toEqual({ offset: 0, timestamp: 5 });
  expect(await lookUp({ timestamp: 10 })).toEqual({ offset: 3, timestamp: 12 });
  expect(await lookUp({ timestamp: 13 })).toEqual({ offset: 7, timestamp: 20 });
  expect(await lookUp({ timestamp: 21 })).toEqual({ offset: -1, timestamp: -1 });
});

const HARD = { segmentBytes: 250, deleteRetentionMs: HOUR };
const history = () => [
  ...rounds(6, 3),
  [['k0', null]] satisfies Change[],
  ...rounds(3, 2, 's'),
  [
    ['k1', null],
    ['k2', null],
  ] satisfies Change[],
  [['end', '1']] satisfies Change[],
];

test('killed before or after any of its calls, compaction leaves a log that reads as before, and the next one finishes', async () => {
  for (let kill = 0; ; kill++) {
    const world = await compacted(memoryStorage());
    await world.write(...history());
    if (kill % 4 > 1) await merge(world.storage, world, { segmentBytes: 400 });
    let calls = 0;
    let killed = false;
    const mortal = intercepted(world.storage, async (_, proceed) => {
      if (killed) throw new StorageError('dead', 'no');
      if (calls++ === kill >> 2) {
        killed = true;
        if (kill % 2 === 1) await proceed();
        throw new StorageError('died', 'unknown');
      }
      return proceed();
    });
    await compact(mortal, world, HARD).catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error;
    });
    expect(stateOf(await readChanges(world))).toEqual(stateOf(lastOf(world.written)));
    await compact(world.storage, world, HARD);
    world.clock.advance(2 * HOUR);
    await compact(world.storage, world, HARD);
    await collect(world.storage, world);
    const left = lastOf(world.written).filter(([, , value]) => value !== null);
    expect(await readChanges(world)).toEqual(left);
    const live = await liveRows(world);
    for (const [i, { sk }] of live.entries()) if (i > 0) expect(Number(sk)).toBe(live[i - 1]!.end);
    if (!killed) return;
  }
}, 60_000);

test('frozen before any of its calls while another compacts, merges and collects, and tombstones go, compaction does no harm when it wakes', async () => {
  for (let nth = 0, ended = false; !ended; nth++) {
    const world = await compacted(memoryStorage());
    await world.write(...history());
    let calls = 0;
    const { intercept, reached, wake } = frozenAt(() => calls++ === nth);
    const others = { ...HARD, segmentBytes: 100 + (nth % 3) * 200 };
    const sleeper = compact(intercepted(world.storage, intercept), world, HARD);
    ended = await Promise.race([reached.then(() => false), sleeper.then(() => true)]);
    await world.write([['k0', 'again']], [['k0', null]]);
    await compact(world.storage, world, others);
    if (nth % 2 === 0) await merge(world.storage, world, { segmentBytes: 400 });
    world.clock.advance(25 * HOUR);
    await compact(world.storage, world, others);
    await collect(world.storage, world);
    await collect(world.storage, world);
    const left = await expectState(world);
    wake();
    await sleeper;
    expect((await expectState(world)).filter(([, , value]) => value === null)).toEqual([]);
    world.clock.advance(25 * HOUR);
    await compact(world.storage, world, HARD);
    await collect(world.storage, world);
    expect(await expectState(world)).toEqual(left);
  }
}, 60_000);

test('of two at once one is refused, and what it wrote is garbage', async () => {
  const world = await compacted(memoryStorage());
  await world.write(...rounds(6, 3));
  const { intercept, reached, wake } = frozenAt(isSwap);
  const late = compactOnce(intercepted(world.storage, intercept), world);
  await reached;
  expect(await compactOnce(world.storage, world)).toMatchObject({ more: false });
  const rows = await rowsOf(world.storage, world.topic);
  wake();
  expect(await late).toMatchObject({ rows: 0, recordsRemoved: 0, objects: 1, more: true });
  expect(await rowsOf(world.storage, world.topic)).toEqual(rows);
  world.clock.advance(HOUR);
  expect(await collect(world.storage, world)).toMatchObject({ segments: 1 });
  await expectState(world);
});

test('a swap whose answer was lost is known for what it is', async () => {
  const world = await compacted(memoryStorage());
  await world.write(...rounds(6, 3));
  let lost = 0;
  const lossy = intercepted(world.storage, async (call, proceed) => {
    const result = await proceed();
    if (lost > 0 || !isSwap(call)) return result;
    lost++;
    throw new StorageError('no answer', 'unknown');
  });
  expect(await compactOnce(lossy, world)).toMatchObject({ more: false, recordsRemoved: 15 });
  expect(lost).toBe(1);
});

test('a merger that sleeps before its swap does not bring a value back when its tombstone is gone', async () => {
  const world = await compacted(memoryStorage());
  await world.write([['a', '1']], [['k', 'old']], [['b', '1']], [['k', null]], [['c', '1']]);
  const { intercept, reached, wake } = frozenAt(isSwap);
  const late = merge(intercepted(world.storage, intercept), world);
  await reached;
  await compact(world.storage, world, { deleteRetentionMs: HOUR });
  world.clock.advance(2 * HOUR);
  expect(await compact(world.storage, world)).toMatchObject({ tombstonesRemoved: 1 });
  wake();
  expect(await late).toMatchObject({ merges: 0 });
  const left: Found[] = [
    [0, 'a', '1'],
    [2, 'b', '1'],
    [4, 'c', '1'],
  ];
  expect(await readChanges(world)).toEqual(left);
  expect(await readChanges(world, { from: 1 })).toEqual(left.slice(1));
});

/**
 * Five segments, closed but for the last: `p`; `x` and `a`; the value of `k`; its tombstone; and one more. A pass dies when it
 * has cleaned the first two. Another compactor, whose clock is an hour ahead, has time to read the keys of one row only, the
 * third, which has the value. It finds that the tombstone of `x` may go, joins the second row and the third, and sleeps before
 * its swap. The version of the second row is all that its swap depends on.
 */
async function sleepingCompactor(world: Compacted, limits = TINY) {
  const { storage, topic, clock } = world;
  await world.write(
    [['p', '1']],
    [
      ['x', null],
      ['a', '1'],
    ],
    [
      ['k', 'old'],
      ['b', '1'],
    ],
    [
      ['k', null],
      ['c', '1'],
    ],
    [['d', '1']],
  );
  await merge(storage, world, { segmentBytes: 10 });
  expect((await liveRows(world)).map(({ closed }) => closed === true)).toEqual([
    true,
    true,
    true,
    true,
    false,
  ]);
  const ahead = { topic, clock: testClock(clock.now() + HOUR) };
  const options = { segmentBytes: 10, deleteRetentionMs: 0 };
  let swaps = 0;
  const mortal = intercepted(storage, async (call, proceed) => {
    if (isSwap(call) && swaps++ > 1) throw new StorageError('died', 'no');
    return proceed();
  });
  await expect(compactOnce(mortal, ahead, options)).rejects.toThrow('died');
  expect(await liveRows(world)).toMatchObject([{ cleanedTo: 8 }, { cleanedTo: 8 }, {}, {}, {}]);
  // Else what the first two rows had would be collected while he sleeps, and they be counted up for it.
  clock.advance(2 * MINUTE);
  await collect(storage, world);
  const { intercept, reached, wake } = frozenAt(isSwap);
  const slow = { ...options, limits, segmentBytes: 1_000, deadlineMs: 0 };
  const sleeper = compactOnce(intercepted(storage, intercept), ahead, slow);
  await reached;
  return { options, sleeper, wake };
}

const LEFT: Found[] = [
  [0, 'p', '1'],
  [2, 'a', '1'],
  [4, 'b', '1'],
  [6, 'c', '1'],
  [7, 'd', '1'],
];
const X_LEFT: Found = [1, 'x', null];

test('rows below a tombstone that goes are counted up, so that nobody who knows them from before brings its value back', async () => {
  const world = await compacted(memoryStorage());
  const { options, sleeper, wake } = await sleepingCompactor(world);
  const version = (await liveRows(world))[1]!.version as number;
  // The others' clocks are right: for them the tombstone of `x` is not due, and the first rows are clean.
  const done = await compact(world.storage, world, options);
  expect(done).toMatchObject({ tombstonesRemoved: 1, recordsRemoved: 2, more: false });
  expect((await liveRows(world))[1]).toMatchObject({ version: version + 1 });
  wake();
  expect(await sleeper).toMatchObject({ rows: 0, more: true });
  expect(await readChanges(world)).toEqual([LEFT[0], X_LEFT, ...LEFT.slice(1)]);
});

async function expectHealed(world: Compacted): Promise<void> {
  await expectState(world);
  const options = { segmentBytes: 10, deleteRetentionMs: 0 };
  await compact(world.storage, world, options);
  await expectState(world);
  world.clock.advance(2 * HOUR);
  await compact(world.storage, world, options);
  const found = await expectState(world);
  expect(found.slice(0, LEFT.length)).toEqual(LEFT);
}

test('one that wakes before the tombstone goes is obeyed: the tombstone stays until its value has gone again', async () => {
  const world = await compacted(memoryStorage());
  const { options, sleeper, wake } = await sleepingCompactor(world);
  const versions = (await liveRows(world)).map(({ version }) => version);
  const waking = intercepted(world.storage, async (call, proceed) => {
    const { operation, args } = call;
    if (operation === 'update' && (args[0] as Partial<Item>).sk === '0000000000000001') {
      wake();
      await sleeper;
    }
    return proceed();
  });
  // The first call finishes the pass; the second would let the tombstone go, but its count is refused.
  expect(await compactOnce(waking, world, options)).toMatchObject({ rows: 3, more: true });
  expect(await compactOnce(waking, world, options)).toMatchObject({ tombstonesRemoved: 0, more: true });
  expect((await sleeper).rows).toBeGreaterThan(0);
  expect((await liveRows(world))[0]!.version).toBe((versions[0] as number) + 1);
  expect(await readChanges(world)).toContainEqual([3, 'k', 'old']);
  await expectHealed(world);
});

test('one that wakes while rows become one is obeyed too: they keep their tombstones until they are one', async () => {
  const world = await compacted(memoryStorage());
  const { options, sleeper, wake } = await sleepingCompactor(world);
  expect(await compactOnce(world.storage, world, options)).toMatchObject({ rows: 3, more: true });
  await world.write(...rounds(4, 2));
  let woken = false;
  const waking = intercepted(world.storage, async (call, proceed) => {
    if (!woken && call.operation === 'put' && (call.args[0] as Partial<Item>).absorbed !== undefined) {
      woken = true;
      wake();
      await sleeper;
    }
    return proceed();
  });
  const joined = await compactOnce(waking, world, { ...options, segmentBytes: 1_000 });
  expect(joined).toMatchObject({ tombstonesRemoved: 0, more: true });
  expect(woken).toBe(true);
  expect((await sleeper).rows).toBeGreaterThan(0);
  await expectHealed(world);
});

test('one that wakes when what it has read is garbage names nothing that is gone', async () => {
  const world = await compacted(memoryStorage());
  // Objects that have not changed are large enough to stay.
  const { options, sleeper, wake } = await sleepingCompactor(world, { ...TINY, keepBytes: 1 });
  await compactOnce(world.storage, world, options);
  world.clock.advance(2 * HOUR);
  await collect(world.storage, world);
  wake();
  await sleeper;
  await expectBytes(world);
  await expectHealed(world);
});

test('where rows overlap a fetch answers each record once, in order', async () => {
  const world = await compacted(memoryStorage());
  const { storage, topic, clock } = world;
  await world.write(
    [
      ['a', '1'],
      ['b', '1'],
    ],
    [
      ['c', '1'],
      ['d', '1'],
    ],
    [
      ['e', '1'],
      ['f', '1'],
    ],
  );
  const [first, second] = await liveRows(world);
  // The first row has taken in the second by itself; the second, the third.
  await storage.log.put({ ...first!, closed: true });
  expect(await merge(storage, world, { limits: { ...TINY, pieceBytes: 10_000 } })).toMatchObject({
    merges: 1,
  });
  const slices = Buffer.concat([first!.slices as Uint8Array, second!.slices as Uint8Array]);
  await storage.log.put({ ...first!, closed: true, version: 1, end: second!.end!, slices });
  expect((await liveRows(world)).map(({ sk, end }) => [Number(sk), end])).toEqual([
    [0, 4],
    [2, 6],
  ]);
  for (const maxBytes of [1, 200, 1 << 20]) {
    expect(await readChanges(world, { maxBytes })).toEqual(lastOf(world.written));
  }
  const request = { partition: 0, offset: 0, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
  const { bytes } = await startLog(storage, clock).fetch(topic, request);
  expect((await foundIn(bytes)).map(([offset]) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
  // The next pass makes one of them.
  await compact(storage, world);
  expect((await liveRows(world)).map(({ sk, end }) => [Number(sk), end])).toEqual([[0, 6]]);
  expect(await readChanges(world)).toEqual(lastOf(world.written));
});
