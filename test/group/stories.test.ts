import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, StorageError } from '../../lib/storage/ports.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';
import { join, poll, produce, settle, startWadi, withTopic } from './support.ts';

const MANUAL = { enableAutoCommit: false };

async function started(partitions = 2) {
  const clock = testClock();
  const storage = memoryStorage();
  const wadi = await startWadi(storage, clock);
  await withTopic(wadi, 'orders', partitions);
  /** Another process, whose storage calls go through `intercept`. */
  const another = async (intercept: Intercept) =>
    (await startWadi(intercepted(storage, intercept), clock)).groups;
  return { clock, storage, wadi, groups: wadi.groups, another };
}

const of = (partition: number) => ({ topic: 'orders', partition });

/** Stops at the first call for which it is time, until it is let go. */
function frozenAt(when: (call: Call) => boolean) {
  const frozen = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let done = false;
  const intercept: Intercept = async (call, proceed) => {
    if (!done && when(call)) {
      done = true;
      reached.resolve();
      await frozen.promise;
    }
    return proceed();
  };
  return { intercept, reached: reached.promise, wake: frozen.resolve };
}

const isPut =
  (kind: 'member/' | 'positions/') =>
  ({ store, operation, args }: Call): boolean => {
    const { pk, sk } = args[0] as Item;
    return store === 'groups' && operation === 'put' && (kind === 'member/' ? sk : pk).startsWith(kind);
  };

async function committedOf(groups: Awaited<ReturnType<typeof started>>['groups'], partition: number) {
  return (await groups.committed('g', [of(partition)]))[0]?.offset;
}

test('a claim that slept while its partition was taken back, and let go no more, is refused', async () => {
  const { clock, groups, another, wadi } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  const a = await join(groups, 'a', MANUAL);
  await settle(groups, clock, a);
  const b = await join(groups, 'b', MANUAL);
  clock.advance(200);
  // Whoever is first by name has the one partition; so it goes to b while a is away.
  await groups.subscribe(a, undefined);
  clock.advance(200);
  const { intercept, reached, wake } = frozenAt(isPut('positions/'));
  const claiming = (await another(intercept)).heartbeat(b);
  await reached;
  await groups.subscribe(b, undefined);
  await groups.subscribe(a, { topics: ['orders'] });
  clock.advance(200);
  expect((await groups.heartbeat(a)).assigned).toHaveLength(1);
  wake();
  await claiming;
  expect((await poll(groups, a)).records).toHaveLength(2);
  await groups.commit(a);
  expect(await committedOf(groups, 0)).toBe(2);
});

test('a call of a static member that slept takes nothing from the one that has its place', async () => {
  const { clock, groups, wadi, another } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  const config = { ...MANUAL, groupInstanceId: 'static' };
  const first = await join(groups, undefined, config);
  clock.advance(200);
  const { intercept, reached, wake } = frozenAt(({ operation }) => operation === 'getMany');
  const sleeping = (await another(intercept)).heartbeat(first);
  await reached;
  const second = await join(groups, undefined, config);
  await settle(groups, clock, second);
  await poll(groups, second);
  wake();
  await sleeping;
  await groups.commit(second);
  expect(await committedOf(groups, 0)).toBe(2);
});

test('a static member that comes again, and slept, has not been silent for so long', async () => {
  const { clock, groups, another } = await started(1);
  const config = { ...MANUAL, groupInstanceId: 'static', sessionTimeoutMs: 6_000 };
  const first = await join(groups, undefined, config);
  const { intercept, reached, wake } = frozenAt(
    ({ operation, args }) => operation === 'get' && (args[0] as Item).sk === 'member/static',
  );
  const sleeping = (await another(intercept)).create('g', config);
  await reached;
  for (let ms = 0; ms < 7_000; ms += 1_000) {
    clock.advance(1_000);
    await groups.heartbeat(first);
  }
  wake();
  const second = await sleeping;
  const other = await join(groups, 'other');
  clock.advance(1_000);
  await groups.heartbeat(other);
  await expect(groups.heartbeat(second)).resolves.toMatchObject({});
});

test('a member that unsubscribes and subscribes again at once has its part again', async () => {
  const { clock, groups } = await started();
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  await groups.subscribe(a, undefined);
  await groups.subscribe(a, { topics: ['orders'] });
  expect(await settle(groups, clock, a)).toEqual([['orders/0', 'orders/1']]);
});

