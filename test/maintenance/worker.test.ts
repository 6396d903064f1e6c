import { systemClock } from '../../lib/clock.ts';
import { headKey } from '../../lib/log/head.ts';
import { createLease, LeaseHeld } from '../../lib/maintenance/lease.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { plan } from '../../lib/maintenance/planner.ts';
import { work } from '../../lib/maintenance/worker.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { readAll } from '../support/log.ts';
import {
  DAY,
  drain,
  dueUnits,
  group,
  HOUR,
  house,
  keepFor,
  leases,
  MINUTE,
  rowsOf,
  startKeeper,
} from './schedules.ts';

const isWrite = ({ operation }: Call) => ['put', 'update', 'delete'].includes(operation);
const dies = () => new StorageError('died', 'unknown');

describe('a head that is quiet', () => {
  test('is rolled and merged some minutes after its last append, and its garbage goes within two hours', async () => {
    const storage = memoryStorage();
    const { keeper, clock, topic, write, expectWhole } = await house(storage);
    await write(7);
    clock.advance(4 * MINUTE);
    expect(await keeper.keep()).toEqual([]);
    const worked = await keepFor(keeper, clock, 25 * MINUTE);
    expect(worked.map(({ unit }) => unit)).toContain(`${topic.id}/head/0`);
    expect(await storage.log.get(headKey(topic.id, 0))).toMatchObject({ tail: [] });
    for (const partition of [0, 1]) expect(await rowsOf(storage, topic, partition)).toHaveLength(1);
    await expectWhole();

    const later = await keepFor(keeper, clock, 2 * HOUR);
    expect(await group(storage, `inline/${topic.id}/0`)).toEqual([]);
    const [lagMs, ...more] = later.flatMap(({ gauges }) => gauges?.floorLagMs ?? []);
    expect([lagMs! < 5 * MINUTE, more]).toEqual([true, []]);
    const { objects } = await storage.objects.list(`${topic.id}/`, { limit: 100 });
    expect(objects).toHaveLength(2);
    await expectWhole();
  });

  test('then has nothing due before its records expire', async () => {
    const storage = memoryStorage();
    const { keeper, clock, topic, write, expectWhole } = await house(storage);
    await write(5);
    await keepFor(keeper, clock, 3 * HOUR);
    expect(await dueUnits(storage)).toEqual([`${topic.id}/head/0`]);
    // Its marks go.
    await keepFor(keeper, clock, 2 * DAY);
    const quiet = await keepFor(keeper, clock, 4 * DAY);
    expect(quiet.filter(({ unit }) => unit !== 'sweep')).toEqual([]);
    await expectWhole();

    const worked = await keepFor(keeper, clock, 2 * DAY);
    expect(worked.find(({ counts }) => counts.recordsDeleted !== undefined)?.counts).toMatchObject({
      recordsDeleted: 10,
    });
    for (const partition of [0, 1]) expect(await rowsOf(storage, topic, partition)).toEqual([]);
    expect((await storage.objects.list(`${topic.id}/`, { limit: 100 })).objects).toEqual([]);
    expect(await dueUnits(storage)).toEqual([]);
    await expectWhole();
  });

  test('is left alone while there is nothing to do in it: no write, no lease', async () => {
    const inner = memoryStorage();
    const { keeper, clock, topic, write } = await house(inner, { configs: { 'retention.ms': '-1' } });
    await write(5);
    await keepFor(keeper, clock, 3 * HOUR);
    expect(await dueUnits(inner)).toEqual([]);
    const before = await leases(inner);
    await inner.log.put({
      pk: 'due',
      sk: `${String(clock.now()).padStart(15, '0')}/${topic.id}/head/0`,
      name: 'orders',
    });
    const writes: Call[] = [];
    const storage = intercepted(inner, async (call, proceed) => {
      if (isWrite(call)) writes.push(call);
      return proceed();
    });
    const [worked] = await (await startKeeper(storage, clock)).keep();
    expect(worked).toMatchObject({ outcome: 'done', counts: { heads: 1 } });
    expect(writes.map(({ operation }) => operation)).toEqual(['delete']);
    expect(await leases(inner)).toEqual(before);
  });
});

