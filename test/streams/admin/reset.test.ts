import type { Item } from '../../../lib/storage/ports.ts';
import { resetApplication } from '../../../lib/streams/admin/resetApplication.ts';
import { describeApplication } from '../../../lib/streams/registry/describeApplication.ts';
import { createRegistry } from '../../../lib/streams/registry/registry.ts';
import { prepare } from '../../../lib/streams/runtime/application.ts';
import { readTasks } from '../../../lib/streams/runtime/readTasks.ts';
import { createStreamsWorker } from '../../../lib/streams/runtime/worker.ts';
import { intercepted } from '../../support/faults.ts';
import { expectOnce, Killed, oracle, produce, startProcess } from '../countedWords.ts';
import {
  application,
  applicationId,
  ends,
  LIMITS,
  newWorld,
  openOver,
  sleeper,
  told,
  type World,
  work,
} from './support.ts';

const START = [0, 0, 0];

/** What an application that is reset tells is what a new one tells: nothing of before is in it, and nothing is missing. */
async function expectAnew(w: World, from: readonly number[]): Promise<void> {
  await work(w, w.storage);
  expectOnce(await told(w, from), w.lines);
}

test('an application that was reset tells the same as a new one', async () => {
  const w = await newWorld(1);
  await work(w, w.storage);
  const first = await told(w, START);
  const from = await ends(w);
  const positions = await resetApplication(w.wadi, applicationId);
  expect(positions.map(({ topic, partition, before, offset }) => [topic, partition, before, offset])).toEqual(
    [
      ['lines', 0, 5, 0],
      ['lines', 1, 4, 0],
    ],
  );
  await expectAnew(w, from);
  expect(new Set(await told(w, from))).toEqual(new Set(first));
});

test('its own topics are made anew, its snapshots are gone, and counters go on', async () => {
  const w = await newWorld(2);
  await work(w, w.storage);
  const names = ['count-counts-changelog', 'count-counts-repartition'];
  const ids = async () => Promise.all(names.map(async (name) => (await w.wadi.topics.describe(name)).id));
  const before = { ids: await ids(), tasks: await readTasks(w.wadi, applicationId) };
  await resetApplication(w.wadi, applicationId);
  for (const name of names) await expect(w.wadi.topics.describe(name)).rejects.toThrow('does not exist');
  expect((await w.storage.objects.list('s', { limit: 10 })).objects).toEqual([]);
  for (const [i, { state }] of (await readTasks(w.wadi, applicationId)).entries()) {
    expect(state.epoch).toBeGreaterThan(before.tasks[i]!.state.epoch);
    expect(state.step).toBe(before.tasks[i]!.state.step);
  }
  await work(w, w.storage);
  for (const [i, id] of (await ids()).entries()) expect(id).not.toBe(before.ids[i]);
});

test('it goes where it is told to: to the end, to a time, or by so many', async () => {
  const w = await newWorld(3);
  await work(w, w.storage);
  const offsets = async (to: Parameters<typeof resetApplication>[2]) =>
    (await resetApplication(w.wadi, applicationId, to)).map(({ offset }) => offset);
  expect(await offsets('latest')).toEqual([5, 4]);
  expect(await offsets({ shift: -2 })).toEqual([3, 2]);
  expect(await offsets({ timestamp: 1_003 })).toEqual([2, 1]);
  expect(await offsets({ offset: 99 })).toEqual([5, 4]);
  const from = await ends(w);
  await work(w, w.storage);
  expect(await told(w, from)).toEqual([]);
  await produce(w.wadi, 'lines', ['later']);
  await work(w, w.storage);
  expect(await told(w, from)).toEqual([['later', 1]]);
});

test('a dry run tells it, and changes nothing', async () => {
  const w = await newWorld(4);
  await work(w, w.storage);
  const before = await readTasks(w.wadi, applicationId);
  const positions = await resetApplication(w.wadi, applicationId, 'latest', { dryRun: true });
  expect(positions.map(({ before, offset }) => [before, offset])).toEqual([
    [5, 5],
    [4, 4],
  ]);
  expect(await readTasks(w.wadi, applicationId)).toEqual(before);
  expect(await createRegistry(w.storage.groups, w.clock).find(applicationId)).toMatchObject({
    isResetting: false,
  });
});

