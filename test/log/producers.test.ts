import { createLog } from '../../lib/log/createLog.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import { evictedProducerItem } from '../../lib/log/producers.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import { intercepted } from '../support/faults.ts';
import { append, batch, newTopic, readAll, startLog, testClock } from '../support/log.ts';

const producer = (sequence: number, epoch = 0, id = 42n) => ({ producer: { id, epoch, sequence } });

test('a batch sent again gets its first offset, and is there once', async () => {
  const storage = memoryStorage();
  const log = startLog(storage);
  const topic = await newTopic(log);
  expect(await append(log, topic, 0, batch(['a', 'b'], producer(0)))).toBe(0);
  expect(await append(log, topic, 0, batch(['c'], producer(2)))).toBe(2);
  for (const again of [log, startLog(storage)]) {
    expect(await append(again, topic, 0, batch(['a', 'b'], producer(0)))).toBe(0);
    expect(await append(again, topic, 0, batch(['c'], producer(2)))).toBe(2);
  }
  expect((await readAll(log, topic)).map(([, value]) => value)).toEqual(['a', 'b', 'c']);
});

test('both copies of a batch in one request, or in requests that share a blob, give one offset', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const copies = [1, 2, 3].map(() => append(log, topic, 0, batch(['a'], producer(0))));
  expect(await Promise.all(copies)).toEqual([0, 0, 0]);
  const [result] = await log.append(topic, [
    { partition: 0, batches: [batch(['a'], producer(0)), batch(['b'], producer(1))] },
  ]);
  expect(result).toMatchObject({ ok: true, offsets: [0, 1] });
  expect(await readAll(log, topic)).toHaveLength(2);
});

test('a batch sent again after it was rolled into the index still gets its first offset', async () => {
  const storage = memoryStorage();
  const clock = testClock();
  const log = startLog(storage, clock);
  const topic = await newTopic(log);
  for (let i = 0; i < 200; i++) {
    expect(await append(log, topic, 0, batch([`v${i}`], producer(i)))).toBe(i);
    clock.advance(100);
    await log.settled();
  }
  for (const i of [0, 1, 77, 150, 199]) {
    expect(await append(startLog(storage, clock), topic, 0, batch([`v${i}`], producer(i)))).toBe(i);
  }
  expect((await log.bounds(topic, 0)).highWatermark).toBe(200);
});

test('a gap in the sequence is out of order, an old epoch is fenced, and a new one begins at 0', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a'], producer(0)));
  const outOfOrder = { kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };
  await expect(append(log, topic, 0, batch(['c'], producer(2)))).rejects.toMatchObject(outOfOrder);
  await expect(append(log, topic, 0, batch(['c'], producer(5, 1)))).rejects.toMatchObject(outOfOrder);
  expect(await append(log, topic, 0, batch(['b'], producer(0, 1)))).toBe(1);
  await expect(append(log, topic, 0, batch(['b'], producer(1, 0)))).rejects.toMatchObject({
    kafka: 'INVALID_PRODUCER_EPOCH',
  });
  expect(await append(log, topic, 0, batch(['d'], producer(1, 1)))).toBe(2);
});

test('a batch of the past that differs from what was appended then is out of order', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a', 'b'], producer(0)));
  await append(log, topic, 0, batch(['c'], producer(2)));
  await append(log, topic, 0, batch(['d'], producer(3)));
  await expect(append(log, topic, 0, batch(['x', 'y'], producer(1)))).rejects.toMatchObject({
    kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  });
  await expect(append(log, topic, 0, batch(['x', 'y', 'z'], producer(2)))).rejects.toMatchObject({
    kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  });
});

test('sequences wrap from 2^31 - 1 to 0', async () => {
  const storage = memoryStorage();
  const log = startLog(storage);
  const topic = await newTopic(log);
  const last = 2 ** 31 - 1;
  // As if 2^31 - 1 records had been appended, long ago.
  await storage.log.put(
    evictedProducerItem(topic.id, '0:42', { batches: 9, epoch: 0, lastSequence: last - 1 }, 0),
  );
  expect(await append(log, topic, 0, batch(['a', 'b'], producer(last)))).toBe(0);
  expect(await append(log, topic, 0, batch(['c'], producer(1)))).toBe(2);
  expect(await append(log, topic, 0, batch(['a', 'b'], producer(last)))).toBe(0);
});

