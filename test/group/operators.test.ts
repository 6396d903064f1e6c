import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { testClock } from '../support/log.ts';
import { join, poll, produce, settle, startWadi, withTopic } from './support.ts';

async function started(partitions = 2) {
  const clock = testClock();
  const wadi = await startWadi(memoryStorage(), clock);
  await withTopic(wadi, 'orders', partitions);
  return { clock, wadi, groups: wadi.groups };
}

const partition = (partition: number) => ({ topic: 'orders', partition });

test('a group is listed and described from its first member on, and shows who holds what', async () => {
  const { clock, groups } = await started();
  await expect(groups.describe('g')).rejects.toMatchObject({ kafka: 'GROUP_ID_NOT_FOUND' });
  const a = await join(groups, 'a');
  expect(await groups.describe('g')).toMatchObject({ state: 'assigning' });
  await settle(groups, clock, a);
  await join(groups, 'x', { groupId: 'another' });
  expect(await groups.list()).toEqual([{ groupId: 'another' }, { groupId: 'g' }]);
  expect(await groups.list({ after: 'another' })).toEqual([{ groupId: 'g' }]);
  expect(await groups.describe('g')).toMatchObject({
    state: 'stable',
    assignor: 'uniform',
    members: [{ name: 'a', assigned: [partition(0), partition(1)], target: [partition(0), partition(1)] }],
  });
});

test('a group of which all members are gone is empty, though nobody has put them out', async () => {
  const { clock, groups } = await started();
  await settle(groups, clock, await join(groups, 'a', { sessionTimeoutMs: 10_000 }));
  clock.advance(11_000);
  expect(await groups.describe('g')).toMatchObject({ state: 'empty', members: [] });
});

test('lags tell how far each partition is behind, and who holds it', async () => {
  const { clock, wadi, groups } = await started();
  await produce(wadi, 'orders', 0, 'one', 'two', 'three');
  const a = await join(groups, 'a', { enableAutoCommit: false });
  await settle(groups, clock, a);
  await groups.commit(a, [{ ...partition(0), offset: 1 }]);
  expect(await groups.lags('g')).toMatchObject([
    { ...partition(0), committedOffset: 1, logEndOffset: 3, lag: 2, owner: { name: 'a' } },
    { ...partition(1), committedOffset: -1, logEndOffset: 0, lag: 0, owner: { name: 'a' } },
  ]);
  await groups.leave(a);
  expect((await groups.lags('g')).map(({ owner }) => owner)).toEqual([undefined, undefined]);
});

test.each([
  ['an offset', { offset: 2 }, 2],
  ['an offset beyond the end', { offset: 9 }, 4],
  ['the earliest', 'earliest', 0],
  ['the latest', 'latest', 4],
  ['a time', { timestamp: 1_000 }, 0],
  ['a time that no record is as young as', { timestamp: 5_000 }, 4],
  ['two further', { shift: 2 }, 3],
  ['ten back', { shift: -10 }, 0],
] as const)('positions are moved to %s', async (_, to, expected) => {
  const { wadi, groups } = await started();
  await produce(wadi, 'orders', 0, 'one', 'two', 'three', 'four');
  await groups.reset('g', [partition(0)], { offset: 1 });
  expect(await groups.reset('g', [partition(0)], to, { dryRun: true })).toEqual([
    { ...partition(0), before: 1, offset: expected },
  ]);
  expect(await groups.committed('g', [partition(0)])).toMatchObject([{ offset: 1 }]);
  await groups.reset('g', [partition(0)], to);
  expect(await groups.committed('g', [partition(0)])).toMatchObject([{ offset: expected }]);
});

test('positions that a member holds are not moved, and not deleted', async () => {
  const { clock, wadi, groups } = await started();
  await produce(wadi, 'orders', 0, 'one', 'two');
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  const both = [partition(0), partition(1)];
  await expect(groups.reset('g', both, 'latest')).rejects.toMatchObject({ kafka: 'NON_EMPTY_GROUP' });
  await expect(groups.deletePositions('g', both)).rejects.toMatchObject({
    kafka: 'GROUP_SUBSCRIBED_TO_TOPIC',
  });
  await expect(groups.delete('g')).rejects.toMatchObject({ kafka: 'NON_EMPTY_GROUP' });
  await groups.leave(a);
  await groups.reset('g', both, { offset: 1 });
  await groups.deletePositions('g', [partition(1)]);
  expect(await groups.committed('g', both)).toMatchObject([{ offset: 1 }, undefined]);
});