test('one whose task a worker has is refused, and left as it is; when the lease is over it is reset', async () => {
  const w = await newWorld(5);
  // It dies when it has taken one.
  let isDead = false;
  const deadly = intercepted(w.storage, async ({ store, operation }, proceed) => {
    if (isDead) throw new Killed();
    const result = await proceed();
    if (store === 'groups' && operation === 'put') isDead = true;
    return result;
  });
  await work(w, deadly).catch(() => undefined);
  const before = await readTasks(w.wadi, applicationId);
  for (const dryRun of [true, false])
    await expect(resetApplication(w.wadi, applicationId, 'earliest', { dryRun })).rejects.toMatchObject({
      kafka: 'NON_EMPTY_GROUP',
    });
  expect(await readTasks(w.wadi, applicationId)).toEqual(before);
  w.clock.advance(2 * LIMITS.leaseMs);
  await resetApplication(w.wadi, applicationId);
  await expectAnew(w, await ends(w));
});

/** Somebody has a task when it is to be marked: a worker that came behind the first look. */
async function refused(w: World, task: string): Promise<void> {
  let isTaken = false;
  const storage = intercepted(w.storage, async ({ store, operation, args }, proceed) => {
    const item = args[0] as Item;
    if (store === 'groups' && operation === 'put' && item.isResetting && item.sk === task && !isTaken) {
      isTaken = true;
      const seen = (await w.storage.groups.get({ pk: item.pk, sk: item.sk }))!;
      const lease = { epoch: (seen.epoch as number) + 1, untilMs: w.clock.now() + LIMITS.leaseMs };
      await w.storage.groups.put({ ...seen, ...lease });
    }
    return proceed();
  });
  const reset = resetApplication(await openOver(storage, w.clock), applicationId);
  await expect(reset).rejects.toMatchObject({ kafka: 'NON_EMPTY_GROUP' });
  w.clock.advance(2 * LIMITS.leaseMs);
}

const find = (w: World) => createRegistry(w.storage.groups, w.clock).find(applicationId);

test('one that is refused when some tasks are marked already leaves the application as it was', async () => {
  const w = await newWorld(5);
  await work(w, w.storage);
  await refused(w, '1_0');
  expect(await find(w)).toMatchObject({ isResetting: false });
  for (const { state } of await readTasks(w.wadi, applicationId)) expect(state.isResetting).toBeUndefined();
  await produce(w.wadi, 'lines', ['x', 'y']);
  await work(w, w.storage);
  expectOnce(await told(w, START), [...w.lines, 'x', 'y']);
});

test('what somebody who died of a reset has marked stays so when the next one is refused', async () => {
  const w = await newWorld(5);
  await work(w, w.storage);
  await createRegistry(w.storage.groups, w.clock).hold(applicationId);
  const [item] = (await w.storage.groups.query({ pk: `streams/${applicationId}`, limit: 1 })).items;
  await w.storage.groups.put({ ...item!, epoch: (item!.epoch as number) + 1, isResetting: true });
  await refused(w, '1_0');
  expect(await find(w)).toMatchObject({ isResetting: true });
  const held = (await readTasks(w.wadi, applicationId)).filter(({ state }) => state.isResetting);
  expect(held.map(({ id }) => id)).toEqual([{ subtopology: 0, partition: 0 }]);
  const from = await ends(w);
  await resetApplication(w.wadi, applicationId);
  await expectAnew(w, from);
});

