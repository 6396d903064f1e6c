import { systemClock } from '../../lib/clock.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { newLogStart } from '../../lib/log/deleteRecords.ts';
import { decodeHead, type Head, newHead } from '../../lib/log/head.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import type { Log, LogTopic } from '../../lib/log/log.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { append, batch, newTopic, readAll, startLog, testClock } from '../support/log.ts';

const outOfRange = { kafka: 'OFFSET_OUT_OF_RANGE' };
const isDeletion = ({ operation, args }: Call): boolean =>
  operation === 'update' && JSON.stringify(args[1]).includes('"start"');

/** `count` records, one a batch, of which the index has some and the tail some. */
async function filled(storage: Storage, count: number, timestampOf = (i: number) => 1_000 + i) {
  const clock = testClock();
  const log = startLog(storage, clock);
  const topic = await newTopic(log, 2);
  for (let i = 0; i < count; i++) {
    await append(log, topic, 0, batch([`v${i}`], { timestamp: timestampOf(i) }));
    clock.advance(100);
    await log.settled();
  }
  return { log, topic, clock };
}

async function removeRows(storage: Storage, topic: LogTopic, from: number, below: number): Promise<void> {
  const { items } = await storage.log.query({ pk: `index/${topic.id}/0`, limit: 1_000 });
  const gone = items.filter(({ sk, end }) => Number(sk) >= from && (end as number) <= below);
  for (const row of gone) await storage.log.delete(row);
}

test('records before the offset are out of range, those from it on stay', async () => {
  const storage = memoryStorage();
  const { log, topic } = await filled(storage, 60);
  for (const before of [1, 7, 16, 40, 58]) {
    expect(await log.deleteRecords(topic, 0, before)).toEqual({ logStartOffset: before });
    const other = startLog(storage);
    await expect(readAll(other, topic, 0, { from: before - 1 })).rejects.toMatchObject(outOfRange);
    expect((await readAll(other, topic, 0, { from: before }))[0]).toEqual([before, `v${before}`]);
    expect(await other.bounds(topic, 0)).toEqual({ logStartOffset: before, highWatermark: 60 });
    expect(await other.listOffsets(topic, 0, 'earliest')).toEqual({ offset: before, timestamp: -1 });
    expect(await other.listOffsets(topic, 0, { timestamp: 0 })).toEqual({
      offset: before,
      timestamp: 1_000 + before,
    });
  }
  expect(await log.bounds(topic, 1)).toEqual({ logStartOffset: 0, highWatermark: 0 });
});

test('-1 deletes all that is there; appends go on behind it', async () => {
  const { log, topic } = await filled(memoryStorage(), 20);
  expect(await log.deleteRecords(topic, 0, -1)).toEqual({ logStartOffset: 20 });
  expect(await readAll(log, topic, 0, { from: 20 })).toEqual([]);
  expect(await log.listOffsets(topic, 0, { timestamp: 0 })).toEqual({ offset: -1, timestamp: -1 });
  expect(await log.listOffsets(topic, 0, 'max-timestamp')).toEqual({ offset: -1, timestamp: -1 });
  const [result] = await log.append(topic, [{ partition: 0, batches: [batch(['next'])] }]);
  expect(result).toMatchObject({ ok: true, offsets: [20], logStartOffset: 20 });
  expect(await readAll(log, topic, 0, { from: 20 })).toEqual([[20, 'next']]);
});

test('an offset that is none, or beyond the high watermark, is out of range and changes nothing', async () => {
  const { log, topic } = await filled(memoryStorage(), 3);
  for (const offset of [4, -2, 1.5, Number.NaN]) {
    await expect(log.deleteRecords(topic, 0, offset)).rejects.toMatchObject({
      ...outOfRange,
      field: 'before_offset',
    });
  }
  await expect(log.deleteRecords(topic, 2, 0)).rejects.toMatchObject({
    kafka: 'UNKNOWN_TOPIC_OR_PARTITION',
  });
  expect(await log.bounds(topic, 0)).toEqual({ logStartOffset: 0, highWatermark: 3 });
});

test('an offset at or below the log start changes nothing and is told where it is', async () => {
  const { log, topic } = await filled(memoryStorage(), 10);
  await log.deleteRecords(topic, 0, 6);
  for (const offset of [0, 5, 6]) {
    expect(await log.deleteRecords(topic, 0, offset)).toEqual({ logStartOffset: 6 });
  }
});

