import { decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { prepare, type StreamsApplication } from '../../lib/streams/runtime/application.ts';
import { STREAMS_LIMITS, type StreamsLimits } from '../../lib/streams/runtime/limits.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import type { Random } from '../simulation/random.ts';
import { intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';

const { string, long } = Serdes;
const strings = { keySerde: string, valueSerde: string };
export const LIMITS = { ...STREAMS_LIMITS, recordsPerStep: 5, inlineBytes: 300 };

export function wordCount(): StreamsApplication {
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

export class Killed extends Error {}

/** A process: it dies before, or behind, one of its calls of the storage, or never. */
export async function startProcess(storage: Storage, clock: ReturnType<typeof testClock>, dies: number) {
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

export async function produce({ log, topics }: Wadi, topic: string, texts: readonly string[]): Promise<void> {
  const found = await topics.describe(topic);
  for (const [i, text] of texts.entries()) {
    const record = { key: null, value: Buffer.from(text), timestamp: 1_000 + i, headers: [] };
    const bytes = encodeBatch([record]);
    const batches = [{ bytes, recordCount: 1, maxTimestamp: record.timestamp, producer: undefined }];
    const [result] = await log.append(found, [{ partition: i % found.partitions, batches }]);
    if (!result!.ok) throw result!.error;
  }
}

export async function readAll({ log, topics }: Wadi, name: string): Promise<[string, number][]> {
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
export function oracle(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of lines.flatMap((line) => line.split(' '))) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

export function expectOnce(said: readonly [string, number][], lines: readonly string[]): void {
  const counts = new Map<string, number>();
  for (const [word, count] of said) {
    expect([word, count]).toEqual([word, (counts.get(word) ?? 0) + 1]);
    counts.set(word, count);
  }
  expect(counts).toEqual(oracle(lines));
}

/** Each word's counts are all there, up to the last, which is no less than what whoever counts each line once says. */
export function expectAtLeastOnce(said: readonly [string, number][], lines: readonly string[]): void {
  const counts = Map.groupBy(said, ([word]) => word);
  for (const [word, atLeast] of oracle(lines)) {
    const numbers = new Set(counts.get(word)?.map(([, count]) => count));
    const most = Math.max(...numbers);
    expect(most).toBeGreaterThanOrEqual(atLeast);
    expect(numbers).toEqual(new Set(Array.from({ length: most }, (_, i) => i + 1)));
  }
}

function someLines(random: Random, count: number): string[] {
  const line = () => Array.from({ length: random.between(1, 4) }, () => `w${random.below(6)}`).join(' ');
  return Array.from({ length: count }, line);
}

export async function world(random: Random) {
  const clock = testClock();
  const storage = memoryStorage();
  const { wadi } = await startProcess(storage, clock, 0);
  await wadi.topics.create({ name: 'lines', partitions: 2 });
  await wadi.topics.create({ name: 'words', partitions: 3 });
  const lines = someLines(random, 9);
  await produce(wadi, 'lines', lines);
  return { clock, storage, wadi, lines };
}

/** All words there are, in each partition. */
export async function sayAll({ wadi, lines }: { wadi: Wadi; lines: string[] }): Promise<void> {
  const more = Array.from({ length: 2 }, () => 'w0 w1 w2 w3 w4 w5');
  await produce(wadi, 'lines', more);
  lines.push(...more);
}

/** One process after the other, until one has found nothing to do in any task. */
export async function runToRest(
  { clock, storage }: { clock: ReturnType<typeof testClock>; storage: Storage },
  dies: (process: number) => number,
  limits: StreamsLimits = LIMITS,
  application = wordCount(),
): Promise<number> {
  for (let count = 0; ; count++) {
    const { wadi, isDead } = await startProcess(storage, clock, dies(count));
    const { log, topics } = wadi;
    const { groups: items, objects } = wadi.storage;
    try {
      const tasks = await prepare(topics, application);
      const runner = createTaskRunner({ application, items, objects, log, topics, clock, limits });
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
