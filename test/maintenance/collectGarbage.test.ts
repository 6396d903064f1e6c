import { systemClock } from '../../lib/clock.ts';
import { headKey } from '../../lib/log/head.ts';
import { collectGarbage } from '../../lib/maintenance/collectGarbage.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { append, batch, readAll, startLog, testClock } from '../support/log.ts';
import {
  collect,
  liveRowsOf,
  MINUTE,
  rollingLog,
  rowsOf,
  SMALL,
  stored,
  valueAt,
  written,
} from './support.ts';

const HOUR = 60 * MINUTE;
/** Few enough calls that something can happen before each of them. */
const TINY = { ...SMALL, candidatesPerWindow: 6, rowsPerPage: 3, pagesPerStep: 3, writesAtOnce: 5 };
const large = 'x'.repeat(5_000);
const isAppend = ({ operation, args }: Call): boolean =>
  operation === 'update' && JSON.stringify(args[1]).includes('"append"');
const isUpload = ({ store, operation, args }: Call): boolean =>
  operation === 'put' && (store === 'objects' || (args[0] as { pk: string }).pk.startsWith('inline/'));
const isWrite = ({ operation }: Call): boolean => ['put', 'update', 'delete'].includes(operation);

/** Appends that upload and then die: one blob that is an object, one that is an item. */
async function leaveOrphans(storage: Storage, { topic, clock }: Awaited<ReturnType<typeof written>>) {
  const dying = intercepted(storage, async (call, proceed) => {
    if (isAppend(call)) throw new StorageError('died', 'no');
    return proceed();
  });
  for (const value of ['small', large]) {
    const [result] = await rollingLog(dying, clock).append(topic, [
      { partition: 0, batches: [batch([value])] },
    ]);
    expect(result!.ok).toBe(false);
  }
}

describe.each([
  ['in one call', undefined],
  ['in many small calls', SMALL],
])('%s', (_, small) => {
  const options = small && { limits: small };

  test('blobs of appends that died are deleted once they are older than the grace, and nothing else', async () => {
    const storage = memoryStorage();
    const world = await written(storage, 20);
    const live = await stored(storage, world.topic);
    await leaveOrphans(storage, world);

    world.clock.advance(MINUTE / 2);
    expect(await collect(storage, world, options)).toMatchObject({ objects: 0, inlineItems: 0 });
    world.clock.advance(MINUTE);
    expect(await collect(storage, world, options)).toMatchObject({
      floorsRaised: 1,
      objects: 1,
      inlineItems: 1,
      indexRows: 0,
    });
    expect(await stored(storage, world.topic)).toEqual(live);
    await world.expectWhole();
  });

  test('what is wholly below the log start is deleted, in tail and index, and what reaches over it stays', async () => {
    for (const start of [1, 9, 16, 19, 20]) {
      const storage = memoryStorage();
      const world = await written(storage, 20);
      const { topic, log, clock } = world;
      const rows = (await rowsOf(storage, topic)).length;
      await log.deleteRecords(topic, 0, start);
      clock.advance(HOUR);
      const collected = await collect(storage, world, options);
      // Of each partition's records every other is an object; those of the other partition stay.
      expect(collected).toMatchObject({
        objects: Math.floor(start / 2),
        inlineItems: Math.ceil(start / 2),
        indexRows: rows - (await liveRowsOf(storage, topic)).length,
      });
      expect(collected.objectBytes).toBeGreaterThanOrEqual(4_000 * Math.floor(start / 2));
      expect(collected.inlineBytes).toBeGreaterThan(0);
      for (const { end } of await liveRowsOf(storage, topic)) expect(end).toBeGreaterThan(start);
      await world.expectWhole();
      expect(await collect(storage, world, options)).toMatchObject({
        objects: 0,
        inlineItems: 0,
        indexRows: 0,
      });
    }
  });

  test('a blob that several heads name stays until none does', async () => {
    const storage = memoryStorage();
    const world = await written(storage, 0, 5);
    const { topic, log, clock } = world;
    const all = [0, 2, 4].map((partition) => ({ partition, batches: [batch([large])] }));
    expect(await log.append(topic, all)).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    clock.advance(HOUR);
    for (const [partition, objects] of [
      [0, 0],
      [4, 0],
      [2, 1],
    ] as const) {
      await log.deleteRecords(topic, partition, -1);
      expect(await collect(storage, world, options)).toMatchObject({ objects });
    }
  });

  test('what an abandoned roll has taken out of the tail is not garbage', async () => {
    const storage = memoryStorage();
    const world = await written(storage, 3);
    const mortal = intercepted(storage, async (call, proceed) => {
      if (call.operation === 'put' && !isUpload(call)) throw new StorageError('died', 'no');
      return proceed();
    });
    const roller = rollingLog(mortal, world.clock);
    world.clock.advance(1_000);
    await append(roller, world.topic, 1, batch(['rolls']));
    await roller.settled();
    expect(await storage.log.get(headKey(world.topic.id, 0))).toHaveProperty('rolling');
    world.clock.advance(HOUR);
    expect(await collect(storage, world, options)).toMatchObject({ objects: 0, inlineItems: 0 });
    expect(await readAll(startLog(storage), world.topic, 0)).toHaveLength(3);
    expect(await readAll(startLog(storage), world.topic, 1)).toHaveLength(4);
  });
});

