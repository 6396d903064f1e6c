import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Item } from '../../lib/storage/ports.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';
import { join, poll, produce, settle, startWadi, withTopic } from './support.ts';

const FIRST = { topic: 'orders', partition: 0 };

test('a commit that sleeps while its position is deleted does not come back to the next owner of the partition', async () => {
  const clock = testClock();
  const storage = memoryStorage();
  const wadi = await startWadi(storage, clock);
  const { groups } = wadi;
  await withTopic(wadi, 'orders', 1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  const a = await join(groups, 'a', { enableAutoCommit: false });
  await settle(groups, clock, a);
  await poll(groups, a);

  const asleep = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<void>();
  const sleepsBeforeCommits: Intercept = async ({ store, operation, args }, proceed) => {
    if (store === 'groups' && operation === 'put' && (args[0] as Item).pk.startsWith('positions/')) {
      asleep.resolve();
      await woken.promise;
    }
    return proceed();
  };
  const late = await startWadi(intercepted(storage, sleepsBeforeCommits), clock);
  const commit = late.groups.commit(a, [{ ...FIRST, offset: 2 }]);
  await asleep.promise;
  await groups.leave(a);
  await groups.deletePositions('g', [FIRST]);
  const b = await join(groups, 'b', { enableAutoCommit: false });
  await settle(groups, clock, b);
  woken.resolve();
  await expect(commit).rejects.toMatchObject({ kafka: 'FENCED_MEMBER_EPOCH' });
  expect(await groups.committed('g', [FIRST])).toEqual([undefined]);
  expect((await poll(groups, b)).records).toHaveLength(2);
  await groups.commit(b, [{ ...FIRST, offset: 1 }]);
  expect(await groups.committed('g', [FIRST])).toMatchObject([{ offset: 1 }]);
});

test('a deletion of a group that sleeps behind its look at the members keeps what one of them has claimed since', async () => {
  const clock = testClock();
  const storage = memoryStorage();
  const wadi = await startWadi(storage, clock);
  const { groups } = wadi;
  await withTopic(wadi, 'orders', 1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  await groups.leave(await join(groups, 'before'));

  const asleep = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<void>();
  const sleepsBeforePositions: Intercept = async ({ store, operation, args }, proceed) => {
    if (store === 'groups' && operation === 'query' && (args[0] as { pk: string }).pk === 'positions/g') {
      asleep.resolve();
      await woken.promise;
    }
    return proceed();
  };
  const late = await startWadi(intercepted(storage, sleepsBeforePositions), clock);
  const deletion = late.groups.delete('g');
  await asleep.promise;
  const a = await join(groups, 'a', { enableAutoCommit: false });
  await settle(groups, clock, a);
  expect((await poll(groups, a)).records).toHaveLength(2);
  woken.resolve();
  await expect(deletion).rejects.toMatchObject({ kafka: 'NON_EMPTY_GROUP' });
  await groups.commit(a);
  expect(await groups.committed('g', [FIRST])).toMatchObject([{ offset: 2 }]);
});
