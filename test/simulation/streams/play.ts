import type { Clock } from '../../../lib/clock.ts';
import { encodeBatch } from '../../../lib/record/encode.ts';
import { partitionOfKey } from '../../../lib/record/partitioner.ts';
import { createWadi } from '../../../lib/wadi.ts';
import { createCloud } from '../cloud.ts';
import { ALL_FAULTS, type Coverage, createWeather, FAULTS, type Fault } from '../faults.ts';
import type { Played } from '../game.ts';
import { type Random, seeded } from '../random.ts';
import { createWorld, type World } from '../world.ts';
import { DELETE_RETENTION_MS, LETTERS, LINES, MINUTES, MOODS, TOLD, WORDS } from './application.ts';
import { check, type Rest } from './check.ts';
import { keepHouse, keepOnce } from './keeper.ts';
import { readTopic } from './reading.ts';
import { restoredStores } from './restored.ts';
import { type Stage, sleep } from './stage.ts';
import { drawLimits, keepWorking, startWorker, type Worker } from './workers.ts';

const START_MS = 1_770_000_000_000;
/** Longer than anything is late, frozen, or leased. */
const QUIETS_MS = [200_000, 200_000, DELETE_RETENTION_MS + 600_000];
const SPEAKERS = 5;
const OUTPUTS = [WORDS, TOLD, MINUTES, LETTERS];
/** So many runs of a worker are enough for all tasks, if nothing fails. */
const MAX_RUNS = 10;
/** Those that strike calls of stores, and processes. */
const IN_PLAY: readonly Fault[] = ALL_FAULTS.filter(
  (fault) => FAULTS[fault].chance > 0 && !/^(message|copy|region|answer)/.test(fault),
);

/** Several workers run one application, while its inputs come, and whatever can befall them does. */
export async function playStreams(seed: number, log?: (line: string) => void): Promise<Played> {
  const random = seeded(seed, 177);
  const world = createWorld(START_MS, seeded(seed, 178).real, log);
  const coverage: Coverage = new Map();
  const weather = createWeather(random.fork(1), world.trace, drawFaults(random), coverage);
  const cloud = createCloud(true);
  const whole = await createWadi({
    ...{ storage: cloud.storage, clock: trueClock(world, random.fork(2)) },
    ...{ clusterId: 'simulated', warn: () => undefined },
  });
  const stage: Stage = { world, cloud, weather, random, whole, seen: [], said: 0, unexpected: [] };
  let rest: Rest | undefined;
  try {
    rest = await world.run(perform(stage));
  } catch (error) {
    stage.unexpected.push(`the run broke off: ${(error as Error).message}`);
  }
  const operations = (rest?.lines.length ?? 0) + (rest?.moods.length ?? 0);
  return { reports: check(rest, stage), coverage, fingerprint: world.fingerprint, operations };
}

function drawFaults(random: Random): Partial<Record<Fault, number>> {
  const share = random.pick([0, 0.2, 0.5, 0.8]);
  const inPlay = IN_PLAY.filter(() => random.chance(share));
  return Object.fromEntries(inPlay.map((fault) => [fault, random.pick([0.3, 1, 1, 3])]));
}

const trueClock = (world: World, random: Random): Clock => ({
  now: () => Math.floor(world.nowMs),
  random: random.bytes,
  sleep: (ms) => sleep({ world }, ms),
});