test('a topic at rest costs no write', async () => {
  const inner = memoryStorage();
  const world = await written(inner, 20, 4);
  world.clock.advance(HOUR);
  expect(await collect(inner, world)).toMatchObject({ floorsRaised: 2 });
  world.clock.advance(24 * HOUR);
  const writes: Call[] = [];
  const storage = intercepted(inner, async (call, proceed) => {
    if (isWrite(call)) writes.push(call);
    return proceed();
  });
  await collect(storage, world);
  expect(writes).toEqual([]);
});

test('a call takes a bounded number of requests, whatever there is', async () => {
  const inner = memoryStorage();
  const world = await written(inner, 60);
  await leaveOrphans(inner, world);
  await world.log.deleteRecords(world.topic, 0, 50);
  world.clock.advance(HOUR);
  let requests = 0;
  const storage = intercepted(inner, async (_, proceed) => {
    requests++;
    return proceed();
  });
  const { calls } = await collect(storage, world, { limits: SMALL });
  expect(calls).toBeGreaterThan(50);
  expect(requests).toBeLessThan(calls * 2 * 8);
});

/** What others do while a collector is between two of its calls. */
const meanwhile = {
  'appends are made and rolled': async ({ write }) => write(9),
  'the log start moves': async ({ log, topic, write }) => {
    await log.deleteRecords(topic, 0, 9);
    await write(5);
    await log.deleteRecords(topic, 1, -1);
  },
  'another collector makes a whole pass': async (world, storage) => {
    await world.log.deleteRecords(world.topic, 1, 9);
    await collect(storage, world, { graceMs: 0 });
    await world.write(5);
  },
  'a collector whose clock is a day ahead makes a whole pass': async (world, storage) => {
    await collect(storage, { topic: world.topic, clock: testClock(world.clock.now() + 24 * HOUR) });
    await world.write(5);
  },
} satisfies Record<string, (world: Awaited<ReturnType<typeof written>>, storage: Storage) => Promise<void>>;

test.each(Object.entries(meanwhile))(
  'a collector is frozen for an hour between any two calls while %s: nothing that counts is deleted',
  async (_, happens) => {
    for (let frozenAt = 0; ; frozenAt++) {
      const inner = memoryStorage();
      const world = await written(inner, 10);
      await world.log.deleteRecords(world.topic, 0, 5);
      await leaveOrphans(inner, world);
      let calls = 0;
      const storage = intercepted(inner, async (_, proceed) => {
        if (calls++ === frozenAt) {
          await happens(world, inner);
          world.clock.advance(HOUR);
          await world.write(1);
        }
        return proceed();
      });
      await collect(storage, world, { graceMs: 0, limits: TINY });
      await world.expectWhole();
      if (calls <= frozenAt) break;
      // And nothing is left over by it.
      world.clock.advance(48 * HOUR);
      await collect(inner, world);
      const after = await collect(inner, world);
      expect(after).toMatchObject({ objects: 0, inlineItems: 0, indexRows: 0 });
      await world.expectWhole();
    }
  },
);

