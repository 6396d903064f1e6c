import { prepare } from '../../lib/streams/runtime/application.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { createWadi } from '../../lib/wadi.ts';
import { seeded } from '../simulation/random.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { expectOnce, LIMITS as FEW, readAll, runToRest, sayAll, wordCount, world } from './countedWords.ts';

/** Behind each step. */
const ALWAYS = { ...FEW, purgeMs: 0 };
const INTERVAL_MS = 30_000;
type World = Awaited<ReturnType<typeof world>>;

async function boundsOf({ wadi }: World, name: string) {
  const topic = await wadi.topics.describe(name);
  return wadi.log.boundsOf(
    topic,
    Array.from({ length: topic.partitions }, (_, i) => i),
  );
}

/** DeleteRecords, which raises the log start. */
const deletes = ({ operation, args }: Call): boolean =>
  operation === 'update' && JSON.stringify(args[1]).includes('"set":["start"');

const ownTopic = (w: World) => boundsOf(w, 'count-counts-repartition');

/** Those of a process's tasks, one after the other, until there is nothing to read. */
async function start({ storage, clock }: World, limits: typeof FEW, intercept?: Intercept) {
  const wadi = await createWadi({
    storage: intercept ? intercepted(storage, intercept) : storage,
    ...{ clock, clusterId: 'test', warn: () => undefined },
  });
  const { log, topics } = wadi;
  const { groups: items, objects } = wadi.storage;
  const application = wordCount();
  const runner = createTaskRunner({ application, items, objects, log, topics, clock, limits });
  return async () => {
    const outcomes: string[] = [];
    for (const task of await prepare(topics, application))
      outcomes.push((await runner.run(task, clock.now() + 600_000)).outcome);
    return outcomes;
  };
}

test('what was read of a topic that the application made for itself is deleted when its task is given back, and nothing of other topics', async () => {
  const w = await world(seeded(1));
  await runToRest(w, () => 0);
  const own = await ownTopic(w);
  expect(own.some(({ highWatermark }) => highWatermark > 0)).toBe(true);
  for (const { logStartOffset, highWatermark } of own) expect(logStartOffset).toBe(highWatermark);
  for (const topic of ['lines', 'words', 'count-counts-changelog'])
    for (const { logStartOffset } of await boundsOf(w, topic)) expect(logStartOffset).toBe(0);
});

test('it is deleted once in a while, however often the task is given back', async () => {
  const w = await world(seeded(2));
  let deletions = 0;
  const run = await start(w, { ...FEW, purgeMs: INTERVAL_MS }, async (call, proceed) => {
    if (deletes(call)) deletions++;
    return proceed();
  });
  const counting = 2;
  for (let round = 0; round < 5; round++) {
    await sayAll(w);
    await run();
  }
  expect(deletions).toBe(counting);
  w.clock.advance(INTERVAL_MS);
  for (let round = 0; round < 5; round++) {
    await sayAll(w);
    await run();
  }
  expect(deletions).toBe(2 * counting);
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('whoever dies, between any two calls of the storage, nothing is deleted that was not counted', async () => {
  for (let dies = 1; ; dies++) {
    const w = await world(seeded(dies));
    const processes = await runToRest(w, (process) => (process === 0 ? dies : 0), ALWAYS);
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
    if (processes === 0) return;
  }
}, 60_000);

test('one that slept before it deleted deletes nothing that was not counted, and does not fail for what others have deleted', async () => {
  const w = await world(seeded(4));
  let wake = () => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let fallAsleep = () => {};
  const asleep = new Promise<void>((resolve) => {
    fallAsleep = resolve;
  });
  const run = await start(w, ALWAYS, async (call, proceed) => {
    if (deletes(call)) {
      fallAsleep();
      await woken;
    }
    return proceed();
  });
  const running = run();
  await asleep;
  w.clock.advance(2 * FEW.leaseMs);
  await sayAll(w);
  await runToRest(w, () => 0);
  wake();
  expect(await running).toContain('lost');
  await sayAll(w);
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('a deletion that fails stops no task', async () => {
  const w = await world(seeded(5));
  const run = await start(w, ALWAYS, async (call, proceed) => {
    if (deletes(call)) throw new Error('no');
    return proceed();
  });
  expect(new Set(await run())).toEqual(new Set(['idle']));
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});
