import { metered, newMeter } from '../../bench/metering.ts';
import { aclKey } from '../../lib/acl/aclItem.ts';
import type { AclBinding } from '../../lib/acl/binding.ts';
import { DUE_PK, parseDueKey } from '../../lib/log/due.ts';
import { headKey } from '../../lib/log/head.ts';
import { evictedProducerItem } from '../../lib/log/producers.ts';
import { createLease } from '../../lib/maintenance/lease.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { plan } from '../../lib/maintenance/planner.ts';
import { readRun, startRun } from '../../lib/maintenance/runs.ts';
import { maintenanceStatus } from '../../lib/maintenance/status.ts';
import { sweep } from '../../lib/maintenance/sweep.ts';
import type { UnitContext } from '../../lib/maintenance/units.ts';
import { work } from '../../lib/maintenance/worker.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Key, StorageError } from '../../lib/storage/ports.ts';
import { intercepted } from '../support/faults.ts';
import { batch, testClock } from '../support/log.ts';
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

const neverFails = (error: unknown) => {
  throw error;
};

test('what is due is sent, the oldest first, once per unit; what is not due yet is not', async () => {
  const storage = memoryStorage();
  const { keeper, clock, topic, write } = await house(storage, { partitions: 4 });
  await write(1);
  clock.advance(20 * MINUTE);
  await write(1);
  clock.advance(20 * MINUTE);
  await write(1);
  expect(await plan(keeper.wadi)).toMatchObject({ sent: 2 });
  const sent = [keeper.queue.take()!, keeper.queue.take()!];
  expect(sent.map((sk) => sk.slice(16)).toSorted()).toEqual([`${topic.id}/head/0`, `${topic.id}/head/1`]);
  expect(Number(sent[0]!.slice(0, 15))).toBeLessThan(clock.now() - 30 * MINUTE);
  expect(keeper.queue.take()).toBeUndefined();
});

test('while many messages wait nothing is sent', async () => {
  const storage = memoryStorage();
  const { keeper, clock, write } = await house(storage);
  await write(1);
  clock.advance(20 * MINUTE);
  const limits = { ...MAINTENANCE_LIMITS, waitingMessages: 1 };
  expect(await plan(keeper.wadi, limits)).toMatchObject({ sent: 1 });
  expect(await plan(keeper.wadi, limits)).toEqual({ sent: 0 });
});

test('a plan takes several pages, and no more than it may', async () => {
  const storage = memoryStorage();
  const { keeper, clock, write } = await house(storage, { partitions: 14 });
  await write(1);
  clock.advance(20 * MINUTE);
  const limits = { ...MAINTENANCE_LIMITS, duePerPage: 2, pagesPerPlan: 3 };
  expect(await plan(keeper.wadi, limits)).toMatchObject({ sent: 6 });
  expect(await plan(keeper.wadi, { ...limits, pagesPerPlan: 10 })).toMatchObject({ sent: 7 });
});

test('the daily sweep finds what was never noted', async () => {
  const inner = memoryStorage();
  const { keeper, clock, topic } = await house(inner);
  const forgetful = intercepted(inner, async (call, proceed) => {
    if (call.operation === 'put' && (call.args[0] as { pk?: string }).pk === DUE_PK)
      throw new StorageError('lost', 'no');
    return proceed();
  });
  const { wadi } = await startKeeper(forgetful, clock);
  for (let i = 0; i < 5; i++) {
    await wadi.log.append(topic, [{ partition: 1, batches: [batch(['value'], { timestamp: clock.now() })] }]);
  }
  await keepFor(keeper, clock, 2 * HOUR);
  expect(await dueUnits(inner)).toEqual([]);
  expect(await inner.log.get(headKey(topic.id, 0))).not.toMatchObject({ tail: [] });
  await keepFor(keeper, clock, DAY);
  expect(await inner.log.get(headKey(topic.id, 0))).toMatchObject({ tail: [] });
  expect(await rowsOf(inner, topic, 1)).toHaveLength(1);
  // What its records' age will make due is due.
  expect(await dueUnits(inner)).toEqual([`${topic.id}/head/0`]);
});

