import { systemClock } from '../../lib/clock.ts';
import { DUE_PK } from '../../lib/log/due.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Key, StorageError } from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { append, batch, newTopic, offsetOf, readAll, startLog, testClock } from '../support/log.ts';

const isAppend = ({ store, operation, args }: Call): boolean =>
  store === 'log' && operation === 'update' && (args[1] as object[]).some((action) => 'append' in action);

test('records get the next offsets, and are read back from any of them', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  expect(await append(log, topic, 0, batch(['a', 'b']))).toBe(0);
  expect(await append(log, topic, 0, batch(['c']), batch(['d', 'e']))).toBe(2);
  expect(await readAll(log, topic)).toEqual([
    [0, 'a'],
    [1, 'b'],
    [2, 'c'],
    [3, 'd'],
    [4, 'e'],
  ]);
  expect(await readAll(log, topic, 0, { from: 3 })).toEqual([
    [3, 'd'],
    [4, 'e'],
  ]);
});

test('several processes append at once to several partitions: contiguous offsets, each record once, where it was acknowledged', async () => {
  const storage = memoryStorage();
  const processes = [1, 2, 3, 4].map(() => startLog(storage));
  const topic = await newTopic(processes[0]!, 20, 8);
  const acknowledged = new Map<string, string>();
  await Promise.all(
    processes.map(async (log, p) => {
      for (let round = 0; round < 30; round++) {
        const units = Array.from({ length: 20 }, (_, partition) => {
          const values = Array.from({ length: 1 + (round % 3) }, (_, i) => `${p}-${round}-${partition}-${i}`);
          return { partition, values };
        });
        const results = await log.append(
          topic,
          units.map(({ partition, values }) => ({ partition, batches: [batch(values)] })),
        );
        results.forEach((result, i) => {
          const base = offsetOf(result);
          units[i]!.values.forEach((value, n) => void acknowledged.set(`${i}/${base + n}`, value));
        });
      }
    }),
  );
  await Promise.all(processes.map((log) => log.settled()));
  const stranger = startLog(storage);
  let total = 0;
  for (let partition = 0; partition < 20; partition++) {
    const records = await readAll(stranger, topic, partition);
    expect(records.map(([offset]) => offset)).toEqual(records.map((_, i) => i));
    for (const [offset, value] of records) expect(acknowledged.get(`${partition}/${offset}`)).toBe(value);
    total += records.length;
  }
  expect(total).toBe(acknowledged.size);
});

test('appends that come while an upload is under way share one blob and one update', async () => {
  const counts = { puts: 0, updates: 0 };
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    if (call.store === 'objects' && call.operation === 'put') counts.puts++;
    if (isAppend(call)) counts.updates++;
    return proceed();
  });
  const log = startLog(storage);
  const topic = await newTopic(log);
  const large = 'x'.repeat(3_000);
  const offsets = await Promise.all(Array.from({ length: 64 }, () => append(log, topic, 0, batch([large]))));
  expect([...offsets].sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i));
  expect(counts).toEqual({ puts: 1, updates: 1 });
});

test('a small append is put into an item, a large one into an object', async () => {
  const puts: string[] = [];
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    if (call.operation === 'put' && (call.args[0] as Key).pk !== DUE_PK) puts.push(call.store);
    return proceed();
  });
  const log = startLog(storage);
  const topic = await newTopic(log);
  puts.length = 0;
  await append(log, topic, 0, batch(['small']));
  await append(log, topic, 0, batch(['x'.repeat(10_000)]));
  expect(puts).toEqual(['log', 'objects']);
  expect((await readAll(log, topic)).map(([, value]) => value.length)).toEqual([5, 10_000]);
});

test('a response lost after the append landed, then sent again, appends once', async () => {
  let lost = 0;
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    const result = await proceed();
    if (isAppend(call) && lost++ % 2 === 0) throw new StorageError('response lost', 'unknown');
    return result;
  });
  const log = startLog(storage);
  const topic = await newTopic(log);
  for (let i = 0; i < 10; i++) expect(await append(log, topic, 0, batch([`v${i}`]))).toBe(i);
  expect(await readAll(log, topic)).toEqual(Array.from({ length: 10 }, (_, i) => [i, `v${i}`]));
});