test('a member that came while its group was deleted takes its part of the group that comes after', async () => {
  const { clock, groups, another } = await started();
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  await groups.leave(a);
  const { intercept, reached, wake } = frozenAt(
    ({ store, operation, args }) =>
      store === 'groups' && operation === 'delete' && (args[0] as Item).sk === 'group',
  );
  const deleting = (await another(intercept)).delete('g');
  await reached;
  const b = await groups.create('g', {}, 'b');
  await groups.heartbeat(b);
  wake();
  await deleting;
  await groups.subscribe(b, { topics: ['orders'] });
  expect(await settle(groups, clock, b)).toEqual([['orders/0', 'orders/1']]);
});

test('a group whose deletion died is deleted by the next, wherever it died', async () => {
  for (let kill = 0; ; kill++) {
    const { clock, groups, another, storage } = await started();
    const a = await join(groups, 'a');
    await settle(groups, clock, a);
    await poll(groups, a);
    await groups.leave(a);
    const { intercept, killed } = mortal(kill);
    await (await another(intercept)).delete('g').catch(() => undefined);
    await groups.delete('g').catch(unless('GROUP_ID_NOT_FOUND'));
    expect(await groups.list()).toEqual([]);
    for (const pk of ['groups', 'group/g', 'positions/g']) {
      const { items } = await storage.groups.query({ pk, limit: 10 });
      // But for marks.
      expect(items.filter(({ expiresAt }) => expiresAt === undefined)).toEqual([]);
    }
    if (!killed()) return;
  }
});

test('a commit that a poll makes by itself, and that slept, does not take the position back', async () => {
  const { clock, groups, wadi, another } = await started(1);
  await produce(wadi, 'orders', 0, ...'abcdefgh');
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  await poll(groups, a, { most: 2 });
  const { intercept, reached, wake } = frozenAt(isPut('positions/'));
  const seen: (number | undefined)[] = [];
  const watched: Intercept = async (call, proceed) => {
    const result = await intercept(call, proceed);
    seen.push(await committedOf(groups, 0));
    return result;
  };
  const sleeping = poll(await another(watched), a, { most: 2 });
  await reached;
  await poll(groups, a, { most: 3 });
  await poll(groups, a, { most: 3 });
  seen.length = 0;
  wake();
  await sleeping;
  expect(Math.min(...seen.map((offset) => offset ?? 0))).toBe(5);
});

test('what a member has committed itself of its last poll stands when the partition goes', async () => {
  const { clock, groups, wadi } = await started(2);
  for (const partition of [0, 1]) await produce(wadi, 'orders', partition, ...'abcdef');
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  await poll(groups, a);
  await groups.commit(a);
  const [, ofB] = await settle(groups, clock, a, await join(groups, 'b'));
  expect(await committedOf(groups, Number(ofB![0]!.at(-1)))).toBe(6);
});

test('what a poll gave of a partition is forgotten when the partition goes: it may come back further on', async () => {
  const { clock, groups, wadi } = await started(2);
  for (const partition of [0, 1]) await produce(wadi, 'orders', partition, ...'abcdef');
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  await poll(groups, a, { idempotencyKey: 'k1' });
  const b = await join(groups, 'b');
  const [, ofB] = await settle(groups, clock, a, b);
  const partition = Number(ofB![0]!.at(-1));
  expect((await poll(groups, b)).records).toHaveLength(6);
  await groups.leave(b);
  expect(await committedOf(groups, partition)).toBe(6);
  await settle(groups, clock, a);
  expect((await groups.heartbeat(a)).assigned).toContainEqual({ ...of(partition), position: 6 });
  expect((await poll(groups, a, { idempotencyKey: 'k1' })).records).toHaveLength(6);
  await settle(groups, clock, a, await join(groups, 'c'));
  expect(await committedOf(groups, partition)).toBe(6);
});

test('a position that was sought is what is committed when the partition goes', async () => {
  const { clock, groups, wadi } = await started(2);
  for (const partition of [0, 1]) await produce(wadi, 'orders', partition, ...'abcdef');
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  await poll(groups, a, { most: 3 });
  await poll(groups, a, { most: 9 });
  await groups.seek(
    a,
    [0, 1].map((partition) => ({ ...of(partition), offset: 1 })),
  );
  const b = await join(groups, 'b');
  const [, ofB] = await settle(groups, clock, a, b);
  expect(await committedOf(groups, Number(ofB![0]!.at(-1)))).toBe(1);
});

