import type { Storage } from '../../lib/storage/ports.ts';
import { changelogTopic, prepare } from '../../lib/streams/runtime/application.ts';
import { restoreTask } from '../../lib/streams/runtime/restoreTask.ts';
import type { Snapshot } from '../../lib/streams/runtime/snapshot.ts';
import { parseTask, taskKey } from '../../lib/streams/runtime/taskItem.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { createTask } from '../../lib/streams/task/task.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { seeded } from '../simulation/random.ts';
import { intercepted } from '../support/faults.ts';
import {
  expectAtLeastOnce,
  expectOnce,
  LIMITS as FEW,
  produce,
  readAll,
  runToRest,
  sayAll,
  wordCount,
  world,
} from './countedWords.ts';

/** A snapshot as often as there are as many changes as keys in the last, a part for each key. */
const LIMITS = { ...FEW, recordsPerStep: 2, snapshotRecords: 1, snapshotPartBytes: 1 };
const application = wordCount();
/** Those that count. */
const COUNTING = [0, 1].map((partition) => ({ subtopology: 1, partition }));
type World = Awaited<ReturnType<typeof world>>;

async function snapshotOf({ storage }: World, partition: number): Promise<Snapshot | undefined> {
  const key = taskKey(application.applicationId, COUNTING[partition]!);
  return parseTask(await storage.groups.get(key)).snapshot;
}

/** What a cold worker restores, and how many records of the changelog it reads; `undefined` if the snapshot is of no use. */
async function restored({ wadi, clock }: World, partition: number, snapshot: Snapshot | undefined) {
  const subtopology = application.topology.subtopologies[1]!;
  const task = createTask({ partition, subtopology, nowMs: clock.now() });
  const changelogs = new Map([['counts', await wadi.topics.describe(changelogTopic('count', 'counts'))]]);
  const context = { log: wadi.log, objects: wadi.storage.objects, clock };
  const records = await restoreTask(context, task, changelogs, snapshot);
  if (records === undefined) return undefined;
  const pairs = [...task.contents('counts').range()];
  return { records, contents: pairs.map((pair) => pair.map((bytes) => Buffer.from(bytes).toString('hex'))) };
}

/** The names of the snapshots of which there is something in S3. */
async function stored({ storage }: World, partition: number): Promise<Set<string>> {
  const { objects } = await storage.objects.list(`snapshots/count/1_${partition}/`, { limit: 1_000 });
  return new Set(objects.map(({ key }) => key.slice(0, key.lastIndexOf('/') + 1)));
}

async function expectSame(w: World): Promise<void> {
  for (const partition of [0, 1]) {
    const snapshot = await snapshotOf(w, partition);
    const [warm, cold] = [await restored(w, partition, snapshot), await restored(w, partition, undefined)];
    expect(warm?.contents).toEqual(cold?.contents);
  }
}

async function startWorker(w: World, storage: Storage = w.storage, limits = LIMITS) {
  const wadi: Wadi = await createWadi({
    ...{ storage, clock: w.clock, clusterId: 'test' },
    warn: () => undefined,
  });
  const { log, topics } = wadi;
  const tasks = await prepare(topics, application);
  const { groups: items, objects } = wadi.storage;
  const runner = createTaskRunner({
    ...{ application, items, objects, log, topics },
    ...{ clock: w.clock, limits },
  });
  return { tasks, runner };
}

/** More words, on their way to those that count. */
async function bringMore(w: World): Promise<void> {
  await sayAll(w);
  const { runner, tasks } = await startWorker(w);
  for (const task of tasks.filter(({ subtopology }) => subtopology === 0))
    await runner.run(task, w.clock.now() + 600_000);
}

test('a store that is restored from a snapshot, and from there on, is as one restored from the whole changelog, and fewer records are read', async () => {
  const w = await world(seeded(1));
  await runToRest(w, () => 0, LIMITS);
  await expectSame(w);
  const snapshot = await snapshotOf(w, 0);
  expect(snapshot!.stores[0]!.parts).toBeGreaterThan(1);
  const [some, all] = [await restored(w, 0, snapshot), await restored(w, 0, undefined)];
  // As many as keys, and a step, at most.
  expect(some!.records).toBeLessThan(snapshot!.keys + LIMITS.recordsPerStep);
  expect(some!.records).toBeLessThan(all!.records);
});

