import type { Groups, MemberConfig, MemberName } from '../../lib/group/groups.ts';
import { GROUP_LIMITS } from '../../lib/group/limits.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';
import { join, poll, produce, settle, startWadi, withTopic } from './support.ts';

const PARTITIONS = [0, 1, 2, 3];
const RECORDS = 6;
const SWEEP_MS = GROUP_LIMITS.sweepMs;
const SESSION_MS = 12_000;

/** A process that dies behind its nth call, which it does not hear of. */
function mortal(nth: number) {
  let calls = 0;
  const intercept: Intercept = async ({ store }, proceed) => {
    if (store !== 'groups') return proceed();
    if (calls > nth) throw new StorageError('dead', 'no');
    if (calls++ < nth) return proceed();
    await proceed();
    throw new StorageError('died', 'unknown');
  };
  return { intercept, died: () => calls > nth };
}

/** A group with records to read, of which it has read some, and what its members were given. */
async function reading(config: Partial<MemberConfig>) {
  const clock = testClock();
  const storage = memoryStorage();
  const wadi = await startWadi(storage, clock);
  await withTopic(wadi, 'orders', PARTITIONS.length);
  for (const partition of PARTITIONS) await produce(wadi, 'orders', partition, ...'abcdef');
  const given = new Set<string>();
  const committed = new Map<number, number>();
  const { groups } = wadi;
  const enter = (through: Groups, name: string) =>
    join(through, name, { sessionTimeoutMs: SESSION_MS, autoCommitIntervalMs: 0, ...config });
  const keys = new Map<string, number>();
  /** As a client does: a key is used up by an answer with records, which are processed, then committed. */
  async function consume(through: Groups, member: MemberName, most = 9): Promise<number> {
    const n = keys.get(member.name) ?? 0;
    const { records } = await poll(through, member, { most, idempotencyKey: `${member.name}/${n}` });
    if (records.length > 0) keys.set(member.name, n + 1);
    for (const [, partition, offset] of records) given.add(`${partition}/${offset}`);
    if (config.enableAutoCommit === false) await through.commit(member);
    return records.length;
  }
  /** Nothing that was committed is further on than what was given, nor further back than it was. */
  async function expectSound(): Promise<void> {
    const names = PARTITIONS.map((partition) => ({ topic: 'orders', partition }));
    for (const [partition, found] of (await groups.committed('g', names)).entries()) {
      const offset = found?.offset ?? 0;
      const before = committed.get(partition) ?? 0;
      if (offset < before) throw new Error(`partition ${partition} went back from ${before} to ${offset}`);
      committed.set(partition, offset);
      for (let below = 0; below < offset; below++) {
        if (!given.has(`${partition}/${below}`)) throw new Error(`${partition}/${below} was passed over`);
      }
    }
  }
  const process = async (intercept: Intercept) =>
    (await startWadi(intercepted(storage, intercept), clock)).groups;
  const a = await enter(groups, 'a');
  const b = await enter(groups, 'b');
  await settle(groups, clock, a, b);
  await consume(groups, a);
  return { clock, groups, process, enter, consume, expectSound, given, keys, members: [a, b] as const };
}

type Reading = Awaited<ReturnType<typeof reading>>;

/** What a process dies of: a call, or what a client does with several, of member a, or of one that comes. */
const DEATHS: Record<string, (groups: Groups, world: Reading) => Promise<unknown>> = {
  'a poll': (groups, { members: [a], consume }) => consume(groups, a),
  'two polls': async (groups, { members: [a], consume }) => {
    await consume(groups, a);
    await consume(groups, a);
  },
  'a heartbeat': (groups, { members: [a] }) => groups.heartbeat(a),
  'a heartbeat by which a partition goes': async (groups, { enter, clock, groups: others, members: [a] }) => {
    const c = await enter(others, 'c');
    clock.advance(200);
    await others.heartbeat(c);
    await groups.heartbeat(a);
  },
  'a poll by which a partition goes': async (
    groups,
    { enter, clock, groups: others, members: [a], consume },
  ) => {
    const c = await enter(others, 'c');
    clock.advance(200);
    await others.heartbeat(c);
    await consume(groups, a);
  },
  'a commit': (groups, { members: [a] }) => groups.commit(a),
  'to leave': (groups, { members: [a] }) => groups.leave(a),
  'to come': async (groups, { enter, clock }) => {
    const c = await enter(groups, 'c');
    clock.advance(200);
    await groups.heartbeat(c);
  },
  'to subscribe to nothing, and again': async (groups, { members: [a] }) => {
    await groups.subscribe(a, undefined);
    await groups.subscribe(a, { topics: ['orders'] });
  },
  'to seek': (groups, { members: [a] }) =>
    groups.seek(a, [{ topic: 'orders', partition: 0, offset: 'earliest' }]),
  'a sweep that puts somebody out': async (groups, { clock, members: [a], groups: others }) => {
    clock.advance(SESSION_MS - 1_000);
    await others.heartbeat(a);
    clock.advance(2_000 + SWEEP_MS);
    await groups.heartbeat(a);
  },
};

const passOver = () => undefined;

describe.each(Object.entries(DEATHS))('a process that dies of %s, anywhere in it,', (_, act) => {
  test.each([
    ['by hand, and its client goes on elsewhere', { enableAutoCommit: false }, true],
    ['by itself, and its client goes on elsewhere', { enableAutoCommit: true }, true],
    ['by hand, and its client dies too', { enableAutoCommit: false }, false],
    ['by itself, and its client dies too', { enableAutoCommit: true }, false],
  ] as const)(
    'while its member commits %s: every record is given, and no position lost',
    async (__, config, goesOn) => {
      for (let nth = 0; ; nth++) {
        const world = await reading(config);
        const { clock, groups, process, consume, enter, expectSound, given, members } = world;
        await expectSound();
        const { intercept, died } = mortal(nth);
        await act(await process(intercept), world).catch((error: { kafka?: string }) => {
          if (!(error instanceof StorageError) && error.kafka !== 'KAFKA_STORAGE_ERROR') throw error;
        });
        await expectSound();
        const [a, b] = members;
        const live = new Set<string>(goesOn ? ['a', 'b', 'c'] : ['b', 'd']);
        const d = await enter(groups, 'd');
        const all = [a, b, { groupId: 'g', name: 'c' }, d];
        for (let round = 0; round < 12; round++) {
          clock.advance(SESSION_MS / 3);
          for (const member of all.filter(({ name }) => live.has(name))) {
            if (goesOn && round === 0 && member === a) {
              await groups.subscribe(a, { topics: ['orders'] }).catch(passOver);
            }
            await consume(groups, member).catch((error: { kafka?: string }) => {
              if (error.kafka !== 'UNKNOWN_MEMBER_ID') throw error;
              live.delete(member.name);
            });
            await expectSound();
          }
        }
        expect(given.size).toBe(PARTITIONS.length * RECORDS);
        const { state, members: left } = await groups.describe('g');
        expect(state).toBe('stable');
        const held = left.flatMap(({ assigned }) => assigned.map(({ partition }) => partition));
        expect(held.toSorted()).toEqual(PARTITIONS);
        for (const { name, assigned } of left) {
          const offsets = assigned.map((each) => ({ ...each, offset: RECORDS }));
          await groups.commit({ groupId: 'g', name }, offsets);
        }
        if (!died()) return;
      }
    },
    60_000,
  );
});