test('a producer that is not known begins with sequence 0, whichever of its requests comes first', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await expect(append(log, topic, 0, batch(['b'], producer(1)))).rejects.toMatchObject({
    kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  });
  expect(await append(log, topic, 0, batch(['a'], producer(0)))).toBe(0);
  expect(await append(log, topic, 0, batch(['b'], producer(1)))).toBe(1);
});

test('a request that holds a duplicate and something new appends the new part once, and tells both offsets', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a'], producer(0)));
  await append(log, topic, 0, batch(['between']));
  const batches = [batch(['a'], producer(0)), batch(['plain']), batch(['b'], producer(1))];
  expect(await log.append(topic, [{ partition: 0, batches }])).toMatchObject([
    { ok: true, offsets: [0, 2, 3] },
  ]);
  expect((await readAll(log, topic)).map(([, value]) => value)).toEqual(['a', 'between', 'plain', 'b']);
});

test('a request of which one batch is refused for good leaves nothing in the log', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a'], producer(0)));
  const requests = [
    [batch(['x'], producer(0, 0, 7n)), batch(['y'], producer(5, 0, 7n))],
    [batch(['x'], producer(0, 1)), batch(['y'], producer(3))],
    [batch(['x']), batch(['y', 'z'], producer(0))],
  ];
  for (const batches of requests) {
    expect(await log.append(topic, [{ partition: 0, batches }])).toMatchObject([{ ok: false }]);
  }
  expect(await readAll(log, topic)).toEqual([[0, 'a']]);
});

test('hundreds of new producers in one blob are all appended, and so are the strangers among them', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const offsets = await Promise.all([
    ...Array.from({ length: 900 }, (_, id) =>
      append(log, topic, 0, batch(['x'], producer(0, 0, BigInt(id)))),
    ),
    append(log, topic, 0, batch(['stranger'])),
  ]);
  expect([...offsets].sort((a, b) => a - b)).toEqual(offsets.map((_, i) => i));
});

test('one producer keeps its order in a blob of more producers than one entry takes', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const others = Array.from({ length: 39 }, (_, id) =>
    append(log, topic, 0, batch(['x'], producer(0, 0, BigInt(id)))),
  );
  const two = [batch(['a'], producer(0, 0, 50n)), batch(['b'], producer(0, 0, 51n))];
  const first = log.append(topic, [{ partition: 0, batches: two }]);
  const second = append(log, topic, 0, batch(['c'], producer(1, 0, 50n)));
  expect(await first).toMatchObject([{ ok: true }]);
  expect(await second).toBeGreaterThan(39);
  await Promise.all(others);
});

test('one producer that is refused does not hold up the strangers in its blob', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['a'], producer(0)));
  const results = await Promise.allSettled([
    append(log, topic, 0, batch(['gap'], producer(9))),
    append(log, topic, 0, batch(['plain'])),
    append(log, topic, 0, batch(['a'], producer(0))),
    append(log, topic, 0, batch(['other'], producer(0, 0, 43n))),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  expect((await readAll(log, topic)).map(([, value]) => value)).toEqual(['a', 'plain', 'other']);
});

test('a process that knows an old state of a producer appends and judges by the new one', async () => {
  const storage = memoryStorage();
  const [here, there] = [startLog(storage), startLog(storage)];
  const topic = await newTopic(here);
  await append(there, topic, 0, batch(['v0'], producer(0)));
  for (let i = 1; i < 10; i++) await append(here, topic, 0, batch([`v${i}`], producer(i)));
  expect(await append(there, topic, 0, batch(['v5'], producer(5)))).toBe(5);
  expect(await append(there, topic, 0, batch(['v10'], producer(10)))).toBe(10);
});

