import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, type Storage, StorageError } from '../../lib/storage/ports.ts';
import { intercepted } from '../support/faults.ts';
import {
  type Change,
  type Compacted,
  compact,
  compacted,
  expectBytes,
  type Found,
  HOUR,
  logStartOf,
  merge,
  readChanges,
  stateOf,
  TINY,
} from './compaction.ts';
import { collect, MINUTE } from './support.ts';

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Turn {
  readonly take: () => void;
  /** Before it changes the index: the later it is, the less it should still do. */
  readonly sleeps: boolean;
}

/** Every call of a process waits for its turn. */
function createTurns(random: () => number) {
  const waiting: Turn[] = [];
  let running = 0;
  return {
    process(storage: Storage, faults: number): Storage {
      return intercepted(storage, async ({ operation, args }, proceed) => {
        const isSwap = operation === 'put' && (args[0] as Partial<Item>).pk?.startsWith('index/') === true;
        const sleeps = isSwap && random() < 0.3;
        await new Promise<void>((resolve) => waiting.push({ take: resolve, sleeps }));
        const fault = random();
        if (fault < faults) throw new StorageError('lost on its way', 'unknown');
        const result = await proceed();
        if (fault < 2 * faults) throw new StorageError('its answer was lost', 'unknown');
        return result;
      });
    },
    start(work: () => Promise<unknown>): void {
      running++;
      void work()
        .catch((error: unknown) => {
          if (!(error instanceof StorageError)) throw error;
        })
        .finally(() => {
          running--;
        });
    },
    /** Lets one call go on; false when nobody has anything left to do, or all sleep. */
    async next(wake = 0): Promise<boolean> {
      for (let quiet = 0; quiet < 3; quiet++) await new Promise((resolve) => setImmediate(resolve));
      if (waiting.length === 0) return running > 0;
      const woken = random() < wake;
      const ready = waiting.filter(({ sleeps }) => woken || !sleeps);
      if (ready.length === 0) return false;
      const turn = ready[Math.floor(random() * ready.length)]!;
      waiting.splice(waiting.indexOf(turn), 1);
      turn.take();
      return true;
    },
  };
}

/** Who reads on from there ends with what was written last, and sees nothing that was not written there. */
async function expectRight(world: Compacted, from: number): Promise<void> {
  const start = Math.max(from, await logStartOf(world));
  const found = await readChanges(world, { from: start });
  for (const [offset, key, value] of found) expect([key, value]).toEqual(world.written[offset]);
  const rest = world.written.map(([key, value], offset): Found => [offset, key, value]).slice(start);
  expect(stateOf(found)).toEqual(stateOf(rest));
}

async function run(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const pick = (below: number) => Math.floor(random() * below);
  const world = await compacted(memoryStorage());
  const keys = 1 + pick(6);
  const changes = (): Change[] =>
    Array.from({ length: 1 + pick(4) }, () => [
      `k${pick(keys)}`,
      random() < 0.3 ? null : `${seed}/${world.written.length}/${'.'.repeat(pick(60))}`,
    ]);
  const limits = {
    ...TINY,
    rowsPerMerge: 2 + pick(5),
    bytesPerRow: 200 + pick(2_000),
    dedupeBufferBytes: 24 * (2 + pick(60)),
    keepBytes: pick(500),
  };
  const turns = createTurns(random);
  const faults = random() < 0.5 ? 0 : random() * 0.05;
  const deleteRetentionMs = pick(3) * HOUR;
  const segmentBytes = () => 100 + pick(2_000);
  const jobs = [
    (storage: Storage) => {
      const deadlineMs = random() < 0.5 ? 0 : Number.MAX_SAFE_INTEGER;
      return compact(storage, world, { deleteRetentionMs, segmentBytes: segmentBytes(), limits, deadlineMs });
    },
    (storage: Storage) =>
      compact(storage, world, { deleteRetentionMs, segmentBytes: segmentBytes(), limits }),
    (storage: Storage) => merge(storage, world, { limits, segmentBytes: segmentBytes() }),
    (storage: Storage) => collect(storage, world, { graceMs: MINUTE, limits }),
  ];
  for (let round = 0; round < 12; round++) {
    await world.write(...Array.from({ length: pick(4) }, changes));
    if (random() < 0.1) await world.log.deleteRecords(world.topic, 0, pick(world.written.length + 1));
    for (let started = pick(4); started > 0; started--) {
      const job = jobs[pick(jobs.length)]!;
      turns.start(() => job(turns.process(world.storage, faults)));
    }
    for (let step = pick(60); step > 0; step--) {
      if (!(await turns.next(0.01))) break;
      if (random() < 0.03) world.clock.advance(pick(HOUR));
    }
    await expectRight(world, 0);
    await expectRight(world, pick(world.written.length + 1));
  }
  while (await turns.next(1));
  await expectRight(world, 0);
  const configs = { deleteRetentionMs, segmentBytes: segmentBytes() };
  await compact(world.storage, world, configs);
  await collect(world.storage, world);
  world.clock.advance(4 * HOUR);
  await compact(world.storage, world, configs);
  await collect(world.storage, world);
  await expectBytes(world);
  const from = await logStartOf(world);
  for (let offset = from; offset <= world.written.length; offset++) await expectRight(world, offset);
  const found = await readChanges(world, { from });
  expect(found.filter(([, , value]) => value === null)).toEqual([]);
  expect(new Set(found.map(([, key]) => key)).size).toBe(found.length);
}

test.each([11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22])(
  'whoever compacts, merges and collects at once, dies or sleeps: who reads ends with what was written last (seed %i)',
  run,
);
