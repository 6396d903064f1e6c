import { systemClock } from '../../lib/clock.ts';
import type { Log, LogTopic } from '../../lib/log/log.ts';
import { readHeader } from '../../lib/record/header.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { intercepted } from '../support/faults.ts';
import { append, batch, newTopic, readAll, startLog, testClock, valuesOf } from '../support/log.ts';

function fetch(log: Log, topic: LogTopic, offset: number, options: object = {}) {
  return log.fetch(topic, { partition: 0, offset, maxBytes: 1 << 20, minBytes: 1, maxWaitMs: 0, ...options });
}

test('a fetch answers whole batches, beginning with the one that holds the offset', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a', 'b', 'c']));
  await append(log, topic, 0, batch(['d']));
  const result = await fetch(log, topic, 2);
  expect(result).toMatchObject({ nextOffset: 4, highWatermark: 4, logStartOffset: 0 });
  expect(valuesOf(result.bytes).map(([offset]) => offset)).toEqual([0, 1, 2, 3]);
});

test('maxBytes bounds the answer, but never to less than one batch', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  for (let i = 0; i < 10; i++) await append(log, topic, 0, batch(['x'.repeat(1_000)]));
  const one = await fetch(log, topic, 0, { maxBytes: 1 });
  expect(one.nextOffset).toBe(1);
  const three = await fetch(log, topic, 0, { maxBytes: 3 * one.bytes.length });
  expect(three.nextOffset).toBe(3);
  expect(three.bytes.length).toBe(3 * one.bytes.length);
});

test('many batches of one blob are cut to maxBytes too', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await Promise.all(Array.from({ length: 50 }, () => append(log, topic, 0, batch(['x'.repeat(1_000)]))));
  const one = await fetch(log, topic, 30, { maxBytes: 1 });
  expect(one.nextOffset).toBe(31);
  expect(readHeader(one.bytes).baseOffset).toBe(30);
  expect((await readAll(log, topic, 0, { maxBytes: 5_000 })).map(([offset]) => offset)).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  );
});

test('an offset beyond the high watermark or below 0 is out of range; the high watermark itself is the end', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a']));
  expect(await fetch(log, topic, 1)).toMatchObject({ nextOffset: 1, highWatermark: 1 });
  for (const offset of [2, -1, 10 ** 15]) {
    await expect(fetch(log, topic, offset)).rejects.toMatchObject({
      kafka: 'OFFSET_OUT_OF_RANGE',
      field: 'offset',
    });
  }
});

test('offsets below the log start are out of range, never skipped', async () => {
  const storage = memoryStorage();
  const log = startLog(storage);
  const topic = await newTopic(log);
  for (let i = 0; i < 5; i++) await append(log, topic, 0, batch([`v${i}`]));
  await storage.log.update({ pk: `head/${topic.id}/0`, sk: 'head' }, [{ set: ['start', '0'], to: 3 }]);
  await expect(fetch(log, topic, 2)).rejects.toMatchObject({ kafka: 'OFFSET_OUT_OF_RANGE' });
  expect(await fetch(log, topic, 3)).toMatchObject({ logStartOffset: 3, nextOffset: 5 });
  expect(await log.listOffsets(topic, 0, 'earliest')).toEqual({ offset: 3, timestamp: -1 });
});

test('a fetch at the end waits, and an append of its own process wakes it', async () => {
  // On this clock nothing ends a wait but a signal.
  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (ms === 0) setImmediate(resolve);
      else signal?.addEventListener('abort', () => resolve());
    });
  const log = startLog(memoryStorage(), { ...systemClock, sleep });
  const topic = await newTopic(log);
  const waiting = fetch(log, topic, 0, { maxWaitMs: 20_000 });
  await systemClock.sleep(20);
  await append(log, topic, 0, batch(['a']));
  expect(valuesOf((await waiting).bytes)).toEqual([[0, 'a']]);
});

test('a waiting fetch sees the append of another process', async () => {
  const storage = memoryStorage();
  const [here, there] = [startLog(storage), startLog(storage)];
  const topic = await newTopic(here);
  const waiting = fetch(here, topic, 0, { maxWaitMs: 20_000 });
  await append(there, topic, 0, batch(['a']));
  expect(valuesOf((await waiting).bytes)).toEqual([[0, 'a']]);
});

test('a fetch waits for minBytes, and answers what there is when its time is up', async () => {
  const clock = testClock();
  const log = startLog(memoryStorage(), clock);
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a']));
  const before = clock.now();
  const result = await fetch(log, topic, 0, { minBytes: 10_000, maxWaitMs: 3_000 });
  expect(valuesOf(result.bytes)).toEqual([[0, 'a']]);
  expect(clock.now() - before).toBe(3_000);
});