test('who seeks back and commits has committed that, also if what was committed before was not noted', async () => {
  const { clock, groups, wadi, another } = await started(1);
  await produce(wadi, 'orders', 0, ...'abcdef');
  await groups.reset('g', [of(0)], { offset: 0 });
  const a = await join(groups, 'a', MANUAL);
  await settle(groups, clock, a);
  await poll(groups, a);
  const { intercept, reached } = frozenAt(isPut('member/'));
  void (await another(intercept)).commit(a);
  await reached;
  expect(await committedOf(groups, 0)).toBe(6);
  await groups.seek(a, [{ ...of(0), offset: 0 }]);
  await groups.commit(a);
  expect(await committedOf(groups, 0)).toBe(0);
});

test('who seeks beyond the end goes on where auto.offset.reset says, and commits nothing that is not there', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, ...'abc');
  const a = await join(groups, 'a', { autoOffsetReset: 'latest' });
  await settle(groups, clock, a);
  await groups.seek(a, [{ ...of(0), offset: 9 }]);
  await groups.commit(a);
  expect(await committedOf(groups, 0)).toBe(3);
  const b = await join(groups, 'b', { groupId: 'h', autoOffsetReset: 'error' });
  await settle(groups, clock, b);
  const refused = groups.seek(b, [{ ...of(0), offset: 9 }]);
  await expect(refused).rejects.toMatchObject({ kafka: 'OFFSET_OUT_OF_RANGE' });
});

test('a poll that is repeated with less room gives the rest with the next', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, ...'abcdef');
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  await poll(groups, a, { idempotencyKey: 'k1' });
  const got = [...(await poll(groups, a, { most: 2, idempotencyKey: 'k1' })).records];
  got.push(...(await poll(groups, a, { idempotencyKey: 'k2' })).records);
  expect(got.map(([, , , value]) => value)).toEqual([...'abcdef']);
});

test('of a topic that was made again a member begins when it has stopped with the old one, which its commits are of until then', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, ...'abcdef');
  const a = await join(groups, 'a', { ...MANUAL, confirmRevocation: true });
  await settle(groups, clock, a);
  await poll(groups, a);
  await wadi.topics.delete('orders');
  await withTopic(wadi, 'orders', 1);
  await produce(wadi, 'orders', 0, ...'xyz');
  clock.advance(6_000);
  const { revoking } = await groups.heartbeat(a);
  expect(revoking).toEqual([of(0)]);
  clock.advance(4_000);
  expect((await poll(groups, a)).records).toEqual([]);
  await groups.commit(a, [{ ...of(0), offset: 2 }]);
  expect(await committedOf(groups, 0)).toBeUndefined();
  await groups.heartbeat(a, revoking);
  await settle(groups, clock, a);
  expect((await poll(groups, a)).records).toHaveLength(3);
  await groups.commit(a);
  expect(await committedOf(groups, 0)).toBe(3);
});

test('a member that subscribes to other topics is given no more of those before', async () => {
  const { clock, groups, wadi } = await started(1);
  await withTopic(wadi, 'others', 1);
  await produce(wadi, 'orders', 0, 'one');
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  await groups.subscribe(a, { topics: ['others'] });
  expect((await poll(groups, a)).records).toEqual([]);
  expect(await settle(groups, clock, a)).toEqual([['others/0']]);
});

test('a static member does not take the place of one that is none', async () => {
  const { clock, groups } = await started();
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  const taking = groups.create('g', { groupInstanceId: 'a' });
  await expect(taking).rejects.toMatchObject({ kafka: 'UNRELEASED_INSTANCE_ID' });
});

test('of two offsets of a partition in one commit the last counts', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, ...'abcdef');
  const a = await join(groups, 'a', MANUAL);
  await settle(groups, clock, a);
  await poll(groups, a);
  for (const last of [5, 3]) {
    const offsets = [...Array<number>(20).fill(6), last].map((offset) => ({ ...of(0), offset }));
    await groups.commit(a, offsets);
    expect(await committedOf(groups, 0)).toBe(last);
  }
});

test('a group that is deleted while it is made again, by one who slept, is on the list', async () => {
  const { groups, another } = await started();
  const { intercept, reached, wake } = frozenAt(
    ({ store, operation, args }) =>
      store === 'groups' && operation === 'put' && (args[0] as Item).sk === 'group',
  );
  const sleeping = (await another(intercept)).create('g', {}, 'a');
  await reached;
  await groups.leave(await groups.create('g', {}, 'b'));
  await groups.delete('g');
  wake();
  await sleeping;
  expect(await groups.list()).toEqual([{ groupId: 'g' }]);
});