test('of hundreds of producers the head keeps few, and forgets the sequence of none', async () => {
  const storage = memoryStorage();
  const clock = testClock();
  const processes = [startLog(storage, clock), startLog(storage, clock)];
  const topic = await newTopic(processes[0]!);
  const count = 300;
  const offsets = new Map<string, number>();
  for (let round = 0; round < 3; round++) {
    for (let id = 0; id < count; id++) {
      const log = processes[(id + round) % 2]!;
      const offset = await append(log, topic, 0, batch([`${id}-${round}`], producer(round, 0, BigInt(id))));
      offsets.set(`${id}-${round}`, offset);
      clock.advance(20);
      if (id % 10 === 0) await Promise.all(processes.map((each) => each.settled()));
    }
  }
  const head = await storage.log.get({ pk: `head/${topic.id}/0`, sk: 'head' });
  expect(Object.keys(head?.producers as object).length).toBeLessThan(150);
  expect(head?.evictions).toBeGreaterThan(0);
  expect(new Set(offsets.values()).size).toBe(3 * count);
  const log = startLog(storage, clock);
  for (let id = 0; id < count; id += 37) {
    for (let round = 0; round < 3; round++) {
      const again = batch([`${id}-${round}`], producer(round, 0, BigInt(id)));
      expect(await append(log, topic, 0, again)).toBe(offsets.get(`${id}-${round}`));
    }
    const gap = append(log, topic, 0, batch(['gap'], producer(7, 0, BigInt(id))));
    await expect(gap).rejects.toMatchObject({ kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
  }
  expect((await log.bounds(topic, 0)).highWatermark).toBe(3 * count);
});

test('more producers in one blob than one update can judge are appended by several', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const offsets = await Promise.all(
    Array.from({ length: 150 }, (_, id) => append(log, topic, 0, batch(['x'], producer(0, 0, BigInt(id))))),
  );
  expect([...offsets].sort((a, b) => a - b)).toEqual(offsets.map((_, i) => i));
});

test('a producer id of 63 bits is kept whole', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  const id = 2n ** 63n - 1n;
  expect(await append(log, topic, 0, batch(['a'], producer(0, 0, id)))).toBe(0);
  expect(await append(log, topic, 0, batch(['b'], producer(0, 0, id - 1n)))).toBe(1);
  expect(await append(log, topic, 0, batch(['a'], producer(0, 0, id)))).toBe(0);
});

test('an idempotent batch whose answer is lost is there once, however often it is sent', async () => {
  let appends = 0;
  const storage = intercepted(memoryStorage(), async (call, proceed) => {
    const result = await proceed();
    const isAppend =
      call.operation === 'update' && (call.args[1] as object[]).some((action) => 'append' in action);
    if (isAppend && ++appends % 3 !== 0) throw new StorageError('response lost', 'unknown');
    return result;
  });
  const log = startLog(storage, testClock());
  const topic = await newTopic(log);
  for (let i = 0; i < 30; i++) expect(await append(log, topic, 0, batch([`v${i}`], producer(i)))).toBe(i);
  expect(await readAll(log, topic)).toHaveLength(30);
});

test('a retry judged by a state that was moved out of the head, while its twin lands and is moved out too, appends nothing', async () => {
  const inner = memoryStorage();
  const clock = testClock();
  const busy = startLog(inner, clock);
  const topic = await newTopic(busy);
  let strangers = 100;
  const pushOut = async () => {
    for (let i = 0; i < 60; i++) {
      await append(busy, topic, 0, batch(['x'], producer(0, 0, BigInt(strangers++))));
      clock.advance(100);
      await busy.settled();
    }
  };
  const held = async () => {
    const head = await inner.log.get({ pk: `head/${topic.id}/0`, sk: 'head' });
    return '0:42' in (head!.producers as object);
  };
  await append(busy, topic, 0, batch(['first'], producer(0)));
  await pushOut();
  expect(await held()).toBe(false);

  // Its clock is ahead, so that the fence lets it pass.
  let meanwhile: (() => Promise<void>) | undefined = async () => {
    await append(busy, topic, 0, batch(['second'], producer(1)));
    await pushOut();
    expect(await held()).toBe(false);
  };
  const storage = intercepted(inner, async (call, proceed) => {
    const isAppend =
      call.operation === 'update' && (call.args[1] as object[]).some((action) => 'append' in action);
    const story = isAppend ? meanwhile : undefined;
    if (story) meanwhile = undefined;
    await story?.();
    return proceed();
  });
  const late = startLog(storage, { ...clock, now: () => clock.now() + 3_600_000 });
  const offset = await append(late, topic, 0, batch(['second'], producer(1)));
  const copies = (await readAll(busy, topic)).filter(([, value]) => value === 'second');
  expect(copies).toEqual([[offset, 'second']]);
});

