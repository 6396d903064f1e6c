import { createHandler, type GroupLag } from '../../functions/lag.ts';
import { logErrorsBy } from '../../lib/logError.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Call } from '../support/faults.ts';
import { intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';
import { join, produce, settle, startWadi, withTopic } from './support.ts';

let logged: string[];
beforeEach(() => {
  logged = [];
  logErrorsBy(({ message }) => logged.push(message));
});

/** Two partitions, of three records and one. */
async function started(storage = memoryStorage()) {
  const clock = testClock();
  const wadi = await startWadi(storage, clock);
  await withTopic(wadi, 'orders', 2);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three');
  await produce(wadi, 'orders', 1, 'four');
  return { storage, clock, wadi };
}

const partition = (partition: number) => ({ topic: 'orders', partition });

async function measure(groups: Parameters<typeof createHandler>[0]['groups'], ...names: string[]) {
  const reported: GroupLag[] = [];
  const measured = await createHandler({ groups }, { groups: names, report: (lag) => reported.push(lag) })();
  expect(reported).toEqual(expect.arrayContaining([...measured]));
  expect(reported).toHaveLength(measured.length);
  return measured;
}

test('a group’s lag is what waits in all its partitions, and in the one that is the furthest behind', async () => {
  const { clock, wadi } = await started();
  const member = await join(wadi.groups, 'a', { enableAutoCommit: false });
  await settle(wadi.groups, clock, member);
  expect(await measure(wadi.groups, 'g')).toEqual([{ groupId: 'g', lag: 4, maxLag: 3 }]);
  await wadi.groups.commit(member, [
    { ...partition(0), offset: 3 },
    { ...partition(1), offset: 0 },
  ]);
  expect(await measure(wadi.groups, 'g')).toEqual([{ groupId: 'g', lag: 1, maxLag: 1 }]);
  await wadi.groups.commit(member, [{ ...partition(1), offset: 1 }]);
  expect(await measure(wadi.groups, 'g')).toEqual([{ groupId: 'g', lag: 0, maxLag: 0 }]);
});

test('a group that all members have left still falls behind', async () => {
  const { clock, wadi } = await started();
  const member = await join(wadi.groups, 'a');
  await settle(wadi.groups, clock, member);
  await wadi.groups.commit(member, [{ ...partition(0), offset: 3 }]);
  await wadi.groups.leave(member);
  await produce(wadi, 'orders', 0, 'five', 'six');
  expect(await measure(wadi.groups, 'g')).toMatchObject([{ groupId: 'g', lag: 3, maxLag: 2 }]);
});

test('of a group that is not there, or reads nothing, nothing is measured, and the log says so', async () => {
  const { wadi } = await started();
  await join(wadi.groups, 'a', { groupId: 'idle' });
  await wadi.groups.reset('billing', [partition(0)], 'latest');
  expect(await measure(wadi.groups, 'biling', 'idle', 'billing')).toEqual([
    { groupId: 'billing', lag: 0, maxLag: 0 },
  ]);
  expect(logged.sort()).toEqual([
    "Group 'biling' does not exist.",
    "Group 'idle' has no partitions and no positions.",
  ]);
});

test('a group that fails holds up no other', async () => {
  const { storage, clock, wadi } = await started();
  const names = Array.from({ length: 10 }, (_, i) => `group-${i}`);
  for (const name of names) await wadi.groups.reset(name, [partition(0)], { offset: 1 });
  const isBroken = ({ args: [key] }: Call) => JSON.stringify(key).includes('group-3');
  const broken = intercepted(storage, async (call, proceed) => {
    if (isBroken(call)) throw new Error('broken');
    return proceed();
  });
  const { groups } = await startWadi(broken, clock);
  const measured = await measure(groups, ...names);
  expect(measured.map(({ groupId }) => groupId)).toEqual(names.filter((name) => name !== 'group-3'));
  expect(logged).toEqual(['broken']);
});
