import { prepare } from '../../lib/streams/runtime/application.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { createWadi } from '../../lib/wadi.ts';
import { seeded } from '../simulation/random.ts';
import { type Call, type Intercept, intercepted } from '../support/faults.ts';
import { expectOnce, LIMITS, readAll, runToRest, sayAll, wordCount, world } from './countedWords.ts';

type World = Awaited<ReturnType<typeof world>>;

/** A process of its own, which runs the task that reads the first partition of the lines. */
async function start({ storage, clock }: World, intercept: Intercept = (_call, proceed) => proceed()) {
  const wadi = await createWadi({
    ...{ storage: intercepted(storage, intercept), clock, clusterId: 'test', warn: () => undefined },
  });
  const { log, topics } = wadi;
  const { groups: items, objects } = wadi.storage;
  const application = wordCount();
  const [task] = await prepare(topics, application);
  const runner = createTaskRunner({ application, items, objects, log, topics, clock, limits: LIMITS });
  return () => runner.run(task!, clock.now() + 600_000);
}

const givesBack = ({ store, operation, args: [item] }: Call): boolean =>
  store === 'groups' && operation === 'put' && (item as { untilMs?: number }).untilMs === 0;

test('what is appended while a task is given back, and whose worker finds it taken, is read by whoever gave it back', async () => {
  for (const when of ['before', 'after'] as const) {
    const w = await world(seeded(1));
    const other = await start(w);
    let woken: string | undefined;
    const run = await start(w, async (call, proceed) => {
      if (!givesBack(call) || woken !== undefined) return proceed();
      // It has looked at its inputs for the last time, and found nothing.
      woken = '';
      if (when === 'before') await sayAll(w);
      if (when === 'before') woken = (await other()).outcome;
      const outcome = await proceed();
      if (when === 'after') await sayAll(w);
      return outcome;
    });
    const { outcome, records } = await run();
    expect(woken).toBe(when === 'before' ? 'held' : '');
    expect({ outcome, records }).toEqual({
      outcome: 'idle',
      records: w.lines.filter((_, i) => i % 2 === 0).length,
    });
    await runToRest(w, () => 0);
    expectOnce(await readAll(w.wadi, 'words'), w.lines);
  }
});

test('where another takes the task in that moment, it reads on, and whoever gave the task back leaves it', async () => {
  const w = await world(seeded(2));
  const other = await start(w);
  let taken: { outcome: string; records: number } | undefined;
  const run = await start(w, async (call, proceed) => {
    const outcome = await proceed();
    if (givesBack(call) && taken === undefined) {
      taken = { outcome: '', records: 0 };
      await sayAll(w);
      taken = await other();
    }
    return outcome;
  });
  expect((await run()).outcome).toBe('held');
  expect(taken).toMatchObject({ outcome: 'idle', records: 1 });
  await runToRest(w, () => 0);
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test('a task is not taken again once the time of a run is over, and the run says that there is more', async () => {
  const w = await world(seeded(3));
  const run = await start(w, async (call, proceed) => {
    const outcome = await proceed();
    if (givesBack(call)) {
      await sayAll(w);
      w.clock.advance(600_000);
    }
    return outcome;
  });
  expect((await run()).outcome).toBe('more');
});
