import { DUE_PK, garbageDueAt, headDueAt, headUnit, parseDueKey, parseUnit } from '../../lib/log/due.ts';
import { headKey } from '../../lib/log/head.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, type Key, type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { append, batch, newTopic, startLog, testClock } from '../support/log.ts';

const MINUTE = 60_000;

const isDue = ({ operation, args }: Call) => operation === 'put' && (args[0] as Key).pk === DUE_PK;

async function dueItems(storage: Storage): Promise<Item[]> {
  return (await storage.log.query({ pk: DUE_PK, limit: 1_000 })).items;
}

test('a head is due 5 to 10 minutes after an append, at a time that others choose too', () => {
  for (const now of [0, 1, 4.9 * MINUTE, 5 * MINUTE, 9.99 * MINUTE, 1_000 * MINUTE + 7]) {
    const dueAtMs = headDueAt(now);
    expect(dueAtMs - now).toBeGreaterThan(5 * MINUTE - 1);
    expect(dueAtMs - now).toBeLessThanOrEqual(10 * MINUTE);
    expect(dueAtMs % (5 * MINUTE)).toBe(0);
  }
});

test('garbage is due within the hour or so, but no sooner than what is garbage now is old enough', () => {
  for (const now of [0, 44 * MINUTE, 46 * MINUTE, 59 * MINUTE, 60 * MINUTE]) {
    const dueAtMs = garbageDueAt(now);
    expect(dueAtMs - now).toBeGreaterThanOrEqual(15 * MINUTE);
    expect(dueAtMs - now).toBeLessThanOrEqual(75 * MINUTE);
    expect(dueAtMs % (60 * MINUTE)).toBe(0);
  }
});

test('a process puts one item per head and 5 minutes, whatever it appends', async () => {
  const inner = memoryStorage();
  const clock = testClock(100 * MINUTE);
  let puts = 0;
  const storage = intercepted(inner, async (call, proceed) => {
    if (isDue(call)) puts++;
    return proceed();
  });
  const log = startLog(storage, clock);
  const topic = await newTopic(log, 6, 2);
  for (let minute = 0; minute < 15; minute++) {
    await Promise.all([0, 1, 2].map((partition) => append(log, topic, partition, batch(['value']))));
    clock.advance(MINUTE);
  }
  const units = (await dueItems(inner)).map((item) => parseDueKey(item).unit);
  expect(new Set(units)).toEqual(new Set([headUnit(topic.id, 0), headUnit(topic.id, 1)]));
  expect(units).toHaveLength(6);
  expect(puts).toBe(6);
});

test('the item is there before the append is ordered', async () => {
  const inner = memoryStorage();
  let put = false;
  const storage = intercepted(inner, async (call, proceed) => {
    if (isDue(call)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await proceed();
      put = true;
      return undefined;
    }
    if (call.operation === 'update') expect(put).toBe(true);
    return proceed();
  });
  const log = startLog(storage);
  await append(log, await newTopic(log), 0, batch(['value']));
  expect(put).toBe(true);
});

test('an item that could not be put does not fail the append, and is put with the next', async () => {
  const inner = memoryStorage();
  let failures = 0;
  const storage = intercepted(inner, async (call, proceed) => {
    if (isDue(call) && failures++ === 0) throw new StorageError('throttled', 'no');
    return proceed();
  });
  const log = startLog(storage);
  const topic = await newTopic(log);
  expect(await append(log, topic, 0, batch(['one']))).toBe(0);
  expect(await dueItems(inner)).toEqual([]);
  expect(await append(log, topic, 0, batch(['two']))).toBe(1);
  expect(await dueItems(inner)).toMatchObject([{ name: topic.name }]);
});

test('a deletion of records makes garbage due', async () => {
  const storage = memoryStorage();
  const log = startLog(storage);
  const topic = await newTopic(log);
  await append(log, topic, 0, batch(['value']));
  await log.deleteRecords(topic, 0, 1);
  const units = (await dueItems(storage)).map((item) => parseUnit(parseDueKey(item).unit).kind);
  expect(units.toSorted()).toEqual(['garbage', 'head']);
  expect(await storage.log.get(headKey(topic.id, 0))).toHaveProperty('start');
});

test('a unit is read as it was written, and what is none is refused', () => {
  expect(parseUnit('a-_1/head/12')).toEqual({ kind: 'head', topicId: 'a-_1', head: 12 });
  expect(parseUnit('a/purge')).toMatchObject({ kind: 'purge', topicId: 'a' });
  for (const unit of ['', 'a', 'a/head', 'a/head/', 'a/purge/1', 'a/b', 'a b/all']) {
    expect(() => parseUnit(unit)).toThrow(TypeError);
  }
});
