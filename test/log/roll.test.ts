import { systemClock } from '../../lib/clock.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { append, batch, newTopic, readAll, startLog, testClock } from '../support/log.ts';

const expected = (count: number): [number, string][] => Array.from({ length: count }, (_, i) => [i, `v${i}`]);

async function headOf(storage: ReturnType<typeof memoryStorage>, topicId: string) {
  const item = await storage.log.get({ pk: `head/${topicId}/0`, sk: 'head' });
  return item as unknown as { tail: Uint8Array[]; roll: number; rolling?: object; fence: number };
}

test('a long tail is rolled into the index, and reads go on across both', async () => {
  const storage = memoryStorage();
  const clock = testClock();
  const log = startLog(storage, clock);
  const topic = await newTopic(log);
  for (let i = 0; i < 100; i++) {
    await append(log, topic, 0, batch([`v${i}`]));
    clock.advance(100);
    await log.settled();
  }
  const head = await headOf(storage, topic.id);
  expect(head.roll).toBeGreaterThan(3);
  expect(head.tail.length).toBeLessThan(32);
  const rows = await storage.log.query({ pk: `index/${topic.id}/0`, limit: 100 });
  expect(rows.items).toHaveLength(head.roll);
  for (const from of [0, 1, 15, 16, 17, 50, 99, 100]) {
    expect(await readAll(startLog(storage), topic, 0, { from })).toEqual(expected(100).slice(from));
  }
  expect(await readAll(log, topic, 0, { maxBytes: 1 })).toEqual(expected(100));
});

test('entries stay in the tail as long as a copy of one may still be on its way', async () => {
  const storage = memoryStorage();
  const clock = testClock();
  const log = startLog(storage, clock);
  const topic = await newTopic(log);
  for (let i = 0; i < 40; i++) await append(log, topic, 0, batch([`v${i}`]));
  await log.settled();
  expect(await headOf(storage, topic.id)).toMatchObject({ roll: 0, fence: 0 });
});

test('a roller dies between any two of its steps: nothing is lost, nothing doubled, and the next one finishes', async () => {
  const isRollStep = ({ store, operation, args }: Call): boolean =>
    store === 'log' &&
    ((operation === 'put' && (args[0] as { pk: string }).pk.startsWith('index/')) ||
      (operation === 'update' && !(args[1] as object[]).some((action) => 'append' in action)));
  for (let dieAt = 0; dieAt < 5; dieAt++) {
    for (const lands of [true, false]) {
      const inner = memoryStorage();
      const clock = testClock();
      let steps = 0;
      let dead = false;
      const mortal = intercepted(inner, async (call, proceed) => {
        if (dead) throw new StorageError('dead', 'no');
        if (!isRollStep(call)) return proceed();
        if (steps++ < dieAt) return proceed();
        dead = true;
        if (lands) await proceed();
        throw new StorageError('died', 'unknown');
      });
      const victim = startLog(mortal, clock);
      const topic = await newTopic(victim, 3);
      let written = 0;
      for (; written < 40 && !dead; written++) {
        await append(victim, topic, 0, batch([`v${written}`]));
        clock.advance(100);
        await victim.settled();
      }
      expect(dead).toBe(true);

      const heir = startLog(inner, clock);
      expect(await readAll(heir, topic)).toEqual(expected(written));
      clock.advance(5_000);
      for (let i = 0; i < 40; i++, written++) {
        expect(await append(heir, topic, 0, batch([`v${written}`]))).toBe(written);
        clock.advance(100);
        await heir.settled();
      }
      expect(await readAll(startLog(inner, clock), topic)).toEqual(expected(written));
      expect((await headOf(inner, topic.id)).tail.length).toBeLessThan(32);
    }
  }
});

test('a helper that finishes a roll late does not touch the next one', async () => {
  const inner = memoryStorage();
  const clock = testClock();
  const other = startLog(inner, clock);
  const topic = await newTopic(other);
  let written = 0;
  const write = async (log: typeof other, count: number) => {
    for (let i = 0; i < count; i++, written++) {
      await append(log, topic, 0, batch([`v${written}`]));
      clock.advance(100);
      await log.settled();
    }
  };
  // Whoever finishes its first roll is held until another has finished that one and died within the next.
  let late: (() => Promise<unknown>) | undefined;
  const slow = startLog(
    intercepted(inner, async (call, proceed) => {
      const finishes =
        call.operation === 'update' && JSON.stringify(call.args[1]).includes('"remove":["rolling"]');
      if (!finishes || late !== undefined) return proceed();
      late = proceed;
      throw new StorageError('frozen', 'no');
    }),
    clock,
  );
  await write(slow, 20);
  expect(late).toBeDefined();
  clock.advance(5_000);
  await write(other, 20);
  const mortal = startLog(
    intercepted(inner, async (call, proceed) => {
      if (call.operation === 'put' && (call.args[0] as { pk: string }).pk.startsWith('index/')) {
        throw new StorageError('died', 'no');
      }
      return proceed();
    }),
    clock,
  );
  await write(mortal, 40);
  expect((await headOf(inner, topic.id)).rolling).toBeDefined();
  expect(await late!()).toMatchObject({ applied: false });
  expect(await readAll(other, topic)).toEqual(expected(written));
});

test('many processes roll the same head at once, and each record stays where it was acknowledged', async () => {
  const storage = memoryStorage();
  const clock = { ...testClock(), now: () => Math.floor(performance.now() * 50), sleep: systemClock.sleep };
  const logs = Array.from({ length: 6 }, () => startLog(storage, clock));
  const topic = await newTopic(logs[0]!);
  const acknowledged: [number, string][] = [];
  await Promise.all(
    logs.map(async (log, p) => {
      for (let i = 0; i < 100; i++) {
        const value = `${p}-${i}`;
        acknowledged.push([await append(log, topic, 0, batch([value])), value]);
      }
    }),
  );
  await Promise.all(logs.map((log) => log.settled()));
  acknowledged.sort(([a], [b]) => a - b);
  expect(await readAll(startLog(storage, clock), topic)).toEqual(acknowledged);
  expect((await headOf(storage, topic.id)).roll).toBeGreaterThan(5);
});

test('clocks that are minutes apart cost attempts, not records', async () => {
  const storage = memoryStorage();
  const skews = [-180_000, 0, 180_000];
  const logs = skews.map((skew) => startLog(storage, { ...systemClock, now: () => Date.now() + skew }));
  const topic = await newTopic(logs[0]!);
  const acknowledged: [number, string][] = [];
  for (let i = 0; i < 200; i++) {
    const log = logs[i % 3]!;
    acknowledged.push([await append(log, topic, 0, batch([`v${i}`])), `v${i}`]);
    await log.settled();
  }
  expect(acknowledged).toEqual(expected(200));
  expect(await readAll(logs[0]!, topic)).toEqual(expected(200));
});

test('a tail whose clock runs far ahead is rolled all the same once it grows long', async () => {
  const storage = memoryStorage();
  const ahead = startLog(storage, { ...systemClock, now: () => Date.now() + 600_000 });
  const behind = startLog(storage);
  const topic = await newTopic(ahead);
  await append(ahead, topic, 0, batch(['v0']));
  for (let i = 1; i < 1_500; i++) {
    await append(behind, topic, 0, batch([`v${i}`]));
    await behind.settled();
  }
  expect((await headOf(storage, topic.id)).tail.length).toBeLessThan(1_200);
  expect(await readAll(behind, topic)).toEqual(expected(1_500));
});
