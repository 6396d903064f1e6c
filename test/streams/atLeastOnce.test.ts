import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import type { TaskId } from '../../lib/streams/processor/processor.ts';
import { prepare, type StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { createWadi } from '../../lib/wadi.ts';
import { seeded } from '../simulation/random.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import {
  expectAtLeastOnce,
  expectOnce,
  LIMITS,
  readAll,
  runToRest,
  sayAll,
  wordCount,
  world,
} from './countedWords.ts';

const application: StreamsApplication = { ...wordCount(), processingGuarantee: 'at_least_once' };
type World = Awaited<ReturnType<typeof world>>;

const toRest = (
  w: { clock: World['clock']; storage: Storage },
  dies: (process: number) => number = () => 0,
) => runToRest(w, dies, LIMITS, application);

test('what nobody interrupts is counted once, and no step is kept', async () => {
  const w = await world(seeded(1));
  const kept: unknown[] = [];
  const storage = intercepted(w.storage, async ({ store, operation, args }, proceed) => {
    const [what] = args;
    if (store === 'objects' && operation === 'put' && String(what).startsWith('streams/')) kept.push(what);
    if (store === 'groups' && operation === 'put' && 'pending' in (what as object)) kept.push(what);
    return proceed();
  });
  await toRest({ ...w, storage });
  expect(kept).toEqual([]);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('whoever dies, between any two calls of the storage, each word is counted at least once', async () => {
  let more = 0;
  for (let dies = 1; ; dies++) {
    const w = await world(seeded(dies));
    const processes = await toRest(w, (process) => (process === 0 ? dies : 0));
    const said = await readAll(w.wadi, 'words');
    expectAtLeastOnce(said, w.lines);
    if (said.length > wordsOf(w)) more++;
    if (processes > 0) continue;
    expect(dies).toBeGreaterThan(60);
    // Otherwise nobody would need the other.
    expect(more).toBeGreaterThan(0);
    return;
  }
}, 60_000);

test('however many die, one after the other, in whatever guarantee', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seeded(seed);
    const w = await world(random);
    for (let process = 0; process < 12; process++) {
      const guarantee = random.pick(['at_least_once', 'exactly_once_v2'] as const);
      const dies = random.between(1, 120);
      await runToRest(w, (nth) => (nth === 0 ? dies : 0), LIMITS, {
        ...application,
        processingGuarantee: guarantee,
      });
    }
    // What the dead have left goes when there is something to do again.
    await sayAll(w);
    await runToRest(w, () => 0);
    expectAtLeastOnce(await readAll(w.wadi, 'words'), w.lines);
    const { objects: left } = await w.storage.objects.list('streams/', { limit: 10 });
    expect(left).toEqual([]);
  }
}, 60_000);

/** A process that is ready, and whose calls of the storage somebody listens in on from then on. */
async function overheard({ storage, clock }: World, intercept: Intercept) {
  let isReady = false;
  const over = intercepted(storage, (call, proceed) => (isReady ? intercept(call, proceed) : proceed()));
  const wadi = await createWadi({ storage: over, clock, clusterId: 'test', warn: () => undefined });
  const { log, topics } = wadi;
  const { groups: items, objects } = wadi.storage;
  const tasks = await prepare(topics, application);
  const runner = createTaskRunner({ application, items, objects, log, topics, clock, limits: LIMITS });
  isReady = true;
  return { tasks, run: (task: TaskId) => runner.run(task, clock.now() + 600_000) };
}

const isAppend = ({ store, operation }: Call) => store === 'log' && ['put', 'update'].includes(operation);

test('a storage whose first answer to a write is not heard is asked again, and nothing is counted twice', async () => {
  const w = await world(seeded(3));
  const asked = new Set<string>();
  const { tasks, run } = await overheard(w, async (call, proceed) => {
    const answer = await proceed();
    const what = JSON.stringify(call);
    if (!['put', 'update'].includes(call.operation) || asked.has(what)) return answer;
    asked.add(what);
    throw new StorageError('not heard', 'unknown');
  });
  for (const task of tasks) await run(task);
  await toRest(w);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('an append that fails for long is made again in the same lease, and what was there already is not there twice', async () => {
  const w = await world(seeded(4));
  let appends = 0;
  const { tasks, run } = await overheard(w, async (call, proceed) => {
    const answer = await proceed();
    if (isAppend(call) && ++appends > 2 && appends < 9) throw new StorageError('not heard', 'unknown');
    return answer;
  });
  for (const task of tasks) expect((await run(task)).outcome).toBe('idle');
  expect(appends).toBeGreaterThan(9);
  await toRest(w);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

/** One sleeps before its first call of a kind until its lease is over, and others have done everything. */
async function sleepBefore(isIt: (call: Call) => boolean): Promise<{ said: [string, number][]; w: World }> {
  const w = await world(seeded(7));
  const [asleep, awake] = [gate(), gate()];
  let slept = false;
  const { tasks, run } = await overheard(w, async (call, proceed) => {
    if (!slept && isIt(call)) {
      slept = true;
      asleep.open();
      await awake.opened;
    }
    return proceed();
  });
  const slow = run(tasks[0]!);
  await asleep.opened;
  w.clock.advance(2 * LIMITS.leaseMs);
  await toRest(w);
  awake.open();
  expect((await slow).outcome).toBe('lost');
  await toRest(w);
  return { said: await readAll(w.wadi, 'words'), w };
}

test('one that sleeps before its commit until its lease is over commits nothing: its records are counted by the next, too', async () => {
  let puts = 0;
  const { said, w } = await sleepBefore(
    ({ store, operation }) => store === 'groups' && operation === 'put' && ++puts === 2,
  );
  expectAtLeastOnce(said, w.lines);
  expect(said.length).toBeGreaterThan(wordsOf(w));
});

test('one that sleeps before its append until its lease is over is refused where the next has appended', async () => {
  const { said, w } = await sleepBefore(isAppend);
  expectOnce(said, w.lines);
});

const wordsOf = ({ lines }: World) => lines.flatMap((line) => line.split(' ')).length;

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}
