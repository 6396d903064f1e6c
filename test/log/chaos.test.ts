import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log, LogTopic } from '../../lib/log/log.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { batch, newTopic, readAll, startLog } from '../support/log.ts';

/** Seeds that failed once stay in front; then some more. */
const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);
const PARTITIONS = 3;

function randomOf(seed: number): (below: number) => number {
  let state = seed * 2654435761;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

/** Every call takes a while, and some are lost, land late, land twice, or lose their answer. */
function weather(random: (below: number) => number, late: Promise<unknown>[]): Intercept {
  const pass = async (turns: number) => {
    for (let i = 0; i < turns; i++) await systemClock.sleep(0);
  };
  return async ({ operation }, proceed) => {
    await pass(random(4));
    const isWrite = ['put', 'update', 'delete'].includes(operation);
    switch (random(20)) {
      case 0:
        throw new StorageError('throttled', 'no');
      case 1:
        throw new StorageError('request lost', 'unknown');
      case 2:
        if (isWrite) await proceed();
        throw new StorageError('response lost', 'unknown');
      case 3:
        if (isWrite) late.push(pass(20 + random(400)).then(proceed));
        throw new StorageError('timed out', 'unknown');
      case 4:
        // The SDK sends it again: what the first copy wrote is seen by the second.
        if (isWrite) await proceed();
        return proceed();
      default: {
        const result = await proceed();
        await pass(random(4));
        return result;
      }
    }
  };
}

/** Runs fast, so that tails grow old, and as many clocks as processes, minutes apart. */
function skewed(skewMs: number): Clock {
  const now = () => Math.floor(performance.now() * 30) + 10_000_000 + skewMs;
  return { now, sleep: () => systemClock.sleep(0), random: systemClock.random };
}

async function writer(
  log: Log,
  topic: LogTopic,
  id: number,
  seed: number,
  acknowledged: Map<string, string>,
) {
  const random = randomOf(seed * 1000 + id);
  const idempotent = id % 2 === 0;
  const next = Array.from({ length: PARTITIONS }, () => 0);
  for (let n = 0; n < 25; n++) {
    const partition = random(PARTITIONS);
    const values = Array.from({ length: 1 + random(3) }, (_, i) => `${id}/${n}/${i}`);
    const producer = { id: BigInt(id), epoch: 0, sequence: next[partition]! };
    const mine = batch(values, idempotent ? { producer } : {});
    for (let attempt = 0; attempt < 50; attempt++) {
      const result = (await log.append(topic, [{ partition, batches: [mine] }]))[0]!;
      if (result.ok) {
        const base = result.offsets[0]!;
        values.forEach((value, i) => void acknowledged.set(`${partition}/${base + i}`, value));
        break;
      }
      if (!result.error.retriable) throw result.error;
      // Who is not idempotent and does not know must not send again, or it may be there twice.
      if (!idempotent) break;
    }
    next[partition]! += values.length;
  }
}

test.each(SEEDS)(
  'seed %i: whatever is lost, late, doubled or skewed, what was acknowledged is there, once',
  async (seed) => {
    const inner: Storage = memoryStorage();
    const late: Promise<unknown>[] = [];
    const random = randomOf(seed);
    const quiet = startLog(inner, skewed(0));
    const topic = await newTopic(quiet, PARTITIONS, 2);
    const acknowledged = new Map<string, string>();
    const logs = [0, 1, 2, 3].map((p) =>
      startLog(intercepted(inner, weather(random, late)), skewed((p - 1) * 150_000)),
    );
    await Promise.all(
      logs.flatMap((log, p) => [0, 1].map((w) => writer(log, topic, 2 * p + w, seed, acknowledged))),
    );
    await Promise.all(logs.map((log) => log.settled()));
    await Promise.all(late);

    const seen = new Map<string, string>();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const records = await readAll(quiet, topic, partition);
      expect(records.map(([offset]) => offset)).toEqual(records.map((_, i) => i));
      for (const [offset, value] of records) seen.set(`${partition}/${offset}`, value);
      const ofOne = records.map(([, value]) => value);
      expect(new Set(ofOne).size).toBe(ofOne.length);
    }
    for (const [place, value] of acknowledged) expect([place, seen.get(place)]).toEqual([place, value]);
  },
);