test('a collector dies at any of its calls, before or after it took effect: the next pass finishes', async () => {
  for (let diesAt = 0, died = true; died; diesAt++) {
    for (const lands of [true, false]) {
      const inner = memoryStorage();
      const world = await written(inner, 8);
      await world.log.deleteRecords(world.topic, 0, 5);
      await leaveOrphans(inner, world);
      world.clock.advance(HOUR);
      let calls = 0;
      died = false;
      const storage = intercepted(inner, async (_, proceed) => {
        if (died || calls++ === diesAt) {
          if (!died && lands) await proceed();
          died = true;
          throw new StorageError('died', 'unknown');
        }
        return proceed();
      });
      const pass = collect(storage, world, { limits: TINY });
      if (diesAt < 3) await expect(pass).rejects.toThrow('died');
      else await pass.catch(() => undefined);
      await world.expectWhole();
      await collect(inner, world);
      await world.expectWhole();
      expect(await stored(inner, world.topic)).toMatchObject({
        objects: { length: 8 - 2 },
        inline: { length: 8 - 3 },
      });
      expect((await liveRowsOf(inner, world.topic))[0]!.end).toBeGreaterThan(5);
    }
  }
});

test('a batch of deletions that is applied in part is repeated', async () => {
  const inner = memoryStorage();
  const world = await written(inner, 20);
  await world.log.deleteRecords(world.topic, 0, 20);
  world.clock.advance(HOUR);
  let failures = 0;
  const storage = intercepted(inner, async (call, proceed) => {
    if (call.store !== 'objects' || call.operation !== 'delete' || failures++ > 0) return proceed();
    await inner.objects.delete((call.args[0] as string[]).slice(0, 3));
    throw new StorageError('slow down', 'unknown');
  });
  expect(await collect(storage, world)).toMatchObject({ objects: 10 });
  expect(failures).toBe(2);
  expect((await stored(inner, world.topic)).objects).toHaveLength(10);
  await world.expectWhole();
});

describe('an appender that is frozen behind its upload while its blob is collected', () => {
  test.each([
    ['small', 'value'],
    ['large', large],
  ])('is refused and uploads again: %s', async (_, value) => {
    const inner = memoryStorage();
    const world = await written(inner, 6);
    const { topic, clock } = world;
    let frozen = true;
    const slow = intercepted(inner, async (call, proceed) => {
      if (isAppend(call) && frozen) {
        frozen = false;
        clock.advance(HOUR);
        expect(await collect(inner, world)).toMatchObject(
          value === large ? { objects: 1 } : { inlineItems: 1 },
        );
      }
      return proceed();
    });
    expect(await append(startLog(slow, clock), topic, 0, batch([value]))).toBe(6);
    expect(await readAll(startLog(inner), topic, 0, { from: 6 })).toEqual([[6, value]]);
  });

  test('is refused for ever, also when copies of its update land late', async () => {
    const inner = memoryStorage();
    const world = await written(inner, 6);
    const late: (() => Promise<unknown>)[] = [];
    const lost = intercepted(inner, async (call, proceed) => {
      if (!isAppend(call)) return proceed();
      late.push(proceed);
      throw new StorageError('timed out', 'unknown');
    });
    await world.log.append(world.topic, []);
    const [result] = await startLog(lost, world.clock).append(world.topic, [
      { partition: 0, batches: [batch(['mine'])] },
    ]);
    expect(result).toMatchObject({ ok: false, error: { kafka: 'REQUEST_TIMED_OUT' } });
    world.clock.advance(HOUR);
    expect(await collect(inner, world)).toMatchObject({ inlineItems: 1 });
    for (const proceed of late) expect(await proceed()).toMatchObject({ applied: false });
    await world.expectWhole();
  });

  test('keeps what it appended if it wakes just before the floor is raised', async () => {
    const inner = memoryStorage();
    const world = await written(inner, 6);
    let wake: (() => void) | undefined;
    const slow = intercepted(inner, async (call, proceed) => {
      if (isAppend(call)) await new Promise<void>((resolve) => (wake = resolve));
      return proceed();
    });
    const appended = append(startLog(slow, world.clock), world.topic, 0, batch(['mine']));
    while (wake === undefined) await systemClock.sleep(0);
    world.clock.advance(HOUR);
    const storage = intercepted(inner, async (call, proceed) => {
      if (call.operation === 'update') {
        wake!();
        expect(await appended).toBe(6);
      }
      return proceed();
    });
    expect(await collect(storage, world)).toMatchObject({ floorsRaised: 1, inlineItems: 0 });
    expect(await readAll(startLog(inner), world.topic, 0, { from: 6 })).toEqual([[6, 'mine']]);
  });

  test('is refused also when a collector that was overtaken wakes and raises its own, lower floor', async () => {
    const inner = memoryStorage();
    const world = await written(inner, 6);
    const { topic, clock } = world;
    await leaveOrphans(inner, world);
    clock.advance(HOUR);
    let overtaken = false;
    const overtake = intercepted(inner, async (call, proceed) => {
      if (call.operation === 'update' && !overtaken) {
        overtaken = true;
        clock.advance(HOUR);
        expect(await collect(inner, world)).toMatchObject({ objects: 2 });
      }
      return proceed();
    });
    let frozen = true;
    const slow = intercepted(inner, async (call, proceed) => {
      if (isAppend(call) && frozen) {
        frozen = false;
        expect(await collect(overtake, world)).toMatchObject({ floorsRaised: 0 });
      }
      return proceed();
    });
    expect(await append(startLog(slow, clock), topic, 0, batch([large]))).toBe(6);
    expect(overtaken).toBe(true);
    expect(await readAll(startLog(inner), topic, 0, { from: 6 })).toEqual([[6, large]]);
  });

  test('leaves an orphan when its upload lands late, which the next pass takes', async () => {
    const inner = memoryStorage();
    const world = await written(inner, 6);
    const late: (() => Promise<unknown>)[] = [];
    const lost = intercepted(inner, async (call, proceed) => {
      if (!isUpload(call)) return proceed();
      late.push(proceed);
      throw new StorageError('timed out', 'unknown');
    });
    for (const value of ['small', large]) {
      await startLog(lost, world.clock).append(world.topic, [{ partition: 0, batches: [batch([value])] }]);
    }
    world.clock.advance(HOUR);
    await collect(inner, world);
    for (const proceed of late) await proceed();
    expect(await collect(inner, world)).toMatchObject({ objects: 1, inlineItems: 1 });
    await world.expectWhole();
  });
});