test('a topic that fails does not keep the sweep from the others', async () => {
  const inner = memoryStorage();
  const { keeper, clock } = await house(inner);
  const { topics, log } = keeper.wadi;
  const broken = await topics.create({ name: 'broken' });
  const other = await topics.create({ name: 'other' });
  for (const topic of [broken, other]) {
    for (let i = 0; i < 5; i++)
      await log.append(topic, [{ partition: 0, batches: [batch(['value'], { timestamp: clock.now() })] }]);
  }
  for (const { pk, sk } of await group(inner, DUE_PK)) await inner.log.delete({ pk, sk });
  const storage = intercepted(inner, async (call, proceed) => {
    if (JSON.stringify(call.args[0]).includes(`index/${broken.id}`)) throw new StorageError('broken', 'no');
    return proceed();
  });
  const failures: unknown[] = [];
  const mortal = await startKeeper(storage, clock, { warn: (error) => failures.push(error) });
  const worked = await keepFor(mortal, clock, DAY);
  expect(worked.find(({ unit }) => unit === 'sweep')).toMatchObject({
    outcome: 'done',
    counts: { topicsFailed: 1 },
  });
  expect(failures).toMatchObject([{ message: 'broken' }]);
  expect(await rowsOf(inner, other, 0)).toHaveLength(1);
});

test('the daily sweep forgets producers whose time is over, unless they come back', async () => {
  const inner = memoryStorage();
  const { clock, topic } = await house(inner);
  const state = { batches: 1, epoch: 0, lastSequence: 0 };
  const remember = (key: string, now: number) =>
    inner.log.put(evictedProducerItem(topic.id, key, state, now));
  for (let id = 0; id < 600; id++) await remember(`${id % 2}:${id}`, clock.now());
  clock.advance(6 * DAY);
  await remember('0:late', clock.now());
  const storage = intercepted(inner, async ({ operation, args: [key] }, proceed) => {
    if (operation === 'delete' && (key as Key).sk === '1:7') await remember('1:7', clock.now());
    return proceed();
  });
  const worked = await keepFor(await startKeeper(storage, clock), clock, 3 * DAY);
  expect(worked.flatMap(({ counts }) => counts.producersForgotten ?? [])).toEqual([599]);
  expect((await group(inner, `producers/${topic.id}`)).map(({ sk }) => sk)).toEqual(['0:late', '1:7']);
});

test('the daily sweep forgets that ACLs and quotas were deleted when their day is over, unless they were made again', async () => {
  const inner = memoryStorage();
  const { clock } = await house(inner);
  const { acls, quotas } = (await startKeeper(inner, clock)).wadi;
  const [orders, payments, users] = ['orders', 'payments', 'users'].map(
    (resourceName): AclBinding => ({
      ...{ resourceType: 'TOPIC', resourceName, patternType: 'LITERAL', principal: 'User:anna' },
      ...{ host: '*', operation: 'READ', permission: 'ALLOW' },
    }),
  ) as [AclBinding, AclBinding, AclBinding];
  await acls.create([orders, payments, users]);
  await quotas.alter(['User:anna', 'User:ben'].map((principal) => ({ principal, producerByteRate: 5 })));
  await acls.delete({ resourceName: 'orders' });
  await acls.delete({ resourceName: 'payments' });
  await quotas.alter([{ principal: 'User:anna' }]);

  const storage = intercepted(inner, async ({ operation, args: [key] }, proceed) => {
    if (operation === 'delete' && (key as Key).sk === aclKey(payments).sk) await acls.create([payments]);
    return proceed();
  });
  await keepFor(await startKeeper(storage, clock), clock, 3 * DAY);
  expect(await acls.list({})).toEqual([payments, users]);
  expect(await quotas.list()).toEqual([{ principal: 'User:ben', producerByteRate: 5 }]);
  const left = await Promise.all(['acl', 'quota'].map((pk) => inner.metadata.query({ pk, limit: 10 })));
  expect(left.map(({ items }) => items.length)).toEqual([2, 1]);
});