test('a copy of an append that lands after its twin was rolled out of the tail is refused', async () => {
  const inner = memoryStorage();
  let copy: (() => Promise<unknown>) | undefined;
  const storage = intercepted(inner, async (call, proceed) => {
    if (isAppend(call)) copy ??= proceed;
    return proceed();
  });
  const log = startLog(storage);
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['first']));
  for (let i = 0; i < 60; i++) {
    await append(log, topic, 0, batch([`later ${i}`]));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await log.settled();
  expect(await copy!()).toMatchObject({ applied: false });
  const records = await readAll(log, topic);
  expect(records).toHaveLength(61);
  expect(records.filter(([, value]) => value === 'first')).toEqual([[0, 'first']]);
});

test('an append of which every answer is lost says that it is not known, and is there at most once', async () => {
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    const result = await proceed();
    if (isAppend(call)) throw new StorageError('response lost', 'unknown');
    return result;
  });
  const log = startLog(storage);
  const topic = await newTopic(log);
  await expect(append(log, topic, 0, batch(['maybe']))).rejects.toMatchObject({
    kafka: 'REQUEST_TIMED_OUT',
    retriable: true,
  });
  expect(await readAll(log, topic)).toEqual([[0, 'maybe']]);
});

test('an append whose upload fails changes nothing and may be retried', async () => {
  let failing = true;
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    if (failing && call.operation === 'put' && call.store !== 'metadata' && !isHead(call)) {
      throw new StorageError('unavailable', 'no');
    }
    return proceed();
  });
  const isHead = ({ args }: Call): boolean => (args[0] as { sk?: string }).sk === 'head';
  const log = startLog(storage);
  const topic = await newTopic(log);
  await expect(append(log, topic, 0, batch(['x']))).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
  expect(await log.bounds(topic, 0)).toEqual({ logStartOffset: 0, highWatermark: 0 });
  failing = false;
  expect(await append(log, topic, 0, batch(['x']))).toBe(0);
});

test('a partition that does not exist is refused alone', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log, 2);
  const results = await log.append(topic, [
    { partition: 0, batches: [batch(['a'])] },
    { partition: 2, batches: [batch(['b'])] },
  ]);
  expect(results[0]).toMatchObject({ ok: true, partition: 0, offsets: [0] });
  expect(results[1]).toMatchObject({
    ok: false,
    partition: 2,
    error: { kafka: 'UNKNOWN_TOPIC_OR_PARTITION' },
  });
});

test('a deleted topic refuses appends and fetches of every process, whatever it remembers', async () => {
  const storage = memoryStorage();
  const [here, there] = [startLog(storage), startLog(storage)];
  const topic = await newTopic(here);
  await append(here, topic, 0, batch(['a']));
  await append(there, topic, 0, batch(['b']));
  await here.deleteHeads(topic);
  const unknown = { kafka: 'UNKNOWN_TOPIC_OR_PARTITION' };
  await expect(append(there, topic, 0, batch(['c']))).rejects.toMatchObject(unknown);
  await expect(readAll(there, topic)).rejects.toMatchObject(unknown);
});

test('an append whose blob is older than the floor is uploaded again', async () => {
  const inner = memoryStorage();
  let raise = true;
  const storage = intercepted(inner, async (call, proceed) => {
    if (isAppend(call) && raise) {
      raise = false;
      const key = call.args[0] as { pk: string; sk: string };
      await inner.log.update(key, [{ set: ['floor'], to: Date.now() + 5 }]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return proceed();
  });
  const log = startLog(storage);
  const topic = await newTopic(log);
  expect(await append(log, topic, 0, batch(['x']))).toBe(0);
  const inline = await inner.log.query({ pk: `inline/${topic.id}/0`, limit: 10 });
  expect(inline.items).toHaveLength(2);
  expect(await readAll(log, topic)).toEqual([[0, 'x']]);
});

test('an upload that fails while the commit before it is slow fails its own requests and nothing else', async () => {
  let slow: (() => void) | undefined;
  let puts = 0;
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    if (call.store === 'objects' && ++puts > 1) throw new StorageError('unavailable', 'no');
    if (isAppend(call) && slow === undefined) await new Promise<void>((resolve) => (slow = resolve));
    return proceed();
  });
  const log = startLog(storage, testClock());
  const topic = await newTopic(log);
  const large = 'x'.repeat(5_000);
  const first = append(log, topic, 0, batch([large]));
  while (slow === undefined) await systemClock.sleep(0);
  const second = append(log, topic, 0, batch([large]));
  for (let turn = 0; turn < 50; turn++) await systemClock.sleep(0);
  slow();
  expect(await first).toBe(0);
  await expect(second).rejects.toMatchObject({ kafka: 'KAFKA_STORAGE_ERROR' });
});