test('appenders whose clocks are minutes behind a floor append all the same, and keep what they appended', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 6);
  await collect(storage, { topic: world.topic, clock: testClock(world.clock.now() + 10 * MINUTE) });
  await world.write(20);
  for (const ahead of [0, 5, 10, 15]) {
    await collect(storage, { topic: world.topic, clock: testClock(world.clock.now() + ahead * MINUTE) });
    await world.expectWhole();
    await world.write(3);
  }
  await world.expectWhole();
});

test('partitions that are added while a pass is under way are heeded, however slow the clock of their appender', async () => {
  for (let at = 0; ; at++) {
    const inner = memoryStorage();
    const world = await written(inner, 4);
    const { topic, clock } = world;
    await leaveOrphans(inner, world);
    clock.advance(HOUR);
    const grown = { ...topic, partitions: 4 };
    const behind = startLog(inner, testClock(clock.now() - 30 * MINUTE));
    let calls = 0;
    const storage = intercepted(inner, async (_, proceed) => {
      if (calls++ === at) {
        await behind.createHeads(grown, 2, 4);
        const results = await behind.append(grown, [
          { partition: 1, batches: [batch([large])] },
          { partition: 3, batches: [batch([large])] },
        ]);
        expect(results).toMatchObject([{ ok: true }, { ok: true }]);
      }
      return proceed();
    });
    await collect(storage, world, { limits: SMALL });
    if (calls <= at) break;
    expect(await readAll(startLog(inner), grown, 3)).toEqual([[0, large]]);
    expect(await readAll(startLog(inner), grown, 1, { from: 4 })).toEqual([[4, large]]);
  }
});