test('the daily sweep looks at every group, and forgets those that nobody uses', async () => {
  const { keeper, clock, topic } = await house(memoryStorage());
  const { groups } = keeper.wadi;
  const position = { topic: topic.name, partition: 0 };
  for (const groupId of ['old', 'used']) await groups.reset(groupId, [position], 'earliest');
  for (let day = 0; day < 8; day++) {
    await keepFor(keeper, clock, DAY);
    await groups.reset('used', [position], 'earliest');
  }
  expect(await groups.list()).toEqual([{ groupId: 'used' }]);
});

test('a sweep that is over among the groups goes on with the next one', async () => {
  const { keeper, clock, topic } = await house(memoryStorage());
  const { groups } = keeper.wadi;
  for (let i = 0; i < 5; i++)
    await groups.reset(`group-${i}`, [{ topic: topic.name, partition: 0 }], 'earliest');
  clock.advance(8 * DAY);
  const hurried = { ...keeper.wadi, groups: { ...groups } };
  let left = 2;
  hurried.groups.tidy = async (groupId, retentionMs) => {
    left--;
    return groups.tidy(groupId, retentionMs);
  };
  const job = { isOver: () => left === 0, limits: MAINTENANCE_LIMITS };
  const context = { wadi: hurried, job, warn: neverFails } as unknown as UnitContext;
  const first = await sweep(context, { afterGroup: '' }, async () => undefined);
  expect(first).toEqual({
    counts: { groupsDeleted: 2, positionsDeleted: 2 },
    cursor: { afterGroup: 'group-1' },
  });
  left = 100;
  const { cursor } = await sweep(context, first.cursor, async () => undefined);
  expect(cursor).toBeUndefined();
  expect(await groups.list()).toEqual([]);
});

/** Writes a day that planner and sweep cost, whatever the number of topics and partitions. */
const WRITES_PER_DAY = 4;

test('of a topic that falls idle nothing is left after some days but its records: no mark, no blob, nothing due', async () => {
  const storage = memoryStorage();
  const { keeper, clock, topic, write, expectWhole } = await house(storage, {
    configs: { 'retention.ms': '-1' },
  });
  await write(40);
  await keepFor(keeper, clock, 2 * HOUR);
  const marks = async () =>
    (await group(storage, `index/${topic.id}/0`)).filter(({ absorbed }) => absorbed !== undefined).length;
  expect(await marks()).toBeGreaterThan(3);
  await keepFor(keeper, clock, 2 * DAY);
  expect(await marks()).toBe(0);
  expect((await group(storage, DUE_PK)).map(({ sk }) => parseDueKey({ sk }).unit)).toEqual(['sweep']);
  for (const partition of [0, 1]) expect(await rowsOf(storage, topic, partition)).toHaveLength(1);
  expect(await group(storage, `inline/${topic.id}/0`)).toEqual([]);
  await expectWhole();
}, 60_000);

test('a topic with 1,000 partitions and no traffic costs no write but those of the daily sweep', async () => {
  const meter = newMeter();
  const inner = memoryStorage();
  const clock = testClock(Date.UTC(2026, 0, 1, 9, 1));
  const filler = await startKeeper(inner, clock);
  const topic = await filler.wadi.topics.create({ name: 'sleeps', partitions: 1_000 });
  const partitions = Array.from({ length: 1_000 }, (_, partition) => partition);
  const batches = [batch(['value'], { timestamp: clock.now() })];
  await filler.wadi.log.append(
    topic,
    partitions.map((partition) => ({ partition, batches })),
  );
  await keepFor(filler, clock, 2 * DAY);

  const keeper = await startKeeper(metered(inner, meter), clock);
  const before = await leases(inner);
  await keepFor(keeper, clock, DAY);
  const { objectPuts, inlinePuts, headAppends, headMaintenance, otherPuts, writeUnits } = meter;
  expect({ objectPuts, inlinePuts, headAppends, headMaintenance }).toEqual({
    ...{ objectPuts: 0, inlinePuts: 0, headAppends: 0, headMaintenance: 0 },
  });
  expect(otherPuts).toBe(1);
  expect(writeUnits).toBeLessThanOrEqual(WRITES_PER_DAY);
  expect(await leases(inner)).toEqual(before);
  // All of them were looked at: a read of each head at least, and some of each partition.
  expect(meter.itemReads).toBeGreaterThan(63 + 1_000);
}, 120_000);