test('a deletion that is overtaken, late or doubled does not move the log start back', async () => {
  const inner = memoryStorage();
  const { log, topic } = await filled(inner, 10);
  const late: (() => Promise<unknown>)[] = [];
  const slow = startLog(
    intercepted(inner, async (call, proceed) => {
      if (!isDeletion(call)) return proceed();
      late.push(proceed);
      await log.deleteRecords(topic, 0, 8);
      return proceed();
    }),
  );
  expect(await slow.deleteRecords(topic, 0, 5)).toEqual({ logStartOffset: 8 });
  for (const proceed of late) expect(await proceed()).toMatchObject({ applied: false });
  expect(await log.bounds(topic, 0)).toMatchObject({ logStartOffset: 8 });
});

test('a deletion whose answer is lost is repeated', async () => {
  const inner = memoryStorage();
  const { topic } = await filled(inner, 10);
  let lost = 0;
  const unlucky = intercepted(inner, async (call, proceed) => {
    const result = await proceed();
    if (isDeletion(call) && lost++ < 2) throw new StorageError('response lost', 'unknown');
    return result;
  });
  expect(await startLog(unlucky, testClock()).deleteRecords(topic, 0, 5)).toEqual({ logStartOffset: 5 });
  expect(lost).toBe(3);
});

