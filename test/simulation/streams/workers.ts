import { WadiError } from '../../../lib/errors.ts';
import { GROUP_LIMITS } from '../../../lib/group/limits.ts';
import { LIMITS } from '../../../lib/log/limits.ts';
import { StorageError } from '../../../lib/storage/ports.ts';
import { STREAMS_LIMITS, type StreamsLimits } from '../../../lib/streams/runtime/limits.ts';
import {
  createStreamsWorker,
  type StreamsWorker,
  type WorkerRun,
} from '../../../lib/streams/runtime/worker.ts';
import { type Process, startProcess } from '../process.ts';
import type { Random } from '../random.ts';
import { wordsAndMoods } from './application.ts';
import { type Stage, sleep } from './stage.ts';

const LOG = {
  ...LIMITS,
  entriesPerRoll: 4,
  maxEntriesPerRoll: 5,
  holdMs: 20,
  busyHoldMs: 10,
  abandonedMs: 2_000,
  sends: 1,
};
const SKEWS_MS = [-600_000, -70_000, -2_000, 2_000, 90_000, 400_000];
/** Nobody waits for a worker. */
const FOREVER_MS = 3_600_000;

/** A process, and the worker in it: what it has at hand of its tasks stays from one run to the next. */
export interface Worker {
  readonly process: Process;
  /** `undefined`: it was killed meanwhile, or has failed as storage may make it. */
  run(forMs: number): Promise<WorkerRun | undefined>;
}

export function drawLimits(random: Random): StreamsLimits {
  return {
    ...STREAMS_LIMITS,
    recordsPerStep: random.between(1, 6),
    inlineBytes: random.pick([0, 400, STREAMS_LIMITS.inlineBytes]),
    snapshotRecords: random.pick([2, 20, STREAMS_LIMITS.snapshotRecords]),
    snapshotPartBytes: random.pick([50, STREAMS_LIMITS.snapshotPartBytes]),
    bytesPerFetch: random.pick([100, STREAMS_LIMITS.bytesPerFetch]),
    leaseMs: random.pick([200, 2_000, 20_000]),
    prepareMs: random.pick([0, STREAMS_LIMITS.prepareMs]),
    purgeMs: random.pick([0, 1_000, STREAMS_LIMITS.purgeMs]),
    tasksAtOnce: random.pick([1, 2, STREAMS_LIMITS.tasksAtOnce]),
  };
}

export async function startWorker(
  stage: Stage,
  name: string,
  random: Random,
  limits: StreamsLimits,
): Promise<Worker> {
  const { world, cloud, weather, unexpected } = stage;
  const warn = (error: unknown) => {
    world.trace(name, 'fails', String(error));
    // Of a task: as the cause.
    const isExpected = [error, (error as Error).cause].some(
      (each) => each instanceof StorageError || each instanceof WadiError,
    );
    if (!isExpected) unexpected.push(`${name}: ${error}`);
  };
  const process = await startProcess({
    ...{ name, world, cloud, weather, random, limits: LOG, groupLimits: GROUP_LIMITS },
    skewMs: weather.strikes('skewed') ? random.pick(SKEWS_MS) : 0,
    ...{ remote: random.chance(0.3), isWorker: true, ordered: true },
    warn: () => undefined,
  });
  let worker: StreamsWorker | undefined;
  return {
    process,
    async run(forMs) {
      const answer = await process.serve((wadi) => {
        worker ??= createStreamsWorker(wadi, wordsAndMoods(), { limits, warn });
        return worker.run(process.clock.now() + forMs);
      }, FOREVER_MS);
      if (answer.is === 'error') warn(answer.error);
      if (answer.is !== 'ok') return undefined;
      world.trace(name, 'ran', JSON.stringify(answer.value));
      return answer.value;
    },
  };
}

/** A worker runs, rests, and runs again, sometimes twice at once; another takes the place of one that was killed. */
export async function keepWorking(
  stage: Stage,
  name: string,
  random: Random,
  limits: StreamsLimits,
  untilMs: number,
): Promise<Worker> {
  const { world } = stage;
  let started = 0;
  const start = () => startWorker(stage, `${name}.${started}`, random.fork(started++), limits);
  let worker = await start();
  while (world.nowMs < untilMs) {
    const forMs = random.pick([50, 1_000, 10_000]);
    const runs = Array.from({ length: stage.weather.strikes('invokedTwice', () => name) ? 2 : 1 }, () =>
      worker.run(forMs),
    );
    await Promise.all(runs);
    // Those that a schedule starts begin in the same moment.
    const pauseMs = random.chance(0.3) ? 1_000 - (world.nowMs % 1_000) : random.between(1, 3_000);
    await sleep(stage, pauseMs);
    if (!worker.process.alive || random.chance(0.05)) worker = await start();
  }
  return worker;
}