test('steps behind a snapshot leave it in the item', async () => {
  const w = await world(seeded(1));
  await runToRest(w, () => 0, { ...LIMITS, snapshotRecords: 4 });
  await expectSame(w);
  const [some, all] = [await restored(w, 0, await snapshotOf(w, 0)), await restored(w, 0, undefined)];
  expect(some!.records).toBeGreaterThan(0);
  expect(some!.records).toBeLessThan(all!.records);
});

test('of the snapshots of a task only the last is kept', async () => {
  const w = await world(seeded(2));
  await runToRest(w, () => 0, LIMITS);
  for (const partition of [0, 1]) {
    const snapshot = await snapshotOf(w, partition);
    expect(await stored(w, partition)).toEqual(new Set(snapshot && [snapshot.prefix]));
  }
});

test('whoever dies, between any two calls of the storage, each word is counted once, whatever the snapshot is restored from', async () => {
  for (let dies = 1; ; dies++) {
    const w = await world(seeded(dies));
    const processes = await runToRest(w, (process) => (process === 0 ? dies : 0), LIMITS);
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
    await expectSame(w);
    // The one that counts, and what the dead has left.
    for (const partition of [0, 1]) expect((await stored(w, partition)).size).toBeLessThanOrEqual(2);
    if (processes === 0) return;
  }
}, 120_000);

test('where a step is appended before it is committed, a snapshot is as right, whoever dies', async () => {
  const atLeastOnce = { ...application, processingGuarantee: 'at_least_once' } as const;
  for (let dies = 1; ; dies++) {
    const w = await world(seeded(dies));
    const processes = await runToRest(w, (process) => (process === 0 ? dies : 0), LIMITS, atLeastOnce);
    expectAtLeastOnce(await readAll(w.wadi, 'words'), w.lines);
    await expectSame(w);
    if (processes === 0) return;
  }
}, 120_000);

test('however many die, one after the other, what they leave behind does not become more', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seeded(seed);
    const w = await world(random);
    await runToRest(w, (process) => (process < 12 ? random.between(1, 160) : 0), LIMITS);
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
    await expectSame(w);
    for (const partition of [0, 1]) expect((await stored(w, partition)).size).toBeLessThanOrEqual(2);
  }
}, 120_000);

test('of those who die each time before they name theirs, one is left', async () => {
  const w = await world(seeded(1));
  await runToRest(w, () => 0, { ...LIMITS, snapshotRecords: 1_000 });
  await bringMore(w);
  const storage = intercepted(w.storage, async ({ store, operation, args }, proceed) => {
    if (store === 'groups' && operation === 'put' && JSON.stringify(args[0]).includes('snapshot'))
      throw new Error('killed');
    return proceed();
  });
  for (let nth = 0; nth < 5; nth++) {
    const { runner } = await startWorker(w, storage);
    await expect(runner.run(COUNTING[0]!, w.clock.now() + 600_000)).rejects.toThrow('killed');
  }
  expect((await stored(w, 0)).size).toBe(1);
});

