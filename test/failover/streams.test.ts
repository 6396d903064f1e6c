import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { LIMITS, produce, readAll, wordCount } from '../streams/countedWords.ts';
import { world } from './support.ts';

type World = ReturnType<typeof world>;

/** A process of a region, which works on the application until there is nothing to read. */
function worker(w: World, region: 'a' | 'b') {
  const { homes } = w.process(region);
  const failures: unknown[] = [];
  const run = async (lines: readonly string[]) => {
    const wadi = await homes.current();
    await produce(wadi, 'lines', lines);
    const options = { limits: { ...LIMITS, inlineBytes: 0 }, warn: (error: unknown) => failures.push(error) };
    const application = wordCount();
    await createStreamsWorker({ ...wadi, arrived: async () => undefined }, application, options).run(
      w.clock.now() + 60_000,
    );
    await wadi.log.settled();
  };
  const counts = async (word: string) =>
    (await readAll(await homes.current(), 'words')).filter(([each]) => each === word).map(([, n]) => n);
  return { homes, run, counts, failures };
}

async function started() {
  const w = world();
  const old = worker(w, 'a');
  const { topics } = await old.homes.current();
  for (const name of ['lines', 'words']) await topics.create({ name, partitions: 1 });
  await old.run(['first', 'first']);
  const tasks = (await w.stores.a!.groups.query({ pk: 'streams/count', limit: 10 })).items;
  expect(tasks.map(({ sk }) => sk)).toEqual(['0_0', '1_0']);
  return { w, old, tasks };
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test.each([1, 2, 4])(
  'a new home to which tasks came as they were %i runs ago, and topics as they are, counts all that comes then',
  async (runsLate) => {
    const { w, old, tasks } = await started();
    for (let run = 0; run < runsLate; run++) await old.run(['late', 'late']);
    await w.settle();
    for (const name of ['b', 'c']) for (const item of tasks) await w.stores[name]!.groups.put(item);
    w.down.add('a');
    await w.failover('b');
    const next = worker(w, 'b');
    for (let run = 0; run < 6; run++) await next.run(['after', 'after', 'after']);
    expect(next.failures).toEqual([]);
    expect(await next.counts('after')).toEqual(upTo(18));
  },
);

test('a new home takes tasks at once that the old one was at work on', async () => {
  const { w, tasks } = await started();
  const untilMs = w.clock.now() + LIMITS.leaseMs;
  for (const item of tasks) await w.global.regions.a!.groups.put({ ...item, untilMs });
  await w.settle();
  await w.failover('b');
  const next = worker(w, 'b');
  await next.run(['first']);
  expect(await next.counts('first')).toEqual(upTo(3));
});