describe('a run that somebody asked for', () => {
  test('does all there is to do at once, due or not, and gives account of it', async () => {
    const storage = memoryStorage();
    const { keeper, clock, topic, write, expectWhole } = await house(storage);
    await write(30);
    clock.advance(2_000);
    const { wadi, queue } = keeper;
    const run = await startRun(wadi, topic, MAINTENANCE_LIMITS, neverFails);
    expect(run).toMatchObject({ left: 1, units: [{ name: 'orders', done: false }] });
    expect(await readRun(wadi, run.runId)).toEqual(run);
    expect((await maintenanceStatus(wadi)).due).toMatchObject([{ unit: `${topic.id}/all`, name: 'orders' }]);

    // What it leaves behind is not old enough to go at once.
    expect(await drain(wadi, queue)).toMatchObject([{ outcome: 'more' }, { outcome: 'done' }]);
    expect(await readRun(wadi, run.runId)).toMatchObject({
      left: 0,
      units: [{ done: true }],
      counts: { heads: 1, merges: 2, itemsReclaimed: 60 },
    });
    for (const partition of [0, 1]) expect(await rowsOf(storage, topic, partition)).toHaveLength(1);
    expect(await group(storage, `inline/${topic.id}/0`)).toEqual([]);
    await expectWhole();
    expect((await maintenanceStatus(wadi)).lastRuns).toMatchObject([
      { name: 'orders', counts: { merges: 2 } },
    ]);
  });

  test('is done by the next plan if no message was sent', async () => {
    const storage = memoryStorage();
    const { keeper, clock, topic, write } = await house(storage);
    await write(5);
    const silent = {
      ...keeper.wadi,
      queue: {
        send: async () => {
          throw new Error('no queue');
        },
        waiting: async () => 0,
      },
    };
    const warned: unknown[] = [];
    const run = await startRun(silent, topic, MAINTENANCE_LIMITS, (error) => warned.push(error));
    expect(warned).toHaveLength(1);
    clock.advance(5 * MINUTE);
    await keeper.keep();
    expect(await readRun(keeper.wadi, run.runId)).toMatchObject({ left: 0 });
  });

  test('is one of many: each ends, also those that began in the same millisecond', async () => {
    const storage = memoryStorage();
    const { keeper, topic, write } = await house(storage);
    await write(5);
    const { wadi, queue } = keeper;
    const runs = await Promise.all(
      [1, 2, 3].map(() => startRun(wadi, topic, MAINTENANCE_LIMITS, neverFails)),
    );
    await drain(wadi, queue);
    for (const { runId } of runs) expect(await readRun(wadi, runId)).toMatchObject({ left: 0 });
  });

  test('is handed on when it takes longer than a run may, with the counts so far', async () => {
    const inner = memoryStorage();
    const limits = { ...MAINTENANCE_LIMITS, runMs: 20_000 };
    const { keeper, clock, topic, write, expectWhole } = await house(inner, { partitions: 6 });
    await write(6);
    const slow = intercepted(inner, async (_, proceed) => {
      clock.advance(1_000);
      return proceed();
    });
    const { wadi, queue } = await startKeeper(slow, clock);
    const run = await startRun(wadi, topic, limits, neverFails);
    const outcomes = (await drain(wadi, queue, { limits })).map(({ outcome }) => outcome);
    expect(outcomes.length).toBeGreaterThan(3);
    expect(outcomes.pop()).toBe('done');
    expect(new Set(outcomes)).toEqual(new Set(['more']));
    expect(await readRun(keeper.wadi, run.runId)).toMatchObject({ left: 0, counts: { merges: 6 } });
    await expectWhole();
  });

  test('tells why it failed, and ends when that is over', async () => {
    const inner = memoryStorage();
    const { clock, topic, write } = await house(inner);
    await write(6);
    let broken = true;
    const storage = intercepted(inner, async (call, proceed) => {
      if (broken && call.store === 'objects' && call.operation === 'put')
        throw new StorageError('broken', 'no');
      return proceed();
    });
    const { wadi, queue, keep } = await startKeeper(storage, clock);
    const { runId } = await startRun(wadi, topic, MAINTENANCE_LIMITS, neverFails);
    await expect(drain(wadi, queue)).rejects.toThrow('broken');
    expect(await readRun(wadi, runId)).toMatchObject({ left: 1, units: [{ done: false, error: 'broken' }] });
    broken = false;
    clock.advance(10 * MINUTE);
    await keep();
    expect(await readRun(wadi, runId)).toMatchObject({ left: 0 });
    expect((await readRun(wadi, runId))!.units[0]).not.toHaveProperty('error');
  });

  test('waits once for garbage to be old enough, however many topics there are', async () => {
    const { keeper, clock } = await house(memoryStorage());
    const { wadi, queue } = keeper;
    for (let t = 0; t < 40; t++) {
      const topic = await wadi.topics.create({ name: `topic-${t}` });
      const batches = [batch(['value'], { timestamp: clock.now() })];
      await wadi.log.append(topic, [{ partition: 0, batches }]);
    }
    clock.advance(2_000);
    const { runId, startedAtMs } = await startRun(wadi, undefined, MAINTENANCE_LIMITS, neverFails);
    await drain(wadi, queue);
    expect(await readRun(wadi, runId)).toMatchObject({ left: 0, counts: { itemsReclaimed: 40 } });
    expect(clock.now() - startedAtMs).toBe(MAINTENANCE_LIMITS.forcedGraceMs);
  });

  test('is left to whoever has it, but held up by no other run', async () => {
    const inner = memoryStorage();
    const { keeper, clock, topic, write } = await house(inner);
    await write(6);
    const { queue, wadi } = keeper;
    await startRun(wadi, topic, MAINTENANCE_LIMITS, neverFails);
    const message = queue.take()!;
    const meanwhile: unknown[] = [];
    const storage = intercepted(inner, async ({ store, operation }, proceed) => {
      if (store === 'objects' && operation === 'put' && meanwhile.length === 0) {
        meanwhile.push((await maintenanceStatus(wadi)).running);
        meanwhile.push(await work(wadi, message));
        const other = await startRun(wadi, topic, MAINTENANCE_LIMITS, neverFails);
        await drain(wadi, queue);
        meanwhile.push(await readRun(wadi, other.runId));
      }
      return proceed();
    });
    const slow = await startKeeper(storage, clock);
    await work(slow.wadi, message);
    expect(meanwhile).toMatchObject([[{ name: 'orders' }], { outcome: 'held' }, { left: 0 }]);
    expect((await maintenanceStatus(wadi)).running).toEqual([]);
  });

  test('goes on at once when what made one before fail is over', async () => {
    const inner = memoryStorage();
    const { clock, topic, write } = await house(inner);
    await write(6);
    let broken = true;
    const storage = intercepted(inner, async (call, proceed) => {
      if (broken && call.store === 'objects' && call.operation === 'put')
        throw new StorageError('broken', 'no');
      return proceed();
    });
    const { wadi, queue } = await startKeeper(storage, clock);
    await startRun(wadi, topic, MAINTENANCE_LIMITS, neverFails);
    await expect(drain(wadi, queue)).rejects.toThrow('broken');
    broken = false;
    const { runId } = await startRun(wadi, topic, MAINTENANCE_LIMITS, neverFails);
    await drain(wadi, queue);
    expect(await readRun(wadi, runId)).toMatchObject({ left: 0 });
  });

  test('of all topics does what else is due, too: topics that were deleted are purged, the sweep is done', async () => {
    const storage = memoryStorage();
    const { keeper, clock, topic, write } = await house(storage);
    const { wadi, queue } = keeper;
    await write(30);
    await plan(wadi);
    clock.advance(DAY);
    await wadi.topics.delete('orders');
    await wadi.topics.create({ name: 'users' });
    // A worker died of it.
    await createLease(storage.log, clock, { unit: `${topic.id}/purge`, name: 'orders' }, HOUR).take();
    const { runId } = await startRun(wadi, undefined, MAINTENANCE_LIMITS, neverFails);
    await drain(wadi, queue);
    const { left, units } = (await readRun(wadi, runId))!;
    expect([left, units.map(({ name }) => name).sort()]).toEqual([0, ['', 'users']]);
    expect(await group(storage, `inline/${topic.id}/0`)).toEqual([]);
    expect((await storage.objects.list(`${topic.id}/`, { limit: 1 })).objects).toEqual([]);
    expect(await maintenanceStatus(wadi)).toMatchObject({ dueCount: 0, due: [] });
    // Once more in a day, and users' creation is looked at.
    expect((await dueUnits(storage)).toSorted()).toEqual(
      [`${topic.id}/purge`, `${(await wadi.topics.describe('users')).id}/creation`].toSorted(),
    );
  });

  test('of all topics does the rest of what is due if a part of it fails, and tells why that did', async () => {
    const inner = memoryStorage();
    const { keeper, clock, topic } = await house(inner);
    const other = await keeper.wadi.topics.create({ name: 'other' });
    for (const { id, name } of [topic, other]) {
      await keeper.wadi.log.append({ ...topic, id, name }, [
        { partition: 0, batches: [batch(['value'], { timestamp: clock.now() })] },
      ]);
      await keeper.wadi.topics.delete(name);
    }
    let broken = true;
    const storage = intercepted(inner, async (call, proceed) => {
      if (broken && call.operation === 'list' && call.args[0] === `${topic.id}/`)
        throw new StorageError('broken', 'no');
      return proceed();
    });
    const { wadi, queue } = await startKeeper(storage, clock);
    const { runId } = await startRun(wadi, undefined, MAINTENANCE_LIMITS, neverFails);
    await expect(drain(wadi, queue)).rejects.toThrow('broken');
    expect(await readRun(wadi, runId)).toMatchObject({ left: 1, units: [{ name: '', error: 'broken' }] });
    expect(await group(inner, `inline/${other.id}/0`)).toEqual([]);
    expect(await group(inner, `inline/${topic.id}/0`)).toHaveLength(1);
    broken = false;
    clock.advance(10 * MINUTE);
    await keeper.keep();
    expect(await readRun(wadi, runId)).toMatchObject({ left: 0 });
    expect(await group(inner, `inline/${topic.id}/0`)).toEqual([]);
  });

  test('of all topics hands on what else is due when it takes longer than a run may', async () => {
    const inner = memoryStorage();
    const limits = { ...MAINTENANCE_LIMITS, runMs: 20_000 };
    const { keeper, clock } = await house(inner, { limits });
    for (let t = 0; t < 10; t++) {
      await keeper.wadi.topics.create({ name: `topic-${t}` });
      await keeper.wadi.topics.delete(`topic-${t}`);
    }
    const slow = intercepted(inner, async (_, proceed) => {
      clock.advance(500);
      return proceed();
    });
    const { wadi, queue } = await startKeeper(slow, clock);
    const { runId } = await startRun(wadi, undefined, limits, neverFails);
    const worked = await drain(wadi, queue, { limits });
    const outcomes = worked.filter(({ unit }) => unit === 'due').map(({ outcome }) => outcome);
    expect(outcomes.length).toBeGreaterThan(2);
    expect([outcomes.pop(), new Set(outcomes)]).toEqual(['done', new Set(['more'])]);
    expect(await readRun(keeper.wadi, runId)).toMatchObject({ left: 0 });
    expect((await dueUnits(inner)).filter((unit) => unit.endsWith('/purge'))).toHaveLength(10);
  });

  test('is forgotten after a week', async () => {
    const storage = memoryStorage();
    const { keeper, clock, topic } = await house(storage);
    const { runId } = await startRun(keeper.wadi, topic, MAINTENANCE_LIMITS, neverFails);
    await keepFor(keeper, clock, 6 * DAY);
    expect(await readRun(keeper.wadi, runId)).toMatchObject({ left: 0 });
    await keepFor(keeper, clock, 3 * DAY);
    expect(await readRun(keeper.wadi, runId)).toBeUndefined();
    expect(await group(storage, 'run')).toEqual([]);
  });

  test.each(['', '1', 'x'.repeat(38), '000000000000000-~', 'run'])('is not found by %j', async (runId) => {
    const { keeper } = await house(memoryStorage());
    expect(await readRun(keeper.wadi, runId)).toBeUndefined();
  });
});
