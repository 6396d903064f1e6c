import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Key } from '../../lib/storage/ports.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';
import { join, poll, produce, settle, startWadi, withTopic } from './support.ts';

/** DynamoDB's, which the other stores do not have. */
const keysFit: Intercept = async ({ store, args: [first] }, proceed) => {
  const { pk, sk = '' } = first as Partial<Key>;
  if (store === 'groups' && (Buffer.byteLength(pk!) > 2_048 || Buffer.byteLength(sk) > 1_024)) {
    throw new Error('A key is too long.');
  }
  return proceed();
};

async function started(intercept: Intercept = keysFit) {
  const clock = testClock();
  const wadi = await startWadi(intercepted(memoryStorage(), intercept), clock);
  await withTopic(wadi, 'orders', 20);
  return { clock, wadi, groups: wadi.groups };
}

test.each(['', '.', '..', '\ud800', 'é'.repeat(125)])('nothing can be called %j', async (name) => {
  const { groups } = await started();
  await expect(groups.create('g', {}, name)).rejects.toMatchObject({ kafka: 'INVALID_REQUEST' });
  await expect(groups.create('g', { groupInstanceId: name })).rejects.toMatchObject({
    kafka: 'INVALID_REQUEST',
  });
  await expect(groups.create(name)).rejects.toMatchObject({ kafka: 'INVALID_GROUP_ID' });
  const all = [{ topic: 'orders', partition: 0 }];
  await expect(groups.reset(name, all, 'earliest')).rejects.toMatchObject({ kafka: 'INVALID_GROUP_ID' });
  expect(await groups.list()).toEqual([]);
});

test('a name that is too long for a key of the store is that of nothing', async () => {
  const { groups } = await started();
  const long = 'x'.repeat(3_000);
  const unknown = { kafka: 'UNKNOWN_MEMBER_ID' };
  const notFound = { kafka: 'GROUP_ID_NOT_FOUND' };
  for (const name of [
    { groupId: 'g', name: long },
    { groupId: long, name: 'a' },
  ]) {
    await expect(groups.describeMember(name)).rejects.toMatchObject(unknown);
    await expect(poll(groups, name)).rejects.toMatchObject(unknown);
    await expect(groups.leave(name)).rejects.toMatchObject(unknown);
  }
  await expect(groups.describe(long)).rejects.toMatchObject(notFound);
  await expect(groups.lags(long)).rejects.toMatchObject(notFound);
  await expect(groups.delete(long)).rejects.toMatchObject(notFound);
  await expect(groups.deletePositions(long, [])).rejects.toMatchObject(notFound);
});

test('who is subscribed to more than fits in an item of the store is told', async () => {
  const { groups } = await started();
  const member = await groups.create('g');
  const topics = Array.from({ length: 2_000 }, (_, i) => `${'t'.repeat(240)}${i}`);
  await expect(groups.subscribe(member, { topics })).rejects.toMatchObject({
    kafka: 'GROUP_MAX_SIZE_REACHED',
  });
  expect(await groups.describeMember(member)).toMatchObject({ subscription: undefined });
});

test('positions are moved and deleted with one look at whoever had them', async () => {
  let looks = 0;
  const { clock, wadi, groups } = await started(({ store, operation, args: [key] }, proceed) => {
    if (store === 'groups' && operation === 'get' && (key as Key).sk.startsWith('member/')) looks++;
    return proceed();
  });
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  await produce(wadi, 'orders', 3, 'one');
  await poll(groups, a);
  await groups.leave(a);
  const all = Array.from({ length: 20 }, (_, partition) => ({ topic: 'orders', partition }));
  looks = 0;
  await groups.reset('g', all, 'latest', { dryRun: true });
  await groups.deletePositions('g', all);
  expect(looks).toBe(2);
});