test('what a worker had committed when it died is told before the reset, as if it had lived', async () => {
  let unfinished = 0;
  for (let dies = 1; ; dies += 2) {
    const w = await newWorld(6);
    const { wadi, isDead } = await startProcess(w.storage, w.clock, dies);
    await work(w, wadi.storage).catch((error) => {
      if (!isDead()) throw error;
    });
    if (!isDead()) break;
    w.clock.advance(2 * LIMITS.leaseMs);
    if ((await createRegistry(w.storage.groups, w.clock).find(applicationId)) === undefined) continue;
    const tasks = await readTasks(w.wadi, applicationId);
    unfinished += tasks.filter(({ state }) => state.applied !== state.step).length;
    await resetApplication(w.wadi, applicationId);
    const counts = new Map<string, number>();
    for (const [word, count] of await told(w, START)) {
      expect([word, count]).toEqual([word, (counts.get(word) ?? 0) + 1]);
      counts.set(word, count);
    }
    await expectAnew(w, await ends(w));
  }
  expect(unfinished).toBeGreaterThan(5);
}, 120_000);

test('whoever dies of it, between any two calls, has it done by the next, also if a worker has woken in between', async () => {
  for (let dies = 1; ; dies++) {
    const w = await newWorld(dies);
    await work(w, w.storage);
    const dying = await startProcess(w.storage, w.clock, dies);
    await resetApplication(dying.wadi, applicationId).catch((error) => {
      if (!dying.isDead()) throw error;
    });
    await work(w, w.storage).catch(() => undefined);
    if (!dying.isDead()) {
      expect(dies).toBeGreaterThan(60);
      return;
    }
    await resetApplication(w.wadi, applicationId);
    await expectAnew(w, await ends(w));
  }
}, 120_000);

test('one that died is seen, and its tasks are nobody’s', async () => {
  const w = await newWorld(8);
  await work(w, w.storage);
  const from = await ends(w);
  await produce(w.wadi, 'lines', ['later', 'later']);
  const deadly = intercepted(w.storage, async ({ store, operation }, proceed) => {
    if (store === 'metadata' && operation === 'update') throw new Killed();
    return proceed();
  });
  await expect(resetApplication(await openOver(deadly, w.clock), applicationId)).rejects.toThrow(Killed);
  expect(await createRegistry(w.storage.groups, w.clock).find(applicationId)).toMatchObject({
    isResetting: true,
  });
  const marked = (await readTasks(w.wadi, applicationId)).map(({ state }) => state.isResetting);
  expect(marked).toEqual([true, true, true, true]);
  await work(w, w.storage);
  expect(await ends(w)).toEqual(from);
});

test.each([
  ['others have begun anew', (w: World) => work(w, w.storage)],
  ['others have made its topics anew', (w: World) => prepare(w.wadi.topics, application)],
])(
  'a worker that slept at any call, through a reset and until %s, adds nothing to it and takes nothing from it',
  async (_, begin) => {
    for (let call = 1; ; call++) {
      const w = await newWorld(9);
      const sleepy = sleeper(w.storage, call);
      const working = work(w, sleepy.storage).catch(() => undefined);
      const slept = await Promise.race([sleepy.asleep, working]);
      w.clock.advance(2 * LIMITS.leaseMs);
      const isKnown = (await createRegistry(w.storage.groups, w.clock).find(applicationId)) !== undefined;
      if (isKnown) await resetApplication(w.wadi, applicationId);
      const from = await ends(w);
      if (slept !== 'asleep') {
        expect(call).toBeGreaterThan(100);
        return;
      }
      await begin(w);
      sleepy.wake();
      await working;
      w.clock.advance(2 * LIMITS.leaseMs);
      await expectAnew(w, from);
    }
  },
  120_000,
);

test('a worker that has known the application’s own topics goes on at once with those that others have made anew', async () => {
  const w = await newWorld(14);
  const failures: unknown[] = [];
  const options = { limits: LIMITS, warn: (error: unknown) => failures.push(error) };
  const worker = createStreamsWorker(await openOver(w.storage, w.clock), application, options);
  await worker.run(w.clock.now() + 600_000);
  await resetApplication(w.wadi, applicationId);
  const from = await ends(w);
  await prepare(w.wadi.topics, application);
  await worker.run(w.clock.now() + 600_000);
  expect(failures).toEqual([]);
  expectOnce(await told(w, from), w.lines);
});