test('positions of topics that a member is subscribed to stay, though it holds none yet', async () => {
  const { groups } = await started();
  await groups.reset('g', [partition(0)], 'latest');
  const a = await groups.create('g');
  await groups.deletePositions('g', [partition(1)]);
  await groups.subscribe(a, { pattern: 'or.*' });
  await expect(groups.reset('g', [partition(0)], 'latest')).rejects.toMatchObject({
    kafka: 'NON_EMPTY_GROUP',
  });
  await expect(groups.deletePositions('g', [partition(0)])).rejects.toMatchObject({
    kafka: 'GROUP_SUBSCRIBED_TO_TOPIC',
  });
});

test('what a consumer that crashed had held is nobody’s when its session is over', async () => {
  const { clock, wadi, groups } = await started();
  await produce(wadi, 'orders', 0, 'one', 'two');
  await settle(groups, clock, await join(groups, 'crashed', { sessionTimeoutMs: 10_000 }));
  clock.advance(10_001);
  expect((await groups.lags('g')).map(({ owner }) => owner)).toEqual([undefined, undefined]);
  await groups.reset('g', [partition(0)], { offset: 1 });
  expect(await groups.committed('g', [partition(0)])).toMatchObject([{ offset: 1 }]);
  await groups.deletePositions('g', [partition(0)]);
  expect(await groups.committed('g', [partition(0)])).toEqual([undefined]);
});

test('a group that is deleted leaves nothing, and may come again', async () => {
  const { clock, wadi, groups } = await started();
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  await poll(groups, a);
  await groups.leave(a);
  await groups.delete('g');
  expect(await groups.list()).toEqual([]);
  for (const pk of ['groups', 'group/g']) {
    expect((await wadi.storage.groups.query({ pk, limit: 10 })).items).toEqual([]);
  }
  const { items } = await wadi.storage.groups.query({ pk: 'positions/g', limit: 10 });
  expect(items.map(({ offset, expiresAt }) => [offset, typeof expiresAt])).toEqual([
    [undefined, 'number'],
    [undefined, 'number'],
  ]);
  await expect(groups.delete('g')).rejects.toMatchObject({ kafka: 'GROUP_ID_NOT_FOUND' });
  await settle(groups, clock, await join(groups, 'a'));
  expect(await groups.list()).toEqual([{ groupId: 'g' }]);
});

test('a position moved under a group without members is where the next one begins', async () => {
  const { clock, wadi, groups } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three');
  await groups.reset('g', [partition(0)], { offset: 2 });
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  expect((await poll(groups, a)).records).toEqual([['orders', 0, 2, 'three']]);
});

const DAY_MS = 24 * 3_600_000;

test('a group without members is forgotten when its time is over, and not before', async () => {
  const { clock, wadi, groups } = await started(1);
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  await poll(groups, a);
  clock.advance(DAY_MS);
  expect(await groups.tidy('g', DAY_MS)).toEqual({ positionsDeleted: 0, groupsDeleted: 0 });
  expect(await groups.describe('g')).toMatchObject({ members: [] });
  clock.advance(DAY_MS - 1);
  expect(await groups.tidy('g', DAY_MS)).toEqual({ positionsDeleted: 0, groupsDeleted: 0 });
  expect(await groups.committed('g', [partition(0)])).toMatchObject([{ offset: 0 }]);
  clock.advance(2);
  expect(await groups.tidy('g', DAY_MS)).toEqual({ positionsDeleted: 1, groupsDeleted: 1 });
  expect(await groups.list()).toEqual([]);
  expect((await wadi.storage.groups.query({ pk: 'group/g', limit: 10 })).items).toEqual([]);
});

test('positions of a topic that is gone are forgotten, those of its namesake are not', async () => {
  const { clock, wadi, groups } = await started(2);
  await groups.reset('g', [partition(0), partition(1)], 'earliest');
  await wadi.topics.delete('orders');
  await withTopic(wadi, 'orders', 2);
  await groups.reset('g', [partition(0)], 'earliest');
  clock.advance(1_000);
  expect(await groups.tidy('g', DAY_MS)).toEqual({ positionsDeleted: 2, groupsDeleted: 0 });
  expect(await groups.committed('g', [partition(0), partition(1)])).toMatchObject([{ offset: 0 }, undefined]);
});

test('to look at a group where nothing is to be done takes reads alone', async () => {
  const { clock, wadi, groups } = await started(1);
  await groups.reset('g', [partition(0)], 'earliest');
  const all = async () => JSON.stringify(await wadi.storage.groups.query({ pk: 'group/g', limit: 10 }));
  const before = await all();
  clock.advance(60_000);
  await groups.tidy('g', DAY_MS);
  expect(await all()).toBe(before);
});
