import { beginJoin, leave, stateOf } from '../../lib/replication/inSync.ts';
import { REPLICATION_LIMITS } from '../../lib/replication/limits.ts';
import { createMembership } from '../../lib/replication/membership.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type ItemStore, StorageError } from '../../lib/storage/ports.ts';
import { testClock } from '../support/log.ts';

const { viewMs } = REPLICATION_LIMITS;

/** A membership whose reads can be made to wait, or to fail. */
async function start() {
  const clock = testClock();
  const { log } = memoryStorage();
  let reads = 0;
  let before: () => Promise<void> = async () => undefined;
  const items: ItemStore = {
    ...log,
    async get(key) {
      reads++;
      await before();
      return log.get(key);
    },
  };
  const options = { items, clock, limits: REPLICATION_LIMITS, names: ['a', 'b'], isNew: async () => true };
  const membership = createMembership(options);
  await membership.view();
  const onRead = (run: () => Promise<void>) => {
    before = run;
  };
  return { clock, items, membership, reads: () => reads, onRead };
}

test('who is in sync is read again before that is too old, and nobody waits for it', async () => {
  const { clock, membership, reads, onRead } = await start();
  const answered = Promise.withResolvers<void>();
  onRead(() => answered.promise);
  clock.advance(viewMs / 2);
  await membership.view();
  expect(reads()).toBe(1);
  clock.advance(viewMs * 0.4);
  await membership.view();
  await membership.view();
  expect(reads()).toBe(2);

  // Now it is too old: he waits for the answer.
  clock.advance(viewMs / 2);
  const waiting = membership.view();
  expect(await Promise.race([waiting, clock.sleep(0)])).toBeUndefined();
  answered.resolve();
  expect((await waiting).epoch).toBe(1);
  expect(reads()).toBe(2);
});

test('an answer is as old as its question', async () => {
  const { clock, membership, reads, onRead } = await start();
  onRead(async () => clock.advance(viewMs * 2));
  await membership.refresh();
  onRead(async () => undefined);
  await membership.view();
  expect(reads()).toBe(3);
});

test('a read ahead that fails is heard of by who needs it', async () => {
  const { clock, membership, onRead } = await start();
  onRead(async () => {
    throw new StorageError('nobody answers', 'no');
  });
  clock.advance(viewMs * 0.9);
  await membership.view();
  clock.advance(viewMs * 2);
  await expect(membership.view()).rejects.toThrow('nobody answers');
});

test('a process whose configuration lacks a region that the cluster has is refused, before and after it knew who is in sync', async () => {
  const { clock, membership, items } = await start();
  const wider = createMembership({
    ...{ items, clock, limits: REPLICATION_LIMITS },
    names: ['a', 'b', 'c'],
    isNew: async () => true,
  });
  await wider.view();
  await membership.view();
  await wider.change((inSync, now) => beginJoin(inSync, 'c', now));
  const lacks = "the cluster has regions that this process's configuration does not name: c";
  await expect(membership.refresh()).rejects.toThrow(lacks);
  await expect(membership.change((inSync, now) => leave(inSync, ['b'], now))).rejects.toThrow(lacks);
  clock.advance(viewMs);
  await expect(membership.view()).rejects.toThrow(lacks);
  expect(stateOf(await wider.refresh(), 'c')).toBe('joining');
});