test('a worker that wakes where a reset is about to go on does it no harm', async () => {
  for (let call = 1; ; call++) {
    const w = await newWorld(10);
    await work(w, w.storage);
    const sleepy = sleeper(w.storage, call);
    const resetting = openOver(sleepy.storage, w.clock).then((wadi) => resetApplication(wadi, applicationId));
    const outcome = resetting.then(
      () => 'done',
      (error) => error.kafka as string,
    );
    const slept = await Promise.race([sleepy.asleep, outcome]);
    const from = await ends(w);
    await work(w, w.storage).catch(() => undefined);
    sleepy.wake();
    if ((await outcome) !== 'done') {
      expect(['NON_EMPTY_GROUP', 'REQUEST_TIMED_OUT']).toContain(await outcome);
      await resetApplication(w.wadi, applicationId);
      await expectAnew(w, await ends(w));
    } else {
      await expectAnew(w, from);
    }
    if (slept !== 'asleep') {
      expect(call).toBeGreaterThan(30);
      return;
    }
  }
}, 120_000);

test('a worker that begins for the first time while an application is reset, at any call, loses nothing of what it reads', async () => {
  let refused = 0;
  for (let call = 1; ; call++) {
    const w = await newWorld(12);
    await createRegistry(w.storage.groups, w.clock).register(describeApplication(application));
    const sleepy = sleeper(w.storage, call);
    const resetting = openOver(sleepy.storage, w.clock).then((wadi) => resetApplication(wadi, applicationId));
    const outcome = resetting.then(
      () => 'done',
      (error) => error.kafka as string,
    );
    const slept = await Promise.race([sleepy.asleep, outcome]);
    await work(w, w.storage).catch(() => undefined);
    if ((await ends(w)).every((end) => end === 0)) refused++;
    sleepy.wake();
    if ((await outcome) !== 'done') await resetApplication(w.wadi, applicationId);
    await work(w, w.storage);
    const counts = new Map(await told(w, START));
    expect([...counts].toSorted()).toEqual([...oracle(w.lines)].toSorted());
    if (slept !== 'asleep') break;
  }
  expect(refused).toBeGreaterThan(5);
}, 120_000);

test.each([
  ['done all that there was to do', Number.POSITIVE_INFINITY],
  ['begun, and left records on their way', 4],
])(
  'a reset that slept at any call, while another was done and workers have %s, takes nothing of theirs',
  async (_, asks) => {
    const outcomes: string[] = [];
    for (let call = 1; ; call++) {
      const w = await newWorld(11);
      await work(w, w.storage);
      const sleepy = sleeper(w.storage, call);
      const resetting = openOver(sleepy.storage, w.clock).then((wadi) =>
        resetApplication(wadi, applicationId),
      );
      const outcome = resetting.then(
        () => 'done',
        (error) => error.kafka as string,
      );
      if ((await Promise.race([sleepy.asleep, outcome])) !== 'asleep') break;
      await resetApplication(w.wadi, applicationId);
      let from = await ends(w);
      await work(w, w.storage, asks);
      if (asks < Number.POSITIVE_INFINITY) expect(await ends(w)).toEqual(from);
      const more = ['more', 'of more'];
      await produce(w.wadi, 'lines', more);
      const tasks = () => readTasks(w.wadi, applicationId);
      const before = JSON.stringify(await tasks());
      sleepy.wake();
      const came = await outcome;
      const isDone = JSON.stringify(await tasks()) !== before;
      outcomes.push(`${came}, ${isDone ? 'again' : 'before'}`);
      if (isDone) {
        if (came !== 'done') await resetApplication(w.wadi, applicationId);
        from = await ends(w);
      }
      await work(w, w.storage);
      expectOnce(await told(w, from), [...w.lines, ...more]);
    }
    const known = [
      ...['done, again', 'done, before', 'NON_EMPTY_GROUP, before'],
      ...['REQUEST_TIMED_OUT, again', 'REQUEST_TIMED_OUT, before'],
    ];
    expect([...new Set(outcomes)].toSorted()).toEqual(known.toSorted());
  },
  120_000,
);

