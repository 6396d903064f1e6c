import type { Groups, MemberName } from '../../lib/group/groups.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { testClock } from '../support/log.ts';
import { join, poll, produce, settle, startWadi, withTopic } from './support.ts';

async function started(partitions = 4) {
  const clock = testClock();
  const storage = memoryStorage();
  const wadi = await startWadi(storage, clock);
  await withTopic(wadi, 'orders', partitions);
  return { clock, storage, wadi, groups: wadi.groups };
}

test('one member gets all partitions, two get half each, and what stays is not moved', async () => {
  const { clock, groups } = await started();
  const a = await join(groups, 'a');
  expect(await settle(groups, clock, a)).toEqual([['orders/0', 'orders/1', 'orders/2', 'orders/3']]);
  const b = await join(groups, 'b');
  const [ofA, ofB] = await settle(groups, clock, a, b);
  expect(ofA).toHaveLength(2);
  expect([...ofA!, ...ofB!].toSorted()).toEqual(['orders/0', 'orders/1', 'orders/2', 'orders/3']);
});

test('a partition is given to another only when its owner has let it go', async () => {
  const { clock, groups } = await started(2);
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  const b = await join(groups, 'b');
  clock.advance(200);
  const waiting = await groups.heartbeat(b);
  expect(waiting.assigned).toEqual([]);
  expect(waiting.pending).toHaveLength(1);
  expect((await groups.heartbeat(a)).assigned).toHaveLength(1);
  expect((await groups.heartbeat(b)).assigned).toHaveLength(1);
});

test('members poll what they hold, each record once, and go on where they were', async () => {
  const { clock, groups, wadi } = await started();
  for (let i = 0; i < 20; i++) await produce(wadi, 'orders', i % 4, `record ${i}`);
  const members = [await join(groups, 'a'), await join(groups, 'b')];
  await settle(groups, clock, ...members);
  const got: string[] = [];
  for (let round = 0; round < 5; round++) {
    for (const member of members) {
      for (const record of (await poll(groups, member, { most: 3 })).records) got.push(record[3]);
    }
  }
  expect(got.toSorted()).toEqual(Array.from({ length: 20 }, (_, i) => `record ${i}`).toSorted());
});

test('who takes over goes on behind what was committed', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three', 'four');
  const a = await join(groups, 'a', { enableAutoCommit: false });
  await settle(groups, clock, a);
  expect((await poll(groups, a, { most: 3 })).records).toHaveLength(3);
  await groups.commit(a, [{ topic: 'orders', partition: 0, offset: 2, metadata: 'half' }]);
  expect(await groups.committed('g', [{ topic: 'orders', partition: 0 }])).toMatchObject([
    { offset: 2, metadata: 'half' },
  ]);
  await groups.leave(a);
  const b = await join(groups, 'b', { enableAutoCommit: false });
  await settle(groups, clock, b);
  expect((await poll(groups, b)).records.map(([, , offset]) => offset)).toEqual([2, 3]);
});

test('a member that commits by itself commits what the poll before has given', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three', 'four');
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  await poll(groups, a, { most: 2 });
  expect(await groups.committed('g', [{ topic: 'orders', partition: 0 }])).toMatchObject([{ offset: 0 }]);
  await poll(groups, a, { most: 1 });
  expect(await groups.committed('g', [{ topic: 'orders', partition: 0 }])).toMatchObject([{ offset: 2 }]);
  await groups.leave(a);
  expect(await groups.committed('g', [{ topic: 'orders', partition: 0 }])).toMatchObject([{ offset: 3 }]);
});

test('a consumer that was frozen past its session is refused, and its successor stands', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three', 'four');
  const frozen = await join(groups, 'frozen', { enableAutoCommit: false, sessionTimeoutMs: 10_000 });
  await settle(groups, clock, frozen);
  await poll(groups, frozen, { most: 2 });
  const next = await join(groups, 'next', { enableAutoCommit: false, sessionTimeoutMs: 3_600_000 / 2 });
  clock.advance(60_000);
  await settle(groups, clock, next);
  expect((await poll(groups, next)).records).toHaveLength(4);
  await groups.commit(next);
  await expect(groups.commit(frozen)).rejects.toMatchObject({ kafka: 'UNKNOWN_MEMBER_ID' });
  await expect(poll(groups, frozen)).rejects.toMatchObject({ kafka: 'UNKNOWN_MEMBER_ID' });
  expect(await groups.committed('g', [{ topic: 'orders', partition: 0 }])).toMatchObject([{ offset: 4 }]);
});