test('one that sleeps before it names its snapshot, or before it looks for the others or deletes them, names none when it wakes, and deletes none that counts', async () => {
  for (const operation of ['put', 'list', 'delete']) {
    const w = await world(seeded(7));
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let asleep = () => {};
    const sleeping = new Promise<void>((resolve) => {
      asleep = resolve;
    });
    let slept = false;
    const storage = intercepted(w.storage, async (call, proceed) => {
      const said = JSON.stringify(call.args[0]);
      const isIt =
        operation === 'put'
          ? call.store === 'groups' && said.includes('snapshot')
          : call.store === 'objects' && /^\[?"snapshots/.test(said);
      if (!slept && call.operation === operation && isIt) {
        slept = true;
        asleep();
        await woken;
      }
      return proceed();
    });
    const sleeper = await startWorker(w, storage);
    const work = async () => {
      const outcomes: string[] = [];
      for (const task of sleeper.tasks)
        outcomes.push((await sleeper.runner.run(task, w.clock.now() + 600_000)).outcome);
      return outcomes;
    };
    const working = work();
    await Promise.race([sleeping, working]);
    expect(slept).toBe(true);
    w.clock.advance(2 * LIMITS.leaseMs);
    await runToRest(w, () => 0, LIMITS);
    const before = [await snapshotOf(w, 0), await snapshotOf(w, 1)];
    wake();
    expect(await working).toContain('lost');
    await expectSame(w);
    for (const partition of [0, 1]) {
      const prefix = before[partition]?.prefix;
      if (prefix !== undefined) expect(await stored(w, partition)).toContain(prefix);
    }
    await runToRest(w, () => 0, LIMITS);
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
  }
});

test('a snapshot is of no use where tombstones behind it may be gone, where the log start is past it, where the changelog is another, or without its objects', async () => {
  const w = await world(seeded(1));
  await runToRest(w, () => 0, LIMITS);
  const snapshot = (await snapshotOf(w, 0))!;
  const all = await restored(w, 0, undefined);
  const [store] = snapshot.stores;
  expect((await restored(w, 0, snapshot))!.records).toBeLessThan(all!.records);
  expect(await restored(w, 0, { ...snapshot, stores: [{ ...store!, topicId: 'another' }] })).toEqual(all);
  expect(await restored(w, 0, { ...snapshot, stores: [{ ...store!, parts: 1_000 }] })).toBeUndefined();
  expect(await restored(w, 0, { ...snapshot, stores: [{ ...store!, offset: -1 }] })).toBeUndefined();
  const { configs } = await w.wadi.topics.describe(changelogTopic('count', 'counts'));
  w.clock.advance(configs.deleteRetentionMs / 2);
  expect(await restored(w, 0, snapshot)).toEqual(all);
});

test('a worker to which objects of a snapshot are missing restores from the whole changelog, and goes on', async () => {
  const w = await world(seeded(1));
  await runToRest(w, () => 0, LIMITS);
  const { objects } = await w.storage.objects.list('snapshots/', { limit: 1_000 });
  await w.storage.objects.delete(objects.map(({ key }) => key));
  const all = await restored(w, 0, undefined);
  await bringMore(w);
  const { runner } = await startWorker(w);
  const run = await runner.run(COUNTING[0]!, w.clock.now() + 600_000);
  expect(run.restored).toBe(all!.records);
  // So many records that the next has one again.
  await bringMore(w);
  const { runner: next } = await startWorker(w);
  expect((await next.run(COUNTING[0]!, w.clock.now() + 600_000)).restored).toBeLessThan(all!.records);
});

test('a snapshot that takes longer than half a lease is given up', async () => {
  const w = await world(seeded(1));
  const storage = intercepted(w.storage, async ({ store, operation, args }, proceed) => {
    const isPart = store === 'objects' && operation === 'put' && String(args[0]).startsWith('snapshots/');
    if (isPart) w.clock.advance(LIMITS.leaseMs / 2);
    return proceed();
  });
  const { runner, tasks } = await startWorker(w, storage, { ...LIMITS, recordsPerStep: 5 });
  for (const task of tasks) {
    const { outcome } = await runner.run(task, w.clock.now() + 3_600_000);
    expect(outcome).toBe('idle');
  }
  expect(await snapshotOf(w, 0)).toBeUndefined();
  await runToRest(w, () => 0, LIMITS);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('a restore that takes longer than a lease keeps the task: another that comes meanwhile does not have it', async () => {
  const w = await world(seeded(1));
  // Many parts, of which some are read at once.
  await produce(
    w.wadi,
    'lines',
    Array.from({ length: 60 }, (_, i) => `word${i}`),
  );
  await runToRest(w, () => 0, LIMITS);
  await bringMore(w);
  const other = await startWorker(w);
  const outcomes: string[] = [];
  const storage = intercepted(w.storage, async ({ store, operation, args }, proceed) => {
    const isPart = store === 'objects' && operation === 'get' && String(args[0]).startsWith('snapshots/');
    if (isPart) {
      w.clock.advance(LIMITS.leaseMs / 10);
      outcomes.push((await other.runner.run(COUNTING[0]!, w.clock.now() + 600_000)).outcome);
    }
    return proceed();
  });
  const { runner } = await startWorker(w, storage);
  const began = w.clock.now();
  const run = await runner.run(COUNTING[0]!, began + 3_600_000);
  expect(w.clock.now() - began).toBeGreaterThan(LIMITS.leaseMs);
  expect(new Set(outcomes)).toEqual(new Set(['held']));
  expect(run.outcome).toBe('idle');
  expect(run.steps).toBeGreaterThan(0);
  await runToRest(w, () => 0, LIMITS);
});
