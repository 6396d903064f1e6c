import type { Item } from '../../lib/storage/ports.ts';
import { prepare } from '../../lib/streams/runtime/application.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { seeded } from '../simulation/random.ts';
import { expectOnce, LIMITS, produce, readAll, wordCount, world } from './countedWords.ts';

const KEEP_MS = 3_600_000;
const application = wordCount();
type World = Awaited<ReturnType<typeof world>>;

/** A process where items are replicated with a lag: steps are in objects. */
async function start({ wadi, clock }: World) {
  const { log, topics } = wadi;
  const { groups: items, objects } = wadi.storage;
  const tasks = await prepare(topics, application);
  const limits = { ...LIMITS, inlineBytes: 0, keepStepsMs: KEEP_MS };
  const runner = createTaskRunner({ application, items, objects, log, topics, clock, limits, isLate: true });
  return async () => {
    for (let records = 1; records > 0; ) {
      records = 0;
      for (const task of tasks) records += (await runner.run(task, clock.now() + 600_000)).records;
    }
  };
}

const steps = async ({ storage }: World): Promise<string[]> =>
  (await storage.objects.list('streams/', { limit: 1_000 })).objects.map(({ key }) => key);

test('a new home that has an older item, of a step that is to be applied, finds the step, though it was applied and told of since', async () => {
  const w = await world(seeded(31));
  const older: Item[] = [];
  const { put } = w.storage.groups;
  const watched = { ...w.storage.groups };
  watched.put = (item, condition) => {
    if (item.blob !== undefined) older.push(item);
    return put.call(w.storage.groups, item, condition);
  };
  const runAll = await start({ ...w, wadi: { ...w.wadi, storage: { ...w.wadi.storage, groups: watched } } });
  await runAll();
  expect(older.length).toBeGreaterThan(3);

  // Of each task the last: as if what came behind had not been replicated.
  for (const item of older) await w.storage.groups.put(item);
  w.clock.advance(2 * LIMITS.leaseMs);
  const again = await start(w);
  await again();
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('objects of steps that were applied go after that time, by a worker that has the task at hand, too', async () => {
  const w = await world(seeded(32));
  const runAll = await start(w);
  await runAll();
  const before = await steps(w);
  expect(before.length).toBeGreaterThan(0);
  await produce(w.wadi, 'lines', ['a line', 'another']);
  await runAll();
  expect(await steps(w)).toEqual(expect.arrayContaining(before));

  w.clock.advance(2 * KEEP_MS);
  await produce(w.wadi, 'lines', ['a line', 'another']);
  await runAll();
  const after = await steps(w);
  for (const key of before) expect(after).not.toContain(key);
});