test('a deletion that comes after the topic was deleted does not bring its head back', async () => {
  const inner = memoryStorage();
  const { log, topic } = await filled(inner, 10);
  const slow = intercepted(inner, async (call, proceed) => {
    if (isDeletion(call)) await log.deleteHeads(topic);
    return proceed();
  });
  await expect(startLog(slow).deleteRecords(topic, 0, 5)).rejects.toMatchObject({
    kafka: 'UNKNOWN_TOPIC_OR_PARTITION',
  });
  await expect(log.bounds(topic, 0)).rejects.toMatchObject({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
});

test('the greatest timestamp is that of the records that are left', async () => {
  // Offset 4 has the greatest, then 5 in the same row, then 30, then 58 in the tail.
  const times = new Map([
    [4, 9_000],
    [5, 8_000],
    [30, 7_000],
    [58, 6_000],
  ]);
  const { log, topic } = await filled(memoryStorage(), 60, (i) => times.get(i) ?? 1_000);
  for (const offset of [4, 5, 30, 58]) {
    await log.deleteRecords(topic, 0, offset);
    const found = { offset, timestamp: times.get(offset) };
    expect(await log.listOffsets(topic, 0, 'max-timestamp')).toEqual(found);
  }
});

test('the greatest timestamp does not come from a deleted record of a batch that is still there', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const both = [batch(['a'], { timestamp: 9_000 }), batch(['b'], { timestamp: 2_000 })];
  await append(log, topic, 0, ...both);
  await append(log, topic, 0, batch(['c'], { timestamp: 1_000 }));
  await log.deleteRecords(topic, 0, 1);
  expect(await log.listOffsets(topic, 0, 'max-timestamp')).toEqual({ offset: 1, timestamp: 2_000 });
});

describe('when the log start passes a reader that has read the head, and rows and bytes are gone,', () => {
  /** Everything below `start` goes as soon as the reader has its head, but perhaps the first row. */
  function overtaken(inner: Storage, log: Log, topic: LogTopic, start: number, from = 0): Log {
    let told = false;
    const storage = intercepted(inner, async (call, proceed) => {
      const result = await proceed();
      if (!told && call.operation === 'get' && (call.args[0] as { pk: string }).pk.startsWith('head/')) {
        told = true;
        await log.deleteRecords(topic, 0, start);
        await removeRows(inner, topic, from, start);
      }
      return result;
    });
    return startLog(storage, testClock());
  }

  test.each([17, 40, 60])(
    'up to %i: a fetch below is told that its offset is out of range',
    async (start) => {
      const inner = memoryStorage();
      const { log, topic } = await filled(inner, 60);
      const slow = overtaken(inner, log, topic, start);
      await expect(readAll(slow, topic)).rejects.toMatchObject(outOfRange);
    },
  );

  test('a lookup by time does not take the row before a gap for the one that holds an offset', async () => {
    const inner = memoryStorage();
    const { log, topic } = await filled(inner, 60);
    const slow = overtaken(inner, log, topic, 40, 16);
    expect(await slow.listOffsets(topic, 0, { timestamp: 1_020 })).toEqual({ offset: 40, timestamp: 1_040 });
  });

  test('a lookup by time answers what is left', async () => {
    for (const spec of [{ timestamp: 0 }, { timestamp: 1_010 }, { timestamp: 1_050 }] as const) {
      const inner = memoryStorage();
      const { log, topic } = await filled(inner, 60);
      const slow = overtaken(inner, log, topic, 40);
      const offset = Math.max(40, spec.timestamp - 1_000);
      expect(await slow.listOffsets(topic, 0, spec)).toEqual({ offset, timestamp: 1_000 + offset });
    }
  });
});

describe('of what was appended, rolled, deleted and removed from the index', () => {
  const isAppend = ({ operation, args }: Call) =>
    operation === 'update' && JSON.stringify(args[1]).includes('"append"');

  /** One whose answer was lost, and comes again when `goes` rows are gone; its own is the second. */
  async function appendsAgain(goes: (row: number) => boolean): Promise<{ answer: Promise<number> }> {
    const inner = memoryStorage();
    const { log, topic, clock } = await filled(inner, 20);
    let meanwhile = false;
    const unlucky = intercepted(inner, async (call, proceed) => {
      const result = await proceed();
      if (!isAppend(call) || meanwhile) return result;
      meanwhile = true;
      // Rolls so few entries at a time that this one's row is the second.
      const rolling = createLog({
        storage: inner,
        clock,
        limits: { ...LIMITS, entriesPerRoll: 4, maxEntriesPerRoll: 4 },
      });
      for (let i = 0; i < 60; i++) {
        await append(rolling, topic, 0, batch([`later ${i}`]));
        clock.advance(100);
        await rolling.settled();
      }
      await log.deleteRecords(topic, 0, -1);
      const before = Number((await inner.log.query({ pk: `index/${topic.id}/0`, limit: 1 })).items[0]!.end);
      const rows = await inner.log.query({
        pk: `index/${topic.id}/0`,
        from: String(before).padStart(16, '0'),
        limit: 100,
      });
      for (const [i, row] of rows.items.entries()) if (goes(i)) await inner.log.delete(row);
      throw new StorageError('response lost', 'unknown');
    });
    const answer = append(startLog(unlucky, clock), topic, 0, batch(['mine']));
    await answer.catch(() => undefined);
    expect(await log.bounds(topic, 0)).toEqual({ logStartOffset: 81, highWatermark: 81 });
    return { answer };
  }

  test.each([
    ['all rows', () => true],
    ['every row but the first', (i: number) => i > 0],
    ['its own row', (i: number) => i === 1],
  ])('an appender whose answer was lost is told that it cannot be told: %s', async (_, goes) => {
    const { answer } = await appendsAgain(goes);
    await expect(answer).rejects.toMatchObject({ kafka: 'REQUEST_TIMED_OUT' });
  });

  test('an appender whose answer was lost looks no further back than it may have landed', async () => {
    const { answer } = await appendsAgain((row) => row === 0);
    await expect(answer).resolves.toBe(20);
  });

  test.each([
    ['all rows', () => true],
    ['all rows but the first, and the reader has not seen the log start', (i: number) => i > 0],
  ])('a producer that repeats its batch is told that it is a duplicate: %s', async (_, goes) => {
    const inner = memoryStorage();
    const { log, topic, clock } = await filled(inner, 40);
    const mine = batch(['mine'], { producer: { id: 7n, epoch: 0, sequence: 0 } });
    const next = batch(['next'], { producer: { id: 7n, epoch: 0, sequence: 1 } });
    await append(log, topic, 0, mine);
    await append(log, topic, 0, next);
    for (let i = 0; i < 60; i++) {
      await append(log, topic, 0, batch([`later ${i}`]));
      clock.advance(100);
      await log.settled();
    }
    const late = startLog(
      intercepted(inner, async (call, proceed) => {
        if (call.operation !== 'query') return proceed();
        await log.deleteRecords(topic, 0, -1);
        const rows = await inner.log.query({ pk: `index/${topic.id}/0`, limit: 100 });
        for (const [i, row] of rows.items.entries()) if (goes(i)) await inner.log.delete(row);
        return proceed();
      }),
      clock,
    );
    await expect(append(late, topic, 0, mine)).rejects.toMatchObject({ kafka: 'DUPLICATE_SEQUENCE_NUMBER' });
    expect(await log.bounds(topic, 0)).toMatchObject({ highWatermark: 102 });
  });
});

test('the new log start is a function of the head alone', () => {
  const topic = { id: 't', name: 't', partitions: 1, partitionsPerHead: 1 };
  const head: Head = {
    ...decodeHead(newHead(topic, 0), topic, 0),
    base: [{ offset: 10, maxTimestamp: 0 }],
  };
  const given = [-2, -1, 0, 10, 11].map((offset) => newLogStart(head, 0, offset));
  expect(given).toEqual([undefined, 10, 0, 10, undefined]);
});

test('two processes that delete at once agree on the higher offset', async () => {
  const storage = memoryStorage();
  const { log, topic } = await filled(storage, 30);
  const answers = await Promise.all(
    [12, 25, 3, 18].map((offset) => startLog(storage, systemClock).deleteRecords(topic, 0, offset)),
  );
  expect(Math.max(...answers.map(({ logStartOffset }) => logStartOffset))).toBe(25);
  expect(await log.bounds(topic, 0)).toMatchObject({ logStartOffset: 25 });
});
