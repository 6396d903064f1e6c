import { StorageError } from '../../lib/storage/ports.ts';
import { prepare } from '../../lib/streams/runtime/application.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { createWadi } from '../../lib/wadi.ts';
import { seeded } from '../simulation/random.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { expectOnce, Killed, LIMITS, readAll, runToRest, sayAll, wordCount, world } from './countedWords.ts';

test('what nobody interrupts is counted once', async () => {
  const w = await world(seeded(1));
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('whoever dies, between any two calls of the storage, each word is counted once', async () => {
  for (let dies = 1; ; dies++) {
    const w = await world(seeded(dies));
    const processes = await runToRest(w, (process) => (process === 0 ? dies : 0));
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
    // What the dead has left goes when there is something to do again.
    await sayAll(w);
    await runToRest(w, () => 0);
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
    const { objects: left } = await w.storage.objects.list('streams/', { limit: 10 });
    expect(left).toEqual([]);
    if (processes === 0) {
      // It was through before its last call.
      expect(dies).toBeGreaterThan(80);
      return;
    }
  }
}, 60_000);

test('however many die, one after the other', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seeded(seed);
    const w = await world(random);
    await runToRest(w, (process) => (process < 12 ? random.between(1, 120) : 0));
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
  }
}, 60_000);

test('two that have the same task, since one slept, count nothing twice: the one whose lease is over commits no more', async () => {
  const w = await world(seeded(7));
  const application = wordCount();
  const start = async (sleeper: boolean) => {
    let wake = () => {};
    let asleep = () => {};
    const sleeping = new Promise<void>((resolve) => {
      asleep = resolve;
    });
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let puts = 0;
    const storage = intercepted(w.storage, async ({ store, operation }, proceed) => {
      if (sleeper && store === 'groups' && operation === 'put' && ++puts === 3) {
        asleep();
        await woken;
      }
      return proceed();
    });
    const wadi = await createWadi({ storage, clock: w.clock, clusterId: 'test', warn: () => undefined });
    const { log, topics } = wadi;
    const context = { application, items: wadi.storage.groups, objects: wadi.storage.objects, log, topics };
    const tasks = await prepare(topics, application);
    return {
      runner: createTaskRunner({ ...context, clock: w.clock, limits: LIMITS }),
      tasks,
      wake,
      sleeping,
    };
  };
  const first = await start(true);
  const slept = first.runner.run(first.tasks[0]!, w.clock.now() + 600_000);
  await first.sleeping;
  w.clock.advance(2 * LIMITS.leaseMs);
  await runToRest(w, () => 0);
  first.wake();
  expect((await slept).outcome).toBe('lost');
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('a storage that answers late, or not, is waited for, and nothing is counted twice', async () => {
  const random = seeded(3);
  const w = await world(random);
  const storage = intercepted(w.storage, async (_call, proceed) => {
    if (random.chance(0.05)) throw new StorageError('lost', 'unknown');
    const result = await proceed();
    if (random.chance(0.05)) throw new StorageError('not heard', 'unknown');
    return result;
  });
  for (let attempt = 0; attempt < 40; attempt++) {
    await runToRest({ ...w, storage }, () => 0).catch((error) => {
      if (!(error instanceof Error)) throw error;
    });
    w.clock.advance(2 * LIMITS.leaseMs);
  }
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
}, 60_000);

/** A process whose calls of the storage somebody listens in on. */
async function overheard({ storage, clock }: Awaited<ReturnType<typeof world>>, intercept: Intercept) {
  const wadi = await createWadi({
    ...{ storage: intercepted(storage, intercept), clock, clusterId: 'test', warn: () => undefined },
  });
  const { log, topics } = wadi;
  const { groups: items, objects } = wadi.storage;
  const application = wordCount();
  const tasks = await prepare(topics, application);
  const limits = { ...LIMITS, inlineBytes: 0 };
  const runner = createTaskRunner({ application, items, objects, log, topics, clock, limits });
  return { run: () => runner.run(tasks[0]!, clock.now() + 600_000) };
}

test('a step whose object cannot be seen yet is not passed over', async () => {
  const w = await world(seeded(11));
  let puts = 0;
  const first = await overheard(w, async ({ store, operation }, proceed) => {
    if (puts === 2) throw new Killed();
    if (store === 'groups' && operation === 'put') puts++;
    return proceed();
  });
  await expect(first.run()).rejects.toThrow();
  w.clock.advance(2 * LIMITS.leaseMs);
  const second = await overheard(w, async ({ store, operation, args }, proceed) => {
    const isStep = store === 'objects' && operation === 'get' && String(args[0]).startsWith('streams/');
    return isStep ? undefined : proceed();
  });
  await expect(second.run()).rejects.toThrow('is not to be seen');
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('whoever has read of a step does not take the task as it was, when it was given back meanwhile', async () => {
  const w = await world(seeded(12));
  const [givesBack, hasGivenBack, isAsked] = [gate(), gate(), gate()];
  let steps = 0;
  const first = await overheard(w, async ({ store, operation, args }, proceed) => {
    const isItem = store === 'groups' && operation === 'put';
    if (isItem && steps++ > 0 && (args[0] as { untilMs: number }).untilMs === 0) {
      givesBack.open();
      await isAsked.opened;
    }
    return proceed();
  });
  const second = await overheard(w, async ({ store, operation }, proceed) => {
    if (store === 'groups' && operation === 'put') {
      isAsked.open();
      await hasGivenBack.opened;
    }
    return proceed();
  });
  const gaveBack = first.run();
  await givesBack.opened;
  w.clock.advance(2 * LIMITS.leaseMs);
  const asked = second.run();
  expect((await gaveBack).outcome).toBe('idle');
  hasGivenBack.open();
  expect((await asked).outcome).toBe('held');
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}