test('a reset that slept before it looks for objects leaves those of whoever began anew', async () => {
  const w = await newWorld(13);
  await work(w, w.storage);
  let asleep = () => {};
  const sleeping = new Promise<void>((resolve) => {
    asleep = resolve;
  });
  let wake = () => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const sleepy = intercepted(w.storage, async ({ store, operation }, proceed) => {
    if (store === 'objects' && operation === 'list') {
      asleep();
      await woken;
    }
    return proceed();
  });
  const resetting = resetApplication(await openOver(sleepy, w.clock), applicationId);
  await sleeping;
  await resetApplication(w.wadi, applicationId);
  const from = await ends(w);
  // It dies when it has committed a step that is in an object.
  let isDead = false;
  const deadly = intercepted(w.storage, async ({ store, operation, args }, proceed) => {
    if (isDead) throw new Killed();
    const result = await proceed();
    if (store === 'groups' && operation === 'put' && 'blob' in (args[0] as Item)) isDead = true;
    return result;
  });
  await work(w, deadly).catch(() => undefined);
  expect(isDead).toBe(true);
  wake();
  await expect(resetting).rejects.toMatchObject({ kafka: 'REQUEST_TIMED_OUT' });
  w.clock.advance(2 * LIMITS.leaseMs);
  await expectAnew(w, from);
});

test('a step whose object cannot be seen is waited for; where items are replicated with a lag it is gone', async () => {
  const w = await newWorld(15);
  let isDead = false;
  const deadly = intercepted(w.storage, async ({ store, operation, args }, proceed) => {
    if (isDead) throw new Killed();
    const result = await proceed();
    if (store === 'groups' && operation === 'put' && 'blob' in (args[0] as Item)) isDead = true;
    return result;
  });
  await work(w, deadly).catch(() => undefined);
  w.clock.advance(2 * LIMITS.leaseMs);
  const { objects } = await w.storage.objects.list('streams/', { limit: 10 });
  expect(objects).toHaveLength(1);
  await w.storage.objects.delete(objects.map(({ key }) => key));
  await expect(resetApplication(w.wadi, applicationId)).rejects.toThrow('is not to be seen');
  const late = { ...w.wadi, arrived: async () => undefined };
  await resetApplication(late, applicationId);
  await expectAnew(w, await ends(w));
});

test('a topic that was made anew behind a reset to positions is read from its first record', async () => {
  const w = await newWorld(2);
  await work(w, w.storage);
  await resetApplication(w.wadi, applicationId, 'latest');
  await w.wadi.topics.delete('lines');
  await w.wadi.topics.create({ name: 'lines', partitions: 2 });
  w.clock.advance(10_000);
  const from = await ends(w);
  const lines = Array.from({ length: 20 }, () => 'new');
  await produce(w.wadi, 'lines', lines);
  await work(w, w.storage);
  expectOnce(await told(w, from), lines);
});

test('workers of an application whose reset died only read, however often they look', async () => {
  const w = await newWorld(4);
  const wadi = await openOver(w.storage, w.clock);
  await createRegistry(w.storage.groups, w.clock).register(describeApplication(application));
  await createRegistry(w.storage.groups, w.clock).hold(applicationId);
  let writes = 0;
  const storage = intercepted(w.storage, async ({ store, operation }, proceed) => {
    if (store === 'groups' && operation !== 'get' && operation !== 'query') writes++;
    return proceed();
  });
  for (let look = 0; look < 5; look++) await work(w, storage);
  expect(writes).toBe(0);
  await resetApplication(wadi, applicationId);
  await work(w, w.storage);
  expectOnce(await told(w, [0, 0, 0]), w.lines);
});