test('a consumer that was frozen past its session is refused, though nobody has put it out', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  const frozen = await join(groups, 'frozen', { enableAutoCommit: false, sessionTimeoutMs: 10_000 });
  await settle(groups, clock, frozen);
  await poll(groups, frozen);
  clock.advance(10_001);
  const unknown = { kafka: 'UNKNOWN_MEMBER_ID' };
  await expect(groups.commit(frozen)).rejects.toMatchObject(unknown);
  await expect(poll(groups, frozen)).rejects.toMatchObject(unknown);
  await expect(groups.heartbeat(frozen)).rejects.toMatchObject(unknown);
  expect(await groups.committed('g', [{ topic: 'orders', partition: 0 }])).toEqual([undefined]);
});

describe('an instance whose name another has taken', () => {
  const config = { groupInstanceId: 'static', enableAutoCommit: false };
  const partition = { topic: 'orders', partition: 0 };

  async function taken() {
    const { clock, groups, wadi } = await started(1);
    await produce(wadi, 'orders', 0, 'one', 'two', 'three', 'four');
    const before = await join(groups, undefined, config);
    await settle(groups, clock, before);
    await poll(groups, before, { most: 2 });
    const after = await join(groups, undefined, config);
    await settle(groups, clock, after);
    await poll(groups, after, { most: 3 });
    await groups.commit(after);
    return { groups, before, after };
  }

  test.each<[string, (groups: Groups, member: MemberName) => Promise<unknown>]>([
    ['commits no offsets', (groups, member) => groups.commit(member, [{ ...partition, offset: 1 }])],
    ['commits nothing that it has polled', (groups, member) => groups.commit(member)],
    ['polls nothing', (groups, member) => poll(groups, member)],
    ['does not seek', (groups, member) => groups.seek(member, [{ ...partition, offset: 'earliest' }])],
    ['takes part in nothing', (groups, member) => groups.heartbeat(member)],
    ['ends no subscription', (groups, member) => groups.subscribe(member, undefined)],
    ['does not leave in its place', (groups, member) => groups.leave(member)],
    ['learns nothing', (groups, member) => groups.describeMember(member)],
  ])('%s', async (_, call) => {
    const { groups, before, after } = await taken();
    await expect(call(groups, before)).rejects.toMatchObject({ kafka: 'FENCED_INSTANCE_ID' });
    expect(await groups.committed('g', [partition])).toMatchObject([{ offset: 3 }]);
    expect((await poll(groups, after)).records.map(([, , offset]) => offset)).toEqual([3]);
  });

  test('is the one that took it, of a call that does not say whose it is', async () => {
    const { groups, before, after } = await taken();
    const { groupId, name } = before;
    const { memberId } = await groups.describeMember({ groupId, name });
    expect(memberId).toBe(after.memberId);
  });
});

test('a commit that is under way while its partition goes to another is refused', async () => {
  const { clock, groups, wadi } = await started(2);
  await produce(wadi, 'orders', 0, 'one', 'two');
  await produce(wadi, 'orders', 1, 'one', 'two');
  const a = await join(groups, 'a', { enableAutoCommit: false });
  await settle(groups, clock, a);
  await poll(groups, a);
  const b = await join(groups, 'b', { enableAutoCommit: false });
  const [, ofB] = await settle(groups, clock, a, b);
  const partition = Number(ofB![0]!.split('/')[1]);
  const lost = groups.commit(a, [{ topic: 'orders', partition, offset: 2 }]);
  await expect(lost).rejects.toMatchObject({ kafka: 'FENCED_MEMBER_EPOCH' });
  expect(await groups.committed('g', [{ topic: 'orders', partition }])).toEqual([undefined]);
});

test('the same poll again gives the same records, moves nothing and commits nothing', async () => {
  const { clock, groups, wadi } = await started(2);
  for (let i = 0; i < 10; i++) await produce(wadi, 'orders', i % 2, `record ${i}`);
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  const first = await poll(groups, a, { most: 7, idempotencyKey: 'k1' });
  const again = await poll(groups, a, { most: 7, idempotencyKey: 'k1' });
  expect(again.records).toEqual(first.records);
  expect(first.records).toHaveLength(7);
  const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }));
  expect(await groups.committed('g', partitions)).toMatchObject([{ offset: 0 }, { offset: 0 }]);
  const next = await poll(groups, a, { most: 7, idempotencyKey: 'k2' });
  expect([...first.records, ...next.records].map(([, , , value]) => value).toSorted()).toEqual(
    Array.from({ length: 10 }, (_, i) => `record ${i}`).toSorted(),
  );
});