test('an append to a new head that is frozen behind its upload is not betrayed', async () => {
  const inner = memoryStorage();
  const world = await written(inner, 4);
  const { topic, clock } = world;
  clock.advance(HOUR);
  const grown = { ...topic, partitions: 4 };
  let frozen = true;
  const slow = intercepted(inner, async (call, proceed) => {
    if (isAppend(call) && frozen) {
      frozen = false;
      await collect(inner, world);
    }
    return proceed();
  });
  const behind = startLog(slow, testClock(clock.now() - 30 * MINUTE));
  await behind.createHeads(grown, 2, 4);
  const [result] = await behind.append(grown, [{ partition: 3, batches: [batch([large])] }]);
  expect(result).toMatchObject({ ok: true });
  expect(await readAll(startLog(inner), grown, 3)).toEqual([[0, large]]);
});

describe('a reader that has read the head before the log start moved and everything below it went', () => {
  function overtaken(inner: Storage, world: Awaited<ReturnType<typeof written>>, before: Intercept) {
    return startLog(intercepted(inner, before), testClock(world.clock.now()));
  }

  /** Runs once: when the reader makes the call. */
  function atCall(inner: Storage, world: Awaited<ReturnType<typeof written>>, nth: number): Intercept {
    let calls = 0;
    return async (_, proceed) => {
      if (calls++ === nth) {
        await world.log.deleteRecords(world.topic, 0, 14);
        world.clock.advance(HOUR);
        const collected = await collect(inner, world);
        expect(collected.indexRows).toBeGreaterThan(2);
        expect(collected.objects).toBe(7);
      }
      return proceed();
    };
  }

  test('is told that its offset is out of range, or given what it asked for, but no gap and no error', async () => {
    for (let nth = 1; nth < 6; nth++) {
      const inner = memoryStorage();
      const world = await written(inner, 20);
      const reader = overtaken(inner, world, atCall(inner, world, nth));
      const request = { partition: 0, offset: 1, maxBytes: 30_000, minBytes: 0, maxWaitMs: 0 };
      const outcome = await reader.fetch(world.topic, request).then(
        ({ bytes }) => bytes.length > 20_000,
        (error) => error.kafka,
      );
      expect([true, 'OFFSET_OUT_OF_RANGE']).toContain(outcome);
      if (nth === 1) expect(outcome).toBe('OFFSET_OUT_OF_RANGE');
    }
  });

  test('finds offsets by time among those that are left, or that were there when it asked', async () => {
    for (let nth = 1; nth < 12; nth++) {
      const inner = memoryStorage();
      const world = await written(inner, 20);
      const reader = overtaken(inner, world, atCall(inner, world, nth));
      const { offset } = await reader.listOffsets(world.topic, 0, { timestamp: 500 });
      expect([0, 14]).toContain(offset);
      expect([0, 14]).toContain((await reader.listOffsets(world.topic, 0, 'max-timestamp')).offset);
    }
  });
});

test('a roller that puts a row back below the log start harms nobody, and a later pass takes it', async () => {
  const inner = memoryStorage();
  let late: (() => Promise<unknown>) | undefined;
  const world = await written(inner, 0);
  const slow = intercepted(inner, async (call, proceed) => {
    const isRow =
      call.operation === 'put' && (call.args[0] as { pk: string }).pk === `index/${world.topic.id}/0`;
    if (isRow && late === undefined) {
      late = proceed;
      throw new StorageError('frozen', 'no');
    }
    return proceed();
  });
  const frozen = rollingLog(slow, world.clock);
  for (let i = 0; i < 20; i++) {
    for (const p of [0, 1]) await append(frozen, world.topic, p, batch([valueAt(p, i)]));
    world.clock.advance(1_000);
    await frozen.settled();
  }
  await world.log.deleteRecords(world.topic, 0, 10);
  world.clock.advance(HOUR);
  const first = await collect(inner, world);
  expect(first.indexRows).toBeGreaterThan(1);
  const again = late!;
  expect(await again()).toMatchObject({ applied: false });
  // Marks stay for a day.
  world.clock.advance(25 * HOUR);
  await collect(inner, world);
  expect(await again()).toMatchObject({ applied: true });

  const reader = startLog(inner, world.clock);
  expect((await readAll(reader, world.topic, 0, { from: 10 }))[0]![0]).toBe(10);
  expect(await reader.listOffsets(world.topic, 0, { timestamp: 0 })).toEqual({
    offset: 10,
    timestamp: 1_000,
  });
  await expect(readAll(reader, world.topic, 0, { from: 0 })).rejects.toMatchObject({
    kafka: 'OFFSET_OUT_OF_RANGE',
  });
  expect(await collect(inner, world)).toMatchObject({ objects: 0, inlineItems: 0, indexRows: 1 });
});