test('partitions that stay are read on while new ones come, of which a process does not know yet', async () => {
  const { clock, groups, wadi, another } = await started(1);
  await withTopic(wadi, 'others', 1);
  const elsewhere = await another((_, proceed) => proceed());
  const a = await join(groups, 'a');
  await settle(groups, clock, a);
  clock.advance(5_100);
  await poll(elsewhere, a);
  await wadi.topics.addPartitions('orders', 2);
  await join(groups, 'b', { topic: 'others' });
  clock.advance(200);
  expect((await groups.heartbeat(a)).assigned).toHaveLength(2);
  await produce(wadi, 'orders', 0, 'one');
  expect((await poll(elsewhere, a)).records).toHaveLength(1);
});

test.each([
  ['at its first look at the records', ({ store }: Call) => store === 'log'],
  ['before it moved the positions', isPut('member/')],
])(
  'a poll that slept %s, and was repeated and answered elsewhere, takes nothing when it wakes',
  async (_, when) => {
    const { clock, groups, wadi, another } = await started(1);
    await produce(wadi, 'orders', 0, ...'abcdef');
    const a = await join(groups, 'a', MANUAL);
    await settle(groups, clock, a);
    const { intercept, reached, wake } = frozenAt(when);
    const sleeping = poll(await another(intercept), a, { most: 2, idempotencyKey: 'k1' });
    await reached;
    const got = [...(await poll(groups, a, { most: 2, idempotencyKey: 'k1' })).records];
    got.push(...(await poll(groups, a, { most: 2, idempotencyKey: 'k2' })).records);
    wake();
    await expect(sleeping).rejects.toMatchObject({ kafka: 'INVALID_FETCH_SESSION_EPOCH' });
    got.push(...(await poll(groups, a, { most: 2, idempotencyKey: 'k3' })).records);
    expect(got.map(([, , , value]) => value)).toEqual([...'abcdef']);
  },
);

test('a copy of a poll that comes late, whose key is not of the last, takes nothing', async () => {
  const { clock, groups, wadi } = await started(1);
  await produce(wadi, 'orders', 0, ...'abcdef');
  const a = await join(groups, 'a', MANUAL);
  await settle(groups, clock, a);
  const got: string[] = [];
  for (const key of ['8', '9', '10']) {
    const { records } = await poll(groups, a, { most: 2, idempotencyKey: `poll/${key}` });
    got.push(...records.map(([, , , value]) => value));
    if (key === '8') continue;
    const late = poll(groups, a, { idempotencyKey: 'poll/8' });
    await expect(late).rejects.toMatchObject({ kafka: 'INVALID_FETCH_SESSION_EPOCH' });
  }
  expect(got).toEqual([...'abcdef']);
});

test('a poll that slept while there was nothing gives what it took to whoever asks with its key', async () => {
  const { clock, groups, wadi, another } = await started(1);
  const a = await join(groups, 'a', MANUAL);
  await settle(groups, clock, a);
  const { intercept, reached, wake } = frozenAt(({ store }) => store === 'log');
  const sleeping = poll(await another(intercept), a, { idempotencyKey: 'k1' });
  await reached;
  expect((await poll(groups, a, { idempotencyKey: 'k1' })).records).toEqual([]);
  await produce(wadi, 'orders', 0, ...'abc');
  wake();
  expect((await sleeping).records).toHaveLength(3);
  expect((await poll(groups, a, { idempotencyKey: 'k1' })).records).toHaveLength(3);
});

/** A process that dies before (even) or after (odd) its nth call. */
function mortal(kill: number) {
  let calls = 0;
  let killed = false;
  const intercept: Intercept = async (_, proceed) => {
    if (killed) throw new Error('dead');
    if (calls++ === kill >> 1) {
      killed = true;
      if (kill % 2 === 1) await proceed();
      throw new Error('died');
    }
    return proceed();
  };
  return { intercept, killed: () => killed };
}

/** Passes over refusals of that name, and what a dead process says. */
function unless(...names: string[]) {
  return (error: unknown): undefined => {
    if (!names.includes((error as { kafka?: string }).kafka ?? '')) throw error;
  };
}

test('a commit that slept while its partition went to another and came back takes nothing of that back', async () => {
  const { clock, groups, wadi, another } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two', 'three');
  const a = await join(groups, 'a', MANUAL);
  await settle(groups, clock, a);
  await poll(groups, a, { most: 1 });
  const { intercept, reached, wake } = frozenAt(({ operation, args }) => {
    const [first] = [args[0]].flat() as { pk: string }[];
    return operation === 'getMany' && first?.pk.startsWith('positions/') === true;
  });
  const sleeping = (await another(intercept)).commit(a, [{ ...of(0), offset: 1 }]);
  await reached;
  await groups.subscribe(a, undefined);
  const b = await join(groups, 'b', MANUAL);
  await settle(groups, clock, b);
  await groups.commit(b, [{ ...of(0), offset: 3 }]);
  await groups.leave(b);
  await groups.subscribe(a, { topics: ['orders'] });
  await settle(groups, clock, a);
  wake();
  await expect(sleeping).rejects.toMatchObject({ kafka: 'FENCED_MEMBER_EPOCH' });
  expect(await committedOf(groups, 0)).toBe(3);
});