test('a poll whose answer was lost, and is asked for again after a partition went, has not committed that partition', async () => {
  const { clock, groups, wadi } = await started(2);
  for (let i = 0; i < 10; i++) await produce(wadi, 'orders', i % 2, `record ${i}`);
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  const lost = await poll(groups, a, { idempotencyKey: 'k1' });
  expect(lost.records).toHaveLength(10);
  const b = await join(groups, 'b');
  clock.advance(200);
  await groups.heartbeat(b);
  const again = await poll(groups, a, { idempotencyKey: 'k1' });
  expect(again.records).toHaveLength(5);
  clock.advance(200);
  const others = await poll(groups, b);
  expect(others.records).toHaveLength(5);
  const values = [...again.records, ...others.records].map(([, , , value]) => value);
  expect(values.toSorted()).toEqual(lost.records.map(([, , , value]) => value).toSorted());
});

test('a key gives nothing else when what it gave has gone to others, for its answer may have come: another key does', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  expect((await poll(groups, a, { idempotencyKey: 'k1' })).records).toHaveLength(2);
  await withTopic(wadi, 'users', 1);
  await produce(wadi, 'users', 0, 'three');
  await groups.subscribe(a, { topics: ['users'] });
  await settle(groups, clock, a);
  await expect(poll(groups, a, { idempotencyKey: 'k1' })).rejects.toMatchObject({
    kafka: 'INVALID_FETCH_SESSION_EPOCH',
    field: 'idempotency-key',
  });
  expect((await poll(groups, a, { idempotencyKey: 'k2' })).records).toHaveLength(1);
});

test.each([
  ['leaves', (groups: Groups, a: MemberName, key?: string) => groups.leave(a, key)],
  ['unsubscribes', (groups: Groups, a: MemberName, key?: string) => groups.subscribe(a, undefined, key)],
])(
  'who %s commits what a poll with a key gave only if the next key shows that its answer came',
  async (_, end) => {
    const { clock, groups, wadi } = await started(1);
    await produce(wadi, 'orders', 0, 'one', 'two', 'three');
    const offsets: number[] = [];
    for (const next of ['k/1', undefined, 'k/2']) {
      const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
      await settle(groups, clock, a);
      await poll(groups, a, { most: 1, idempotencyKey: 'k/1' });
      await end(groups, a, next);
      const [position] = await groups.committed('g', [{ topic: 'orders', partition: 0 }]);
      offsets.push(position?.offset ?? 0);
      if (_ === 'unsubscribes') await groups.leave(a);
    }
    expect(offsets).toEqual([0, 0, 1]);
  },
);

test('what was committed ahead of the member is not taken back by what its polls imply', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three');
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  await poll(groups, a, { most: 1 });
  await groups.commit(a, [{ topic: 'orders', partition: 0, offset: 3 }]);
  const offsets: number[] = [];
  for (let i = 0; i < 3; i++) {
    await poll(groups, a, { most: 1 });
    offsets.push((await groups.committed('g', [{ topic: 'orders', partition: 0 }]))[0]!.offset);
  }
  expect(offsets).toEqual([3, 3, 3]);
});

test('a commit of all that was polled is not of what a poll gave that comes next', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three');
  const a = await join(groups, 'a', { enableAutoCommit: false });
  await settle(groups, clock, a);
  await poll(groups, a, { most: 1, idempotencyKey: 'k/1' });
  await poll(groups, a, { most: 1, idempotencyKey: 'k/2' });
  const offsets: number[] = [];
  for (const next of ['k/2', 'k/3']) {
    await groups.commit(a, undefined, next);
    offsets.push((await groups.committed('g', [{ topic: 'orders', partition: 0 }]))[0]!.offset);
  }
  expect(offsets).toEqual([1, 2]);
});