async function perform(stage: Stage): Promise<Rest> {
  const { world, weather, random, whole } = stage;
  const partitions = random.between(2, 3);
  // Records are as old as the world, which begins at 0 for them.
  const configs = { 'retention.ms': '-1' };
  for (const name of [LINES, MOODS]) await whole.topics.create({ name, partitions, configs });
  for (const name of OUTPUTS) await whole.topics.create({ name, partitions: random.between(1, 3), configs });
  const limits = drawLimits(random);
  const isKept = random.chance(0.6);
  const untilMs = world.nowMs + random.pick([3_000, 10_000, 40_000]);
  const [workers] = await Promise.all([
    Promise.all(
      Array.from({ length: random.between(2, 4) }, (_, i) =>
        keepWorking(stage, `w${i}`, random.fork(10 + i), limits, untilMs),
      ),
    ),
    speak(stage, random.fork(3), random.between(4, 16), (untilMs - world.nowMs) / 10),
    observe(stage, random.fork(4), untilMs),
    isKept ? keepHouse(stage, random.fork(6), untilMs) : undefined,
  ]);
  weather.clear();
  // A pass gives a tombstone its time; in a later one it goes.
  for (let pass = 0; pass < 3; pass++) {
    await sleep(stage, random.pick(QUIETS_MS));
    if (isKept) await keepOnce(stage, random.fork(30 + pass));
  }
  const fresh = await startWorker(stage, 'fresh', random.fork(5), limits);
  await drain(stage, fresh);
  // Those that have tasks at hand from before go on with them.
  const alive = [...workers, fresh].filter(({ process }) => process.alive);
  for (const [i, worker] of alive.entries()) {
    await speak(stage, random.fork(20 + i), 2, 1);
    await drain(stage, worker);
  }
  const read = (name: string) => readTopic(whole, name);
  return {
    ...{
      lines: await read(LINES),
      moods: await read(MOODS),
      words: await read(WORDS),
      told: await read(TOLD),
    },
    ...{ minutes: await read(MINUTES), letters: await read(LETTERS) },
    ...(await restoredStores(whole, partitions)),
  };
}

/** Lines and moods come, one after the other. */
async function speak(stage: Stage, random: Random, count: number, mostPauseMs: number): Promise<void> {
  const { whole, world } = stage;
  for (let i = 0; i < count; i++) {
    const isLine = random.chance(0.6);
    const topic = await whole.topics.describe(isLine ? LINES : MOODS);
    const key = Buffer.from(`speaker${random.below(SPEAKERS)}`);
    const value = isLine ? lineOf(stage.said, random) : moodOf(stage.said, random);
    stage.said++;
    // Some are late.
    const timestamp = Math.max(0, Math.floor(world.nowMs) - START_MS - random.pick([0, 0, 500, 4_000]));
    const record = { key, value, timestamp, headers: [] };
    const batch = { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: record.timestamp };
    const partition = partitionOfKey(key, topic.partitions);
    const [result] = await whole.log.append(topic, [
      { partition, batches: [{ ...batch, producer: undefined }] },
    ]);
    if (!result!.ok) throw result!.error;
    await sleep(stage, random.between(0, Math.round(mostPauseMs)));
  }
}

function lineOf(number: number, random: Random): Uint8Array {
  if (random.chance(0.05)) return Uint8Array.of(0xff, number);
  const words = Array.from({ length: random.between(0, 3) }, () => `w${random.below(6)}`);
  if (random.chance(0.1)) words.push('unspeakable');
  return Buffer.from([`line${number}`, ...words].join(' '));
}

const moodOf = (number: number, random: Random): Uint8Array | null =>
  random.chance(0.4) ? null : Buffer.from(`mood${number}`);

async function observe(stage: Stage, random: Random, untilMs: number): Promise<void> {
  const { whole, world, seen } = stage;
  while (world.nowMs < untilMs) {
    await sleep(stage, random.between(100, 5_000));
    for (const topic of [WORDS, TOLD])
      for (const one of await readTopic(whole, topic)) seen.push({ ...one, topic });
  }
}

/** All is whole: a worker that is alone takes every task to its end. */
async function drain({ unexpected, world }: Stage, worker: Worker): Promise<void> {
  const { name } = worker.process;
  for (let runs = 0; runs < MAX_RUNS; runs++) {
    const run = await worker.run(600_000);
    if (run === undefined || run.failed > 0 || run.left > 0)
      unexpected.push(`${name} is not through, though all is whole: ${JSON.stringify(run)}`);
    else if (run.records === 0) return;
  }
  world.trace(name, 'does not end');
  unexpected.push(`${name} finds something to do for ever`);
}
