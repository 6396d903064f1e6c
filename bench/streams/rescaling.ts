import { decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { ItemStore, Storage } from '../../lib/storage/ports.ts';
import { Serdes } from '../../lib/streams/index.ts';
import type { StreamsLimits } from '../../lib/streams/runtime/limits.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { type Latency, metered, newMeter } from '../metering.ts';
import type { Cell } from '../table.ts';
import { wordCount } from './applications.ts';

export interface RescalingOptions {
  readonly recordsPerSecond: number;
  readonly phaseSeconds: number;
  readonly partitions: number;
  readonly workers: readonly number[];
  readonly latency: Latency;
  readonly limits: StreamsLimits;
  readonly word: (n: number) => string;
}

const TICK_MS = 100;
const POLL_MS = 500;
const RUN_MS = 2_000;
/** Of the rest that is there when nothing more comes. */
const DRAIN_MS = 300_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Words are counted while they come, from one partition to many, and by ever more workers. Throws unless each is counted once. */
export async function rescaling(options: RescalingOptions): Promise<Cell[][]> {
  const { partitions, workers, phaseSeconds } = options;
  const storage = memoryStorage();
  const wadi = await createWadi({ storage });
  await wadi.topics.create({ name: 'input' });
  await wadi.topics.create({ name: 'output', partitions: 4 });
  const crew = startCrew(storage, options);
  const load = startLoad(wadi, options);
  const rows: Cell[][] = [];
  const phase = async (name: string, seconds: number) => {
    process.stderr.write(`${name} …\n`);
    const before = { ...crew.done, counted: await counted(wadi), at: performance.now() };
    await sleep(seconds * 1_000);
    const perSecond = ((await counted(wadi)) - before.counted) / ((performance.now() - before.at) / 1_000);
    const { moved, restored } = crew.done;
    const { partitions: now } = await wadi.topics.describe('input');
    rows.push([
      ...[name, now + partitions, crew.size(), Math.round(perSecond), load.said() - (await counted(wadi))],
      ...[moved - before.moved, restored - before.restored],
    ]);
  };
  await crew.grow(1);
  await phase('1 partition', phaseSeconds);
  await wadi.topics.addPartitions('input', partitions);
  for (const size of workers) {
    await crew.grow(size);
    await phase(`${partitions} partitions`, phaseSeconds);
  }
  await load.stop();
  for (const untilMs = performance.now() + DRAIN_MS; (await counted(wadi)) < load.said(); ) {
    if (performance.now() > untilMs) throw new Error('What was said is not counted.');
    await sleep(POLL_MS);
  }
  await crew.stop();
  await wadi.log.settled();
  await requireCountedOnce(wadi, load.counts);
  await storage.close();
  return rows;
}

/** So many words a second, in turn to all partitions that there are. */
function startLoad({ topics, log }: Wadi, { recordsPerSecond, word }: RescalingOptions) {
  const counts = new Map<string, number>();
  let said = 0;
  let isOver = false;
  const startedMs = performance.now();
  const running = (async () => {
    for (let tick = 0; !isOver; tick++) {
      const due = Math.floor(((performance.now() - startedMs) / 1_000) * recordsPerSecond);
      const words = Array.from({ length: due - said }, (_, i) => word(said + i));
      if (words.length > 0) {
        const now = Date.now();
        const records = words.map((value) => ({
          ...{ key: null, value: Buffer.from(value), timestamp: now, headers: [] },
        }));
        const batch = { bytes: encodeBatch(records), recordCount: words.length, maxTimestamp: now };
        const topic = await topics.describe('input');
        const batches = [{ ...batch, producer: undefined }];
        const [result] = await log.append(topic, [{ partition: tick % topic.partitions, batches }]);
        if (!result!.ok) throw result!.error;
      }
      for (const each of words) counts.set(each, (counts.get(each) ?? 0) + 1);
      said += words.length;
      await sleep(TICK_MS);
    }
  })();
  return {
    counts,
    said: () => said,
    async stop() {
      isOver = true;
      await running;
    },
  };
}

/** Workers, each with nothing but the storage in common with the others. */
function startCrew(storage: Storage, { partitions, latency, limits }: RescalingOptions) {
  const done = { moved: 0, restored: 0 };
  const owners = new Map<string, number>();
  const running: Promise<void>[] = [];
  let isOver = false;

  async function work(nth: number): Promise<void> {
    const slow = metered(storage, newMeter(), latency);
    const wadi = await createWadi({ storage: { ...slow, groups: owned(slow.groups, nth) } });
    const warn = (error: unknown) => {
      throw error;
    };
    const worker = createStreamsWorker(wadi, wordCount(partitions), {
      warn,
      limits,
      isStopping: () => isOver,
    });
    while (!isOver) {
      const { restored } = await worker.run(Date.now() + RUN_MS);
      done.restored += restored;
      await sleep(POLL_MS);
    }
    await wadi.log.settled();
  }

  /** Sees who takes a task, and who had it before. */
  const owned = (items: ItemStore, nth: number): ItemStore => ({
    ...items,
    async put(item, condition) {
      const outcome = await items.put(item, condition);
      if (outcome.applied && (item.untilMs as number) > 0) {
        const before = owners.get(item.sk);
        if (before !== undefined && before !== nth) done.moved++;
        owners.set(item.sk, nth);
      }
      return outcome;
    },
  });

  return {
    done,
    size: () => running.length,
    async grow(size: number) {
      while (running.length < size) running.push(work(running.length));
    },
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

/** Words whose counts are in the output. */
async function counted({ topics, log }: Wadi): Promise<number> {
  const topic = await topics.describe('output');
  const bounds = await log.boundsOf(topic, [...Array(topic.partitions).keys()]);
  return bounds.reduce((sum, { highWatermark }) => sum + highWatermark, 0);
}

/** The output has each count of each word, one after the other, up to how often it was said. */
async function requireCountedOnce({ topics, log }: Wadi, said: ReadonlyMap<string, number>): Promise<void> {
  const found = new Map<string, number>();
  const topic = await topics.describe('output');
  for (let partition = 0; partition < topic.partitions; partition++) {
    for (let offset = 0; ; ) {
      const request = { partition, offset, maxBytes: 4 << 20, minBytes: 0, maxWaitMs: 0 };
      const { bytes, nextOffset } = await log.fetch(topic, request);
      if (nextOffset === offset) break;
      for (const { key, value } of decodeBatches(bytes, { fromOffset: offset })) {
        const word = Serdes.string.deserialize(key!);
        const count = Serdes.long.deserialize(value!);
        if (count !== (found.get(word) ?? 0) + 1) throw new Error(`${word}: ${count} is not the next count`);
        found.set(word, count);
      }
      offset = nextOffset;
    }
  }
  for (const [word, count] of said)
    if (found.get(word) !== count) throw new Error(`${word}: ${found.get(word)} instead of ${count}`);
}