test('large blobs are committed in the order in which they were made, whichever is uploaded first', async () => {
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    if (call.store === 'objects' && ++uploads === 1) await new Promise((resolve) => setTimeout(resolve, 50));
    return proceed();
  });
  let uploads = 0;
  const log = startLog(storage);
  const topic = await newTopic(log);
  const sent = Array.from({ length: 4 }, async (_, sequence) => {
    for (let turn = 0; turn < 5 * sequence; turn++) await systemClock.sleep(0);
    const producer = { id: 1n, epoch: 0, sequence };
    return append(log, topic, 0, batch(['x'.repeat(600_000)], { producer }));
  });
  expect(await Promise.all(sent)).toEqual([0, 1, 2, 3]);
});

test('an appender whose clock is behind the floor appends all the same', async () => {
  const storage = memoryStorage();
  const log = startLog(storage, { ...systemClock, now: () => Date.now() - 3_600_000 });
  const topic = await newTopic(log);
  await storage.log.update({ pk: `head/${topic.id}/0`, sk: 'head' }, [{ set: ['floor'], to: Date.now() }]);
  expect(await append(log, topic, 0, batch(['a']))).toBe(0);
  expect(await append(log, topic, 0, batch(['b']))).toBe(1);
});

test('appends that were rolled out of the tail before their answer came are found in the index', async () => {
  const inner = memoryStorage();
  const busy = startLog(inner, testClock());
  const topic = await newTopic(busy);
  let story: (() => Promise<void>) | undefined;
  const storage = intercepted(inner, async (call, proceed) => {
    const result = await proceed();
    if (isAppend(call) && story !== undefined) {
      const meanwhile = story;
      story = undefined;
      await meanwhile();
      throw new StorageError('response lost', 'unknown');
    }
    return result;
  });
  const clock = testClock();
  const rolling = startLog(inner, clock);
  story = async () => {
    for (let i = 0; i < 60; i++) {
      await append(rolling, topic, 0, batch([`later ${i}`]));
      clock.advance(100);
      await rolling.settled();
    }
  };
  const log = startLog(storage, testClock());
  // The one between them is refused: so they make two slices of one entry.
  const [first, refused, second] = await Promise.allSettled([
    append(log, topic, 0, batch(['first'])),
    append(log, topic, 0, batch(['refused'], { producer: { id: 7n, epoch: 0, sequence: 5 } })),
    append(log, topic, 0, batch(['second'])),
  ]);
  expect(first).toMatchObject({ value: 0 });
  expect(second).toMatchObject({ value: 1 });
  expect(refused).toMatchObject({ reason: { kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } });
  const records = await readAll(rolling, topic);
  expect(records).toHaveLength(62);
  expect(records.slice(0, 2)).toEqual([
    [0, 'first'],
    [1, 'second'],
  ]);
});

test('entries that are very large are rolled before they fill the head', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log, 4);
  const size = 950;
  for (let request = 0; request < 40; request++) {
    // Two producers in turn: no two of their batches make one run.
    const batches = Array.from({ length: size }, (_, i) => {
      const sequence = (request * size) / 2 + Math.floor(i / 2);
      return batch(['x'], { producer: { id: 2n ** 62n + BigInt(i % 2), epoch: 0, sequence } });
    });
    const [result] = await log.append(topic, [{ partition: 0, batches }]);
    expect(result).toMatchObject({ ok: true });
    await log.settled();
  }
  expect((await log.bounds(topic, 0)).highWatermark).toBe(40 * size);
});

test('a request of more runs than an entry may have is refused, and changes nothing', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const batches = Array.from({ length: 2_400 }, (_, i) =>
    batch(['x'], { producer: { id: BigInt(i % 2), epoch: 0, sequence: Math.floor(i / 2) } }),
  );
  const results = await log.append(topic, [
    { partition: 0, batches },
    { partition: 0, batches: [batch(['stranger'])] },
  ]);
  expect(results).toMatchObject([
    { ok: false, error: { kafka: 'INVALID_REQUEST' } },
    { ok: true, offsets: [0] },
  ]);
});
