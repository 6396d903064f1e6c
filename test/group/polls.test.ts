import type { Clock } from '../../lib/clock.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';
import { join, poll, produce, settle, startWadi, withTopic } from './support.ts';

/** A group at rest with one member, `a`, of one partition. `meanwhile` happens, once, when a call next waits. */
async function started(config: Parameters<typeof join>[2] = {}) {
  const base = testClock();
  let next: (() => Promise<unknown>) | undefined;
  const clock: Clock = {
    ...base,
    async sleep(ms, signal) {
      const now = next;
      next = undefined;
      await now?.();
      await base.sleep(ms, signal);
    },
  };
  const wadi = await startWadi(memoryStorage(), clock);
  await withTopic(wadi, 'orders', 1);
  const a = await join(wadi.groups, 'a', config);
  await settle(wadi.groups, clock, a);
  const meanwhile = (work: () => Promise<unknown>) => {
    next = work;
  };
  return { clock, wadi, groups: wadi.groups, a, meanwhile };
}

const offsets = ({ records }: Awaited<ReturnType<typeof poll>>) => records.map(([, , offset]) => offset);

test.each([undefined, 'old/1'])(
  'a poll that waits while its member is deleted and made again takes nothing of the new one (key %s)',
  async (key) => {
    const { clock, wadi, groups, a, meanwhile } = await started();
    let again = a;
    meanwhile(async () => {
      await groups.leave(a);
      again = await join(groups, 'a');
      await settle(groups, clock, again);
      await produce(wadi, 'orders', 0, 'one', 'two');
    });
    const old = poll(groups, a, { maxWaitMs: 10_000, ...(key && { idempotencyKey: key }) });
    await expect(old).rejects.toMatchObject({ kafka: 'FENCED_INSTANCE_ID' });
    expect(offsets(await poll(groups, again))).toEqual([0, 1]);
  },
);

test('a poll whose client has gone takes nothing', async () => {
  const { wadi, groups, a, meanwhile } = await started();
  const client = new AbortController();
  meanwhile(async () => {
    await produce(wadi, 'orders', 0, 'one', 'two');
    client.abort();
  });
  const { state } = await poll(groups, a, { maxWaitMs: 10_000, signal: client.signal });
  expect(state.assigned).toMatchObject([{ position: 0 }]);
  expect(offsets(await poll(groups, a))).toEqual([0, 1]);
});

test('a poll without a subscription or partitions has nothing to wait for', async () => {
  const { clock, groups, a } = await started();
  await groups.subscribe(a, undefined);
  const before = clock.now();
  await poll(groups, a, { maxWaitMs: 10_000 });
  expect(clock.now()).toBe(before);
});

test('a poll that is full waits for no more, however many bytes it is to bring', async () => {
  const { clock, wadi, groups, a } = await started({ fetchMinBytes: 1_000_000 });
  await produce(wadi, 'orders', 0, 'one', 'two');
  const before = clock.now();
  expect(offsets(await poll(groups, a, { most: 1, maxWaitMs: 10_000 }))).toEqual([0]);
  expect(offsets(await poll(groups, a, { maxBytes: 1, maxWaitMs: 10_000 }))).toEqual([1]);
  expect(clock.now()).toBe(before);
});

test('a poll of no bytes brings a batch, as a fetch does', async () => {
  const { wadi, groups, a } = await started({ fetchMaxBytes: 0 });
  await produce(wadi, 'orders', 0, 'one');
  await produce(wadi, 'orders', 0, 'two');
  expect(offsets(await poll(groups, a))).toEqual([0]);
});

test('a partition that was assigned by hand is read on when its topic is made again', async () => {
  const { clock, wadi, groups } = await started();
  await produce(wadi, 'orders', 0, 'one', 'two');
  const b = await groups.create('other', { autoOffsetReset: 'earliest' }, 'b');
  await groups.assign(b, [{ topic: 'orders', partition: 0 }]);
  expect(offsets(await poll(groups, b))).toEqual([0, 1]);
  await wadi.topics.delete('orders');
  expect(offsets(await poll(groups, b))).toEqual([]);
  await withTopic(wadi, 'orders', 1);
  await produce(wadi, 'orders', 0, 'again');
  await clock.sleep(3_000);
  expect((await poll(groups, b)).records).toEqual([['orders', 0, 0, 'again']]);
  await groups.commit(b);
  expect(await groups.committed('other', [{ topic: 'orders', partition: 0 }])).toMatchObject([{ offset: 1 }]);
});

test.each([
  ['at once those whose records fit into one answer', 500, 4],
  ['one after the other those that fill it', 2, 1],
])('a poll reads of its partitions %s', async (_, maxPollRecords, together) => {
  const clock = testClock();
  const storage = memoryStorage();
  const wadi = await startWadi(storage, clock);
  await withTopic(wadi, 'orders', 4);
  for (const partition of [0, 1, 2, 3]) await produce(wadi, 'orders', partition, 'one', 'two', 'three');
  const a = await join(wadi.groups, 'a', { maxPollRecords });
  await settle(wadi.groups, clock, a);

  let underWay = 0;
  let most = 0;
  let reads = 0;
  const isRead = ({ store, operation }: Parameters<Intercept>[0]) =>
    store === 'log' && operation === 'getMany';
  const counting: Intercept = async (call, proceed) => {
    if (!isRead(call)) return proceed();
    reads++;
    most = Math.max(most, ++underWay);
    const result = await proceed();
    await new Promise(setImmediate);
    underWay--;
    return result;
  };
  const { groups } = await startWadi(intercepted(storage, counting), clock);
  const { records } = await poll(groups, a, { most: maxPollRecords });
  expect([most, reads]).toEqual([together, together]);
  expect(records).toHaveLength(Math.min(maxPollRecords, 12));
});

test.each([
  ['in order', ['k/1', 'k/2', 'k/3']],
  ['in no order', ['x', 'a', 'm']],
  ['of several orders', ['k/2', 'l/1', 'l/2']],
])('a copy of an earlier poll that comes late takes nothing, with keys %s', async (_, keys) => {
  const { wadi, groups, a } = await started();
  await produce(wadi, 'orders', 0, 'one', 'two', 'three', 'four');
  const first = await poll(groups, a, { most: 1, idempotencyKey: keys[0]! });
  for (const idempotencyKey of keys.slice(1, -1)) await poll(groups, a, { most: 1, idempotencyKey });
  await expect(poll(groups, a, { idempotencyKey: keys[0]! })).rejects.toMatchObject({
    kafka: 'INVALID_FETCH_SESSION_EPOCH',
  });
  expect(offsets(first)).toEqual([0]);
  expect(offsets(await poll(groups, a, { idempotencyKey: keys[2]! }))).toEqual([2, 3]);
});