test('a member that confirms keeps a partition, unread, until it has stopped with it', async () => {
  const { clock, groups, wadi } = await started(2);
  const a = await join(groups, 'a', { confirmRevocation: true });
  await settle(groups, clock, a);
  const b = await join(groups, 'b', { confirmRevocation: true });
  clock.advance(200);
  await groups.heartbeat(b);
  const asked = await groups.heartbeat(a);
  expect(asked.revoking).toHaveLength(1);
  expect(asked.assigned).toHaveLength(2);
  const [revoked] = asked.revoking;
  await produce(wadi, 'orders', revoked!.partition, 'late');
  expect((await poll(groups, a)).records).toEqual([]);
  expect((await groups.heartbeat(b)).assigned).toEqual([]);
  await groups.commit(a, [{ ...revoked!, offset: 0 }]);
  expect((await groups.heartbeat(a, asked.revoking)).assigned).toHaveLength(1);
  expect((await groups.heartbeat(b)).assigned).toMatchObject([revoked!]);
});

test('new topics and new partitions of a subscription join by themselves', async () => {
  const { clock, groups, wadi } = await started(1);
  const a = await groups.create('g', { autoOffsetReset: 'earliest' }, 'a');
  await groups.subscribe(a, { pattern: 'ord.*' });
  expect(await settle(groups, clock, a)).toEqual([['orders/0']]);
  await withTopic(wadi, 'ordinals', 1);
  await withTopic(wadi, 'others', 1);
  await wadi.topics.addPartitions('orders', 2);
  clock.advance(6_000);
  const [held] = await settle(groups, clock, a);
  expect(held!.toSorted()).toEqual(['orders/0', 'orders/1', 'ordinals/0']);
});

test('what a static member was to let go does not come back with it', async () => {
  const { clock, groups } = await started(2);
  const config = { groupInstanceId: 'static', confirmRevocation: true };
  await settle(groups, clock, await join(groups, undefined, config));
  const b = await join(groups, 'b');
  clock.advance(6_000);
  await groups.heartbeat(b);
  const { revoking } = await groups.heartbeat({ groupId: 'g', name: 'static' });
  expect(revoking).toHaveLength(1);
  const again = await join(groups, undefined, config);
  const held = await settle(groups, clock, again, b);
  expect(held.map(({ length }) => length)).toEqual([1, 1]);
});

test.each([
  [{ topics: ['orders'] }, { pattern: 'or.*' }],
  [{ pattern: 'or.*' }, { topics: ['orders'] }],
])(
  'a subscription to %j is not replaced by one of the other kind before it has ended',
  async (one, other) => {
    const { groups } = await started(1);
    const a = await groups.create('g');
    await groups.subscribe(a, one);
    await expect(groups.subscribe(a, other)).rejects.toMatchObject({ kafka: 'INVALID_REQUEST' });
    expect((await groups.describeMember(a)).subscription).toEqual(one);
    await groups.subscribe(a, undefined);
    await groups.subscribe(a, other);
    expect((await groups.describeMember(a)).subscription).toEqual(other);
  },
);

test('a static member that comes again takes its place, and the one that had it is refused', async () => {
  const { clock, groups, wadi } = await started(2);
  await produce(wadi, 'orders', 0, 'one', 'two');
  const config = { groupInstanceId: 'static', enableAutoCommit: false };
  const first = await join(groups, undefined, config);
  const b = await join(groups, 'b', { enableAutoCommit: false });
  const before = await settle(groups, clock, first, b);
  const { epoch } = await groups.describe('g');
  await groups.leave(first);
  await expect(groups.heartbeat(first)).rejects.toMatchObject({ kafka: 'UNKNOWN_MEMBER_ID' });
  const second = await join(groups, undefined, config);
  expect(await settle(groups, clock, second, b)).toEqual(before);
  expect((await groups.describe('g')).epoch).toBe(epoch);
});

test('the calls of one instance are served by any process', async () => {
  const { clock, storage, wadi } = await started(3);
  const processes = await Promise.all([1, 2, 3].map(() => startWadi(storage, clock)));
  let turn = 0;
  const anyGroups = () => processes[turn++ % processes.length]!.groups;
  for (let i = 0; i < 30; i++) await produce(wadi, 'orders', i % 3, `record ${i}`);
  const member: MemberName = await anyGroups().create('g', { autoOffsetReset: 'earliest' }, 'one');
  await anyGroups().subscribe(member, { topics: ['orders'] });
  const got: string[] = [];
  for (let i = 0; i < 40 && got.length < 30; i++) {
    clock.advance(200);
    const { records } = await poll(anyGroups(), member, { most: 4 });
    for (const [, , , value] of records) got.push(value);
  }
  expect(got.toSorted()).toEqual(Array.from({ length: 30 }, (_, i) => `record ${i}`).toSorted());
});