test('a row below the log start that has come to reach over it is not deleted', async () => {
  const inner = memoryStorage();
  const world = await written(inner, 20);
  await world.log.deleteRecords(world.topic, 0, 10);
  world.clock.advance(HOUR);
  const [first, ...others] = await rowsOf(inner, world.topic);
  const slices = [first!, ...others].map((row) => row.slices as Uint8Array);
  const merged = { ...first!, version: 1, end: others.at(-1)!.end!, slices: Buffer.concat(slices) };
  const storage = intercepted(inner, async (call, proceed) => {
    if (call.operation === 'put' && (call.args[0] as { sk: string }).sk === merged.sk) {
      await inner.log.put(merged);
      for (const row of others) await inner.log.delete(row);
    }
    return proceed();
  });
  await collect(storage, world);
  await world.expectWhole();
});

test('when the index has a hole at or above the log start, nothing is deleted', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 20);
  await world.log.deleteRecords(world.topic, 0, 1);
  await leaveOrphans(storage, world);
  world.clock.advance(HOUR);
  const rows = await rowsOf(storage, world.topic);
  await storage.log.delete(rows[2]!);
  const before = await stored(storage, world.topic);
  for (const limits of [undefined, SMALL]) {
    const pass = collect(storage, world, limits && { limits });
    await expect(pass).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
  }
  expect(await stored(storage, world.topic)).toEqual(before);
});

test('a topic that is deleted ends the pass, and its heads do not come back', async () => {
  for (let at = 0; ; at++) {
    const inner = memoryStorage();
    const world = await written(inner, 4, 4);
    await leaveOrphans(inner, world);
    world.clock.advance(HOUR);
    let calls = 0;
    const storage = intercepted(inner, async (_, proceed) => {
      if (calls++ === at) await world.log.deleteHeads(world.topic);
      return proceed();
    });
    const outcome = await collect(storage, world, { limits: TINY }).catch((error) => error);
    if (calls <= at) break;
    if (at === 0) expect(outcome).toMatchObject({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
    for (const partition of [0, 2]) {
      await expect(startLog(inner).bounds(world.topic, partition)).rejects.toMatchObject({
        kafka: 'UNKNOWN_TOPIC_OR_PARTITION',
      });
    }
  }
});

test('objects that are no blobs, and other topics, are left alone', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 2);
  const other = await written(storage, 2);
  const foreign = ['0', 'ABC', 'notes.txt'].map((name) => `${world.topic.id}/blobs/${name}`);
  for (const key of foreign) await storage.objects.put(key, [new Uint8Array(3)]);
  await leaveOrphans(storage, other);
  world.clock.advance(HOUR);
  for (const limits of [undefined, SMALL]) {
    expect(await collect(storage, world, limits && { limits })).toMatchObject({ objects: 0, inlineItems: 0 });
  }
  expect((await stored(storage, world.topic)).objects).toEqual(expect.arrayContaining(foreign));
  await other.expectWhole();
});

test('a cursor may be used again, and a day late', async () => {
  const storage = memoryStorage();
  const world = await written(storage, 20);
  await leaveOrphans(storage, world);
  await world.log.deleteRecords(world.topic, 1, 11);
  world.clock.advance(HOUR);
  const context = { objects: storage.objects, items: storage.log, clock: world.clock, limits: SMALL };
  const cursors = [];
  for (let options: Parameters<typeof collectGarbage>[2] = { graceMs: MINUTE }; ; ) {
    const { cursor } = await collectGarbage(context, world.topic, options);
    if (cursor === undefined) break;
    cursors.push(cursor);
    options = { graceMs: MINUTE, cursor };
  }
  await world.write(10);
  await world.log.deleteRecords(world.topic, 0, 13);
  world.clock.advance(24 * HOUR);
  await collect(storage, world);
  await world.write(10);
  for (const cursor of cursors.reverse()) {
    await collectGarbage({ ...context, limits: { ...SMALL, stepsPerCall: 500 } }, world.topic, {
      graceMs: 0,
      cursor,
    });
  }
  await world.expectWhole();
});