test('of two processes that send the same batch at once, one appends it and both learn its offset', async () => {
  for (const before of [0, 1]) {
    const inner = memoryStorage();
    const other = startLog(inner);
    const topic = await newTopic(other);
    for (let i = 0; i < before; i++) await append(other, topic, 0, batch([`v${i}`], producer(i)));
    let twin: (() => Promise<number>) | undefined = () =>
      append(other, topic, 0, batch(['twin'], producer(before)));
    let offset: number | undefined;
    const storage = intercepted(inner, async (call, proceed) => {
      const isAppend =
        call.operation === 'update' && (call.args[1] as object[]).some((action) => 'append' in action);
      const story = isAppend ? twin : undefined;
      if (story) twin = undefined;
      if (story) offset = await story();
      return proceed();
    });
    expect(await append(startLog(storage), topic, 0, batch(['twin'], producer(before)))).toBe(before);
    expect(offset).toBe(before);
    expect((await other.bounds(topic, 0)).highWatermark).toBe(before + 1);
  }
});

test('the same sequence in two epochs is two batches, each with its own offset', async () => {
  const log = startLog(memoryStorage());
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['old'], producer(0)));
  expect(await append(log, topic, 0, batch(['new'], producer(0, 1)))).toBe(1);
  expect(await append(log, topic, 0, batch(['new'], producer(0, 1)))).toBe(1);
});

test('a producer that comes back while it is put aside keeps its newest sequence', async () => {
  const inner = memoryStorage();
  const clock = testClock();
  const topic = await newTopic(startLog(inner, clock));
  const other = startLog(inner, clock);
  let back: (() => Promise<unknown>) | undefined;
  const storage = intercepted(inner, async (call, proceed) => {
    const actions = call.operation === 'update' ? (call.args[1] as { remove?: string[] }[]) : [];
    const story = actions.some(({ remove }) => remove?.[1] === '0:42') ? back : undefined;
    if (story) back = undefined;
    await story?.();
    return proceed();
  });
  const log = startLog(storage, clock);
  await append(log, topic, 0, batch(['first'], producer(0)));
  back = () => append(other, topic, 0, batch(['second'], producer(1)));
  for (let id = 100; id < 160; id++) {
    await append(log, topic, 0, batch(['x'], producer(0, 0, BigInt(id))));
    clock.advance(100);
    await log.settled();
  }
  expect(back).toBeUndefined();
  const second = await append(log, topic, 0, batch(['second'], producer(1)));
  const copies = (await readAll(log, topic)).filter(([, value]) => value === 'second');
  expect(copies).toEqual([[second, 'second']]);
});

test('a head that is full of producers makes room for new ones, also when nothing else is appended', async () => {
  const storage = memoryStorage();
  const clock = testClock();
  const limits = { ...LIMITS, producersInHead: 8, producersPerEntry: 4, producersAtHand: 2 };
  const log = createLog({ storage, clock, limits });
  const topic = await newTopic(log);
  // Fewer than a roll takes, so that none is due for their sake.
  for (let id = 0; id < 30; id++) {
    await append(log, topic, 0, batch([`${id}`], producer(0, 0, BigInt(id))));
    await log.settled();
    clock.advance(300);
  }
  expect(await append(log, topic, 0, batch(['0 again'], producer(1, 0, 0n)))).toBe(30);
});

test('a second copy that was slow to learn of its producer, put aside meanwhile, gets the first offset', async () => {
  const inner = memoryStorage();
  const clock = testClock();
  const limits = { ...LIMITS, producersAtHand: 0, entriesPerRoll: 1, holdMs: 0 };
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let asked = () => {};
  const asks = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const slow = intercepted(inner, async ({ operation }, proceed) => {
    if (operation === 'getMany') {
      asked();
      await opened;
    }
    return proceed();
  });
  const log = createLog({ storage: inner, clock, limits });
  const topic = await newTopic(log);
  const second = append(createLog({ storage: slow, clock, limits }), topic, 0, batch(['a'], producer(0)));
  await asks;
  expect(await append(log, topic, 0, batch(['a'], producer(0)))).toBe(0);
  await log.settled();
  for (const id of [1n, 2n, 3n]) {
    clock.advance(10);
    await append(log, topic, 0, batch([`${id}`], producer(0, 0, id)));
    await log.settled();
  }
  expect(await inner.log.get({ pk: `producers/${topic.id}`, sk: '0:42' })).toBeDefined();
  open();
  expect(await second).toBe(0);
  expect(await readAll(log, topic)).toHaveLength(4);
});
