import type { Item } from '../../lib/storage/ports.ts';
import { deleteApplication } from '../../lib/streams/admin/deleteApplication.ts';
import { resetApplication } from '../../lib/streams/admin/resetApplication.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import type { StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { seeded } from '../simulation/random.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { readAll as readRecords } from '../support/log.ts';
import { openOver } from './admin/support.ts';
import { expectOnce, Killed, LIMITS, produce, readAll, runToRest, wordCount, world } from './countedWords.ts';

const { string } = Serdes;
type World = Awaited<ReturnType<typeof world>>;

function copyTo(topic: string, partitioner?: () => number): StreamsApplication {
  const builder = new StreamsBuilder();
  builder
    .stream('lines', { keySerde: string, valueSerde: string })
    .to(topic, partitioner ? { partitioner } : {});
  return { applicationId: 'copy', topology: builder.build() };
}

/** What a worker has failed with, who works until there is nothing more, or he dies. */
async function run(w: World, application: StreamsApplication, intercept?: Intercept): Promise<string[]> {
  const failures: string[] = [];
  const wadi = await openOver(intercept ? intercepted(w.storage, intercept) : w.storage, w.clock);
  const options = { limits: { ...LIMITS, recordsPerStep: 2, tasksAtOnce: 1 } };
  const warn = (error: unknown) => failures.push(String(error));
  await createStreamsWorker(wadi, application, { ...options, warn }).run(w.clock.now() + 60_000);
  return failures;
}

/** Dies when it has committed a step of that number, of a task of that sub-topology. */
async function dieBehindCommit(w: World, application: StreamsApplication, subtopology: number, step: number) {
  let isDead = false;
  await run(w, application, async ({ store, operation, args }, proceed) => {
    if (isDead) throw new Killed();
    const result = await proceed();
    if (store !== 'groups' || operation !== 'put') return result;
    const item = args[0] as Item;
    if (item.sk.startsWith(`${subtopology}_`) && item.step === step && item.untilMs !== 0) isDead = true;
    if (isDead) throw new Killed();
    return result;
  }).catch(() => undefined);
  expect(isDead).toBe(true);
  w.clock.advance(2 * LIMITS.leaseMs);
}

/** As a failover leaves heads that were torn, and an eviction that was a week ago. */
async function forgetProducers({ storage }: World): Promise<void> {
  for (const item of (await storage.log.scan({ limit: 1_000 })).items)
    if (item.sk === 'head' && item.producers) await storage.log.put({ ...item, producers: {} });
}

async function valuesOf({ wadi }: World, name: string): Promise<string[]> {
  const topic = await wadi.topics.describe(name);
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
  const found = await Promise.all(partitions.map((partition) => readRecords(wadi.log, topic, partition)));
  return found.flat().map(([, value]) => value!);
}

test('a partition that there is not stops the task before anything is committed, until the application is mended', async () => {
  const w = await world(seeded(1));
  const failures = await run(
    w,
    copyTo('words', () => 7),
  );
  expect(failures[0]).toContain('A partitioner says 7 of topic words, which has 3 partitions.');
  expect(
    await run(
      w,
      copyTo('words', () => 0),
    ),
  ).toEqual([]);
  expect((await valuesOf(w, 'words')).toSorted()).toEqual(w.lines.toSorted());
});

test('a step that is to be applied, of which the log has forgotten the producer, is applied once, whoever dies of it', async () => {
  const w = await world(seeded(3));
  await dieBehindCommit(w, wordCount(), 1, 2);
  await forgetProducers(w);
  await runToRest(w, (process) => (process < 12 ? 2 * process + 1 : 0));
  expectOnce(await readAll(w.wadi, 'words'), w.lines);
});

test.each([
  ['reset', resetApplication],
  ['deleted', deleteApplication],
])('an application that has such a step can be %s', async (_name, done) => {
  const w = await world(seeded(3));
  await dieBehindCommit(w, wordCount(), 1, 2);
  await forgetProducers(w);
  await done(w.wadi, 'count');
});

test('what is to be appended to a topic that is gone for good is gone with it, and the task goes on', async () => {
  const w = await world(seeded(1));
  await dieBehindCommit(w, copyTo('words'), 0, 1);
  await w.wadi.topics.delete('words');
  await w.wadi.topics.create({ name: 'other', partitions: 1 });
  await produce(w.wadi, 'lines', ['a', 'b']);
  expect(await run(w, copyTo('other'))).toEqual([]);
  expect(await valuesOf(w, 'other')).toEqual(expect.arrayContaining(['a', 'b']));
});