test('a caller that has gone ends the wait', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const gone = new AbortController();
  const waiting = fetch(log, topic, 0, { maxWaitMs: 25_000, signal: gone.signal });
  await systemClock.sleep(20);
  gone.abort();
  expect(await waiting).toMatchObject({ nextOffset: 0, highWatermark: 0 });
});

test('bytes that are missing in storage are an error to retry, never a gap', async () => {
  const inner = memoryStorage();
  const storage = intercepted(inner, async (call, proceed) =>
    call.store === 'objects' && call.operation === 'get' ? undefined : proceed(),
  );
  const log = startLog(storage);
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['x'.repeat(5_000)]));
  await expect(fetch(log, topic, 0)).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR', retriable: true });
});

test('a row that is missing in the index is an error to retry, wherever the fetch begins, never a gap', async () => {
  const storage = memoryStorage();
  const clock = testClock();
  const log = startLog(storage, clock);
  const topic = await newTopic(log);
  for (let i = 0; i < 100; i++) {
    await append(log, topic, 0, batch([`v${i}`]));
    clock.advance(100);
    await log.settled();
  }
  const { items } = await storage.log.query({ pk: `index/${topic.id}/0`, limit: 10 });
  await storage.log.delete(items[2]!);
  for (const offset of [0, Number(items[1]!.sk), Number(items[2]!.sk), Number(items[2]!.sk) + 1]) {
    await expect(readAll(log, topic, 0, { from: offset })).rejects.toMatchObject({
      kafka: 'KAFKA_STORAGE_ERROR',
    });
  }
  expect(await readAll(log, topic, 0, { from: Number(items[3]!.sk) })).toHaveLength(
    100 - Number(items[3]!.sk),
  );
});

test('bytes before the offset do not count towards minBytes', async () => {
  const clock = testClock();
  const log = startLog(memoryStorage(), clock);
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(Array.from({ length: 100 }, () => 'x'.repeat(100))));
  const before = clock.now();
  await fetch(log, topic, 99, { minBytes: 5_000, maxWaitMs: 3_000 });
  expect(clock.now() - before).toBe(3_000);
});

describe('offsets by timestamp', () => {
  async function filled(timestamps: number[]) {
    const storage = memoryStorage();
    const clock = testClock();
    const log = startLog(storage, clock);
    const topic = await newTopic(log);
    for (const timestamp of timestamps) {
      await append(log, topic, 0, batch(['x'], { timestamp }));
      clock.advance(100);
      await log.settled();
    }
    return { log, topic };
  }

  test('give the first record at or after the time, in the index and in the tail', async () => {
    const { log, topic } = await filled(Array.from({ length: 150 }, (_, i) => 1_000 + 10 * i));
    for (const [timestamp, offset] of [
      [0, 0],
      [1_000, 0],
      [1_001, 1],
      [1_495, 50],
      [1_500, 50],
      [2_490, 149],
    ] as const) {
      const found = await log.listOffsets(topic, 0, { timestamp });
      expect(found).toEqual({ offset, timestamp: 1_000 + 10 * offset });
    }
    expect(await log.listOffsets(topic, 0, { timestamp: 2_491 })).toEqual({ offset: -1, timestamp: -1 });
    expect(await log.listOffsets(topic, 0, 'max-timestamp')).toEqual({ offset: 149, timestamp: 2_490 });
    expect(await log.listOffsets(topic, 0, 'latest')).toEqual({ offset: 150, timestamp: -1 });
  });

  test('agree with a scan, whatever the order of the timestamps', async () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed;
    };
    const timestamps = Array.from({ length: 120 }, () => random() % 500);
    const { log, topic } = await filled(timestamps);
    for (let timestamp = 0; timestamp <= 500; timestamp += 7) {
      const offset = timestamps.findIndex((at) => at >= timestamp);
      const expected = offset < 0 ? { offset, timestamp: -1 } : { offset, timestamp: timestamps[offset] };
      expect(await log.listOffsets(topic, 0, { timestamp })).toEqual(expected);
    }
  });

  test('pass over records from before 1970', async () => {
    const { log, topic } = await filled([
      -(2 ** 52),
      -5,
      7,
      -1,
      ...Array.from({ length: 40 }, () => -(2 ** 40)),
      9,
    ]);
    expect(await log.listOffsets(topic, 0, { timestamp: 0 })).toEqual({ offset: 2, timestamp: 7 });
    expect(await log.listOffsets(topic, 0, { timestamp: 8 })).toEqual({ offset: 44, timestamp: 9 });
    expect(await log.listOffsets(topic, 0, 'max-timestamp')).toEqual({ offset: 44, timestamp: 9 });
  });

  test('of an empty partition: none', async () => {
    const { log, topic } = await filled([]);
    expect(await log.listOffsets(topic, 0, { timestamp: 0 })).toEqual({ offset: -1, timestamp: -1 });
    expect(await log.listOffsets(topic, 0, 'max-timestamp')).toEqual({ offset: -1, timestamp: -1 });
  });
});
