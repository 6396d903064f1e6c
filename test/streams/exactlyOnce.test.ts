import { decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { prepare, type StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { STREAMS_LIMITS } from '../../lib/streams/runtime/limits.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { type Random, seeded } from '../simulation/random.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';

const { string, long } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const LIMITS = { ...STREAMS_LIMITS, recordsPerStep: 5, inlineBytes: 300 };

function wordCount(): StreamsApplication {
  const builder = new StreamsBuilder();
  builder
    .stream('lines', strings)
    .flatMapValues((line) => line.split(' '), { valueSerde: string })
    .groupBy((_, word) => word, strings)
    .count({ storeName: 'counts' })
    .toStream()
    .to('words');
  return { applicationId: 'count', topology: builder.build() };
}

class Killed extends Error {}

/** A process: it dies before, or behind, one of its calls of the storage, or never. */
async function startProcess(storage: Storage, clock: ReturnType<typeof testClock>, dies: number) {
  let calls = 0;
  let isDead = false;
  const wounded = intercepted(storage, async (_call, proceed) => {
    if (isDead) throw new Killed();
    const isLast = ++calls === Math.ceil(dies / 2);
    if (isLast) isDead = true;
    if (isLast && dies % 2 === 0) throw new Killed();
    const result = await proceed();
    // It does not live to hear it.
    if (isDead) throw new Killed();
    return result;
  });
  const wadi = await createWadi({ storage: wounded, clock, clusterId: 'test', warn: () => undefined });
  return { wadi, isDead: () => isDead };
}

async function produce({ log, topics }: Wadi, topic: string, texts: readonly string[]): Promise<void> {
  const found = await topics.describe(topic);
  for (const [i, text] of texts.entries()) {
    const record = { key: null, value: Buffer.from(text), timestamp: 1_000 + i, headers: [] };
    const bytes = encodeBatch([record]);
    const batches = [{ bytes, recordCount: 1, maxTimestamp: record.timestamp, producer: undefined }];
    const [result] = await log.append(found, [{ partition: i % found.partitions, batches }]);
    if (!result!.ok) throw result!.error;
  }
}

async function readAll({ log, topics }: Wadi, name: string): Promise<[string, number][]> {
  const topic = await topics.describe(name);
  const found: [string, number][] = [];
  for (let partition = 0; partition < topic.partitions; partition++) {
    for (let offset = 0; ; ) {
      const request = { partition, offset, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
      const { bytes, nextOffset } = await log.fetch(topic, request);
      if (nextOffset === offset) break;
      for (const { key, value } of decodeBatches(bytes, { fromOffset: offset }))
        found.push([string.deserialize(key!), long.deserialize(value!)]);
      offset = nextOffset;
    }
  }
  return found;
}

/** Each word's counts, one after the other: what whoever counts each line once says. */
function oracle(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of lines.flatMap((line) => line.split(' '))) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function expectOnce(said: readonly [string, number][], lines: readonly string[]): void {
  const counts = new Map<string, number>();
  for (const [word, count] of said) {
    expect([word, count]).toEqual([word, (counts.get(word) ?? 0) + 1]);
    counts.set(word, count);
  }
  expect(counts).toEqual(oracle(lines));
}

function someLines(random: Random, count: number): string[] {
  const line = () => Array.from({ length: random.between(1, 4) }, () => `w${random.below(6)}`).join(' ');
  return Array.from({ length: count }, line);
}

async function world(random: Random) {
  const clock = testClock();
  const storage = memoryStorage();
  const { wadi } = await startProcess(storage, clock, 0);
  await wadi.topics.create({ name: 'lines', partitions: 2 });
  await wadi.topics.create({ name: 'words', partitions: 3 });
  const lines = someLines(random, 9);
  await produce(wadi, 'lines', lines);
  return { clock, storage, wadi, lines };
}

/** One process after the other, until one has found nothing to do in any task. */
async function runToRest(
  { clock, storage }: { clock: ReturnType<typeof testClock>; storage: Storage },
  dies: (process: number) => number,
): Promise<number> {
  for (let count = 0; ; count++) {
    const { wadi, isDead } = await startProcess(storage, clock, dies(count));
    const { log, topics } = wadi;
    const { groups: items, objects } = wadi.storage;
    const application = wordCount();
    try {
      const tasks = await prepare(topics, application);
      const runner = createTaskRunner({ application, items, objects, log, topics, clock, limits: LIMITS });
      for (let records = 1; records > 0; ) {
        records = 0;
        for (const task of tasks) records += (await runner.run(task, clock.now() + 600_000)).records;
      }
      await log.settled();
      return count;
    } catch (error) {
      if (!isDead()) throw error;
    }
    // The lease of one that died is over.
    clock.advance(2 * LIMITS.leaseMs);
  }
}

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
  await expect(first.run()).rejects.toThrow(Killed);
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