test('a worker dies at any of its calls, before or after it took effect: another finishes', async () => {
  for (let diesAt = 0, died = true; died; diesAt++) {
    for (const lands of [true, false]) {
      const inner = memoryStorage();
      const { keeper, clock, topic, write, expectWhole } = await house(inner);
      await write(6);
      clock.advance(20 * MINUTE);
      await plan(keeper.wadi);
      let calls = 0;
      died = false;
      const storage = intercepted(inner, async (_, proceed) => {
        if (died || calls++ === diesAt) {
          if (!died && lands) await proceed();
          died = true;
          throw dies();
        }
        return proceed();
      });
      const { wadi } = await startKeeper(storage, clock);
      await drain(wadi, keeper.queue).catch(() => undefined);
      await expectWhole();
      await keepFor(keeper, clock, 3 * HOUR);
      await expectWhole();
      for (const partition of [0, 1]) expect(await rowsOf(inner, topic, partition)).toHaveLength(1);
      expect(await group(inner, `inline/${topic.id}/0`)).toEqual([]);
      expect(await dueUnits(inner)).toEqual([`${topic.id}/head/0`]);
    }
  }
}, 120_000);

test('a worker is frozen for an hour between any two of its calls, while another does its work: nothing is lost', async () => {
  for (let frozenAt = 0; ; frozenAt++) {
    const inner = memoryStorage();
    const { keeper, clock, topic, write, expectWhole } = await house(inner);
    await write(6);
    clock.advance(20 * MINUTE);
    await plan(keeper.wadi);
    const message = keeper.queue.take()!;
    let calls = 0;
    const storage = intercepted(inner, async (_, proceed) => {
      if (calls++ === frozenAt) {
        await keepFor(keeper, clock, HOUR);
        await write(5);
      }
      return proceed();
    });
    const { wadi } = await startKeeper(storage, clock);
    await work(wadi, message);
    await expectWhole();
    await keepFor(keeper, clock, 3 * HOUR);
    await expectWhole();
    expect(await rowsOf(inner, topic, 0)).toHaveLength(1);
    expect(await dueUnits(inner)).toEqual([`${topic.id}/head/0`]);
    if (calls <= frozenAt) break;
  }
}, 120_000);

test('two workers do the same at once, because a lease was over too soon: nothing is lost or done wrong', async () => {
  const limits = { ...MAINTENANCE_LIMITS, leaseMs: 0 };
  for (let i = 0; i < 10; i++) {
    const inner = memoryStorage();
    const { keeper, clock, topic, write, expectWhole } = await house(inner);
    await write(6);
    clock.advance(20 * MINUTE);
    await plan(keeper.wadi);
    const message = keeper.queue.take()!;
    const storage = intercepted(inner, async (_, proceed) => {
      await systemClock.sleep(systemClock.random(1)[0]! % 3);
      return proceed();
    });
    const workers = await Promise.all([1, 2].map(() => startKeeper(storage, clock)));
    await Promise.all(workers.map(({ wadi }) => work(wadi, message, { limits })));
    await expectWhole();
    await keepFor(keeper, clock, 3 * HOUR);
    await expectWhole();
    for (const partition of [0, 1]) expect(await rowsOf(inner, topic, partition)).toHaveLength(1);
    expect(await dueUnits(inner)).toEqual([`${topic.id}/head/0`]);
  }
});

test('what another is at work on is left to him, and stays due', async () => {
  const storage = memoryStorage();
  const { keeper, clock, topic, write } = await house(storage);
  await write(6);
  clock.advance(20 * MINUTE);
  const other = createLease(storage.log, clock, { unit: `${topic.id}/head/0`, name: 'orders' }, 10 * MINUTE);
  await other.take();
  expect(await keeper.keep()).toMatchObject([{ outcome: 'held' }]);
  expect(await dueUnits(storage)).toContain(`${topic.id}/head/0`);
  expect((await storage.objects.list(`${topic.id}/`, { limit: 1 })).objects).toEqual([]);
  // He died: his lease ends.
  clock.advance(10 * MINUTE);
  const [worked] = await keeper.keep();
  expect(worked).toMatchObject({ outcome: 'done', counts: { merges: 2 } });
});