test('a call that slept while its member left, and another came under its name, does not bring it back', async () => {
  const { groups, another } = await started();
  const before = await groups.create('g', {}, 'a');
  const { intercept, reached, wake } = frozenAt(isPut('member/'));
  const sleeping = (await another(intercept)).subscribe(before, { topics: ['orders'] });
  await reached;
  await groups.leave(before);
  const after = await groups.create('g', { fetchMinBytes: 7 }, 'a');
  wake();
  await expect(sleeping).rejects.toMatchObject({ kafka: 'FENCED_INSTANCE_ID' });
  expect((await groups.describeMember(after)).config.fetchMinBytes).toBe(7);
});

describe('while somebody who divides sleeps behind the look at the members', () => {
  async function dividing() {
    const { clock, groups, another } = await started();
    const a = await join(groups, 'a');
    await settle(groups, clock, a);
    const b = await join(groups, 'b');
    clock.advance(200);
    const { intercept, reached, wake } = frozenAt(
      ({ operation, args }) => operation === 'get' && (args[0] as Item).sk.startsWith('division/'),
    );
    const sleeping = (await another(intercept)).heartbeat(b);
    await reached;
    return { clock, groups, a, b, wake, sleeping };
  }

  test('a member that ends its subscription takes no part of it', async () => {
    const { groups, a, wake, sleeping } = await dividing();
    await groups.subscribe(a, undefined);
    wake();
    await sleeping;
    expect(await groups.heartbeat(a)).toMatchObject({ assigned: [], pending: [] });
  });

  test('a member that comes has its part soon, not when members are looked through the next time', async () => {
    const { clock, groups, a, b, wake, sleeping } = await dividing();
    await groups.leave(a);
    await groups.leave(b);
    const c = await join(groups, 'c');
    wake();
    await sleeping.catch(() => undefined);
    clock.advance(200);
    expect((await groups.heartbeat(c)).assigned).toHaveLength(2);
  });
});

test('a poll whose move of the positions landed unheard, with another call behind it, gives what it took', async () => {
  const { clock, groups, wadi, another } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  const a = await join(groups, 'a', { autoCommitIntervalMs: 0 });
  await settle(groups, clock, a);
  let lost = false;
  const unheard = await another(async (call, proceed) => {
    const isMove = isPut('member/')(call) && (call.args[0] as { pollToken?: string }).pollToken !== '';
    if (lost || !isMove) return proceed();
    lost = true;
    await proceed();
    clock.advance(200_000);
    await groups.heartbeat(a);
    throw new StorageError('no answer', 'unknown');
  });
  const { records } = await poll(unheard, a);
  expect([lost, records.map(([, , , value]) => value)]).toEqual([true, ['one', 'two']]);
  expect(await committedOf(groups, 0)).toBe(0);
});

test('a position that was deleted is not brought back by a late copy of the write that made it', async () => {
  const { groups, wadi, another } = await started(1);
  await produce(wadi, 'orders', 0, 'one', 'two');
  let late: (() => Promise<unknown>) | undefined;
  const copied = await another((call, proceed) => {
    if (isPut('positions/')(call)) late ??= proceed;
    return proceed();
  });
  await copied.reset('g', [of(0)], 'latest');
  await groups.delete('g');
  await late!();
  expect(await committedOf(groups, 0)).toBeUndefined();
  await groups.reset('g', [of(0)], { offset: 1 });
  expect(await committedOf(groups, 0)).toBe(1);
});

test('marks of positions go after a day', async () => {
  const { clock, groups, storage } = await started(1);
  await groups.reset('g', [of(0)], 'latest');
  await groups.deletePositions('g', [of(0)]);
  const left = async () => (await storage.groups.query({ pk: 'positions/g', limit: 10 })).items.length;
  await groups.tidy('g', 10 * DAY_MS);
  expect(await left()).toBe(1);
  clock.advance(DAY_MS + 1_000);
  await groups.tidy('g', 10 * DAY_MS);
  expect(await left()).toBe(0);
});

const DAY_MS = 24 * 3_600_000;