test('of many who want a lease one gets it, and tells what he did when he gives it back', async () => {
  const storage = memoryStorage();
  const { clock } = await house(storage);
  const all = Array.from({ length: 5 }, () =>
    createLease(storage.log, clock, { unit: 'unit', name: 'orders' }, MINUTE),
  );
  const took = await Promise.allSettled(all.map((lease) => lease.take()));
  const refused = took.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(4);
  for (const { reason } of refused as PromiseRejectedResult[]) expect(reason).toBeInstanceOf(LeaseHeld);
  const lastRun = { endedAtMs: 1, tookMs: 2, counts: { merges: 3 }, more: false };
  for (const lease of all) await lease.giveBack(lastRun);
  expect(await leases(storage)).toMatchObject([{ untilMs: 0, lastRun: JSON.stringify(lastRun) }]);
});

test('work that takes longer than a run may is handed on until it is done', async () => {
  const inner = memoryStorage();
  const limits = { ...MAINTENANCE_LIMITS, runMs: 20_000 };
  const { clock, topic, write, expectWhole } = await house(inner, { partitions: 6, limits });
  await write(6);
  clock.advance(20 * MINUTE);
  const slow = intercepted(inner, async (_, proceed) => {
    clock.advance(2_000);
    return proceed();
  });
  const slowKeeper = await startKeeper(slow, clock, { limits });
  const outcomes = (await slowKeeper.keep()).map(({ outcome }) => outcome);
  expect(outcomes).toContain('more');
  expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(3);
  for (let p = 0; p < 6; p++) expect(await rowsOf(inner, topic, p)).toHaveLength(1);
  await expectWhole();
});

test('a unit that fails rests for a while, tells why, and is tried again', async () => {
  const inner = memoryStorage();
  const { clock, write, topic } = await house(inner);
  await write(6);
  clock.advance(20 * MINUTE);
  let broken = true;
  const storage = intercepted(inner, async (call, proceed) => {
    if (broken && call.store === 'objects' && call.operation === 'put') throw dies();
    return proceed();
  });
  const keeper = await startKeeper(storage, clock);
  await expect(keeper.keep()).rejects.toThrow('died');
  expect(JSON.parse((await leases(inner))[0]!.lastRun as string)).toMatchObject({
    error: 'died',
    more: true,
  });
  expect(await keeper.keep()).toMatchObject([{ outcome: 'held' }]);
  broken = false;
  clock.advance(5 * MINUTE);
  expect(await keeper.keep()).toMatchObject([{ outcome: 'done' }]);
  expect(await rowsOf(inner, topic, 0)).toHaveLength(1);
});

test('units of a topic that is gone are done', async () => {
  const storage = memoryStorage();
  const { keeper, clock, write } = await house(storage);
  await write(6);
  await keeper.wadi.topics.delete('orders');
  await keepFor(keeper, clock, 2 * DAY);
  expect(await dueUnits(storage)).toEqual([]);
  expect(await leases(storage)).toEqual([]);
});

test('a topic that is compacted keeps the last record of each key, at its offset, and then rests', async () => {
  const storage = memoryStorage();
  const { keeper, clock } = await house(storage);
  const { log, topics } = keeper.wadi;
  const topic = await topics.create({ name: 'users', configs: { 'cleanup.policy': 'compact' } });
  for (let i = 0; i < 20; i++) {
    const timestamp = clock.now();
    const [key, value] = [Buffer.from(`user ${i % 3}`), Buffer.from(`${i}`)];
    const bytes = encodeBatch([{ timestamp, key, value, headers: [] }]);
    const batches = [{ bytes, recordCount: 1, maxTimestamp: timestamp, producer: undefined }];
    await log.append(topic, [{ partition: 0, batches }]);
    clock.advance(100);
    await log.settled();
  }
  const worked = await keepFor(keeper, clock, 3 * HOUR);
  expect(worked.map(({ counts }) => counts.recordsRemoved ?? 0).reduce((a, b) => a + b)).toBe(17);
  expect(await readAll(log, topic)).toEqual([
    [17, '17'],
    [18, '18'],
    [19, '19'],
  ]);
  // Its marks go.
  await keepFor(keeper, clock, 2 * DAY);
  const quiet = await keepFor(keeper, clock, 10 * DAY);
  expect(quiet.filter(({ unit }) => unit !== 'sweep')).toEqual([]);
});
