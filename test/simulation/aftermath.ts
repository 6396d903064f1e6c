import type { Clock } from '../../lib/clock.ts';
import { type BlobName, blobsPrefix, inlinePk, segmentsPrefix } from '../../lib/log/blob.ts';
import { decodeHead, type Head, headIndexOf, headKey, logStartOffset } from '../../lib/log/head.ts';
import { indexOf, indexRowKey } from '../../lib/log/indexRow.ts';
import type { LogLimits } from '../../lib/log/limits.ts';
import { collectGarbage } from '../../lib/maintenance/collectGarbage.ts';
import type { GarbageCursor } from '../../lib/maintenance/garbage.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Append, FinalPartition } from '../../lib/verify/history.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { batch, readAll } from '../support/log.ts';
import type { Cloud } from './cloud.ts';
import { blobsInUse } from './invariants.ts';
import type { Process } from './process.ts';
import type { Recorder } from './recorder.ts';
import type { RegionsWatch } from './watchRegions.ts';
import type { World } from './world.ts';

/** After bad weather, an append and a fetch on each partition must end within this. */
const PROGRESS_MS = 5_000;
/** Appends within which a head that waits to be rolled must have been. */
const APPENDS_TO_ROLL = 80;
/** A pass of garbage collection ends within so many calls. */
const CALLS_TO_COLLECT = 200;
const AN_HOUR_MS = 3_600_000;
/** When all that was written after the faults is old as well. */
const COLLECTED_AFTER_MS = 10 * AN_HOUR_MS;

export interface Aftermath {
  readonly cloud: Cloud;
  readonly world: World;
  readonly recorder: Recorder;
  readonly limits: LogLimits;
}

/** When nothing fails, through any process that has lived through it all, each partition takes a record at once, and shows it. */
export async function checkProgress(aftermath: Aftermath, process: Process): Promise<void> {
  const { world, recorder, cloud } = aftermath;
  const noted = { recorder, regions: cloud.regions };
  const answer = await process.serve(async (wadi) => {
    for (const topic of await wadi.topics.list()) {
      for (let partition = 0; partition < topic.partitions; partition++) {
        const begunAtMs = world.nowMs;
        const offset = await append(wadi, world, noted, topic, partition, `${process.name} probes`);
        const request = { partition, offset, maxBytes: 1, minBytes: 1, maxWaitMs: 0 };
        const { nextOffset } = await wadi.log.fetch(topic, request);
        if (nextOffset <= offset) throw new Error(`offset ${offset} is not shown`);
        if (world.nowMs - begunAtMs > PROGRESS_MS) throw new Error(`took ${world.nowMs - begunAtMs} ms`);
      }
    }
    await wadi.log.settled();
  });
  if (answer.is === 'error')
    recorder.unexpected.push(`${process.name}: no progress: ${(answer.error as Error).stack}`);
  if (answer.is === 'none') recorder.unexpected.push(`${process.name}: no progress: no answer`);
}

export function isCompacted({ configs }: Topic): boolean {
  return configs.cleanupPolicy.includes('compact');
}

/** A record of a value of its own, noted in the history. */
export async function append(
  { log }: Wadi,
  world: World,
  { recorder, regions }: { readonly recorder: Recorder; readonly regions: RegionsWatch | undefined },
  topic: Topic,
  partition: number,
  producer: string,
): Promise<number> {
  const sequence = recorder.operations.length;
  const values = [`${producer} ${topic.id}/${partition} ${sequence}`];
  const keys = isCompacted(topic) ? [{ key: 'probe', isTombstone: false }] : undefined;
  const encoded = batch(values, keys && { keys });
  const { maxTimestamp } = encoded;
  const sent = {
    ...{ values, producer, sequence, idempotent: false, maxTimestamp, bytes: encoded.bytes.length },
    ...(keys && { keys }),
  };
  const note = recorder.begin<Append>({
    kind: 'append',
    partition: `${topic.id}/${partition}`,
    invokedAtMs: world.nowMs,
    returnedAtMs: Number.POSITIVE_INFINITY,
    via: producer,
    batches: [sent],
    outcome: { is: 'unknown' },
  });
  const durability = { acks: 'all', minInsyncReplicas: topic.configs.minInsyncReplicas } as const;
  const [result] = await log.append(topic, [{ partition, batches: [encoded] }], durability);
  if (!result!.ok) throw result!.error;
  const { offsets, logStartOffset } = result!;
  await regions?.acknowledged(topic, partition, offsets[0]!, 1);
  note({ returnedAtMs: world.nowMs, outcome: { is: 'ok', offsets, logStartOffset } });
  return offsets[0]!;
}

/** While appends go on through a process, it rolls heads, and finishes rolls that somebody left. */
export async function checkRolls(aftermath: Aftermath, process: Process): Promise<void> {
  const { world, recorder, limits, cloud } = aftermath;
  const noted = { recorder, regions: cloud.regions };
  const quietMs = Math.max(limits.holdMs, limits.abandonedMs, limits.aheadMs) + 10;
  const answer = await process.serve(async (wadi) => {
    for (const topic of await wadi.topics.list()) {
      for (let partition = 0; partition < topic.partitions; partition += topic.partitionsPerHead) {
        const before = await readHead(aftermath, topic, partition);
        let head = before;
        for (let n = 0; !isRolled(head, before, limits) && n < APPENDS_TO_ROLL; n++) {
          await process.clock.sleep(quietMs);
          await append(wadi, world, noted, topic, partition, `${process.name} rolls`);
          await wadi.log.settled();
          head = await readHead(aftermath, topic, partition);
        }
        if (!isRolled(head, before, limits)) {
          recorder.unexpected.push(
            `${process.name} does not roll ${headKey(topic.id, head.index).pk}: ${head.tail.length} entries`,
          );
        }
      }
    }
  }, AN_HOUR_MS);
  if (answer.is !== 'ok') recorder.unexpected.push(`rolling: ${JSON.stringify(answer)}`);
}

/** It was rolled, and does not grow. */
function isRolled(head: Head, before: Head, { entriesPerRoll }: LogLimits): boolean {
  const short = head.tail.length <= before.tail.length + entriesPerRoll + 1;
  return head.roll > before.roll && head.rolling === undefined && short;
}

async function readHead({ cloud }: Aftermath, topic: Topic, partition: number): Promise<Head> {
  const index = headIndexOf(topic, partition);
  const item = await cloud.storage.log.get(headKey(topic.id, index));
  return decodeHead(item!, topic, index);
}

export function restingClock({ world }: Pick<Aftermath, 'world'>, laterMs = 0): Clock {
  return {
    now: () => Math.floor(world.nowMs) + laterMs,
    random: () => {
      throw new Error('nothing is written at rest');
    },
    sleep: async () => undefined,
  };
}

export function atRest(aftermath: Aftermath): Promise<Wadi> {
  const { storage, buckets } = aftermath.cloud;
  const all = buckets.map(({ name, objects }, i) => ({ id: i + 1, name, objects }));
  return createWadi({
    ...{ storage, clock: restingClock(aftermath), clusterId: 'simulated' },
    ...(all.length > 0 && { regions: { local: all[0]!.name, all } }),
  });
}

export async function liveTopics(aftermath: Aftermath): Promise<Topic[]> {
  return (await atRest(aftermath)).topics.list();
}

/** A topic is gone only if somebody may have deleted it, and has the partitions that it was said to have. */
export function checkTopics(topics: readonly Topic[], { seen, deletions, unexpected }: Recorder): void {
  for (const [id, { name, knownAtMs, partitions }] of seen) {
    const live = topics.find((topic) => topic.id === id);
    if (live !== undefined) {
      if (live.partitions < partitions)
        unexpected.push(`${name} ${id} has ${live.partitions} partitions, and had ${partitions}`);
    } else if (!deletions.some((deletion) => deletion.name === name && deletion.endedAtMs >= knownAtMs)) {
      unexpected.push(
        `${name} ${id} is gone, though all deletions of its name were over before it was known`,
      );
    }
  }
}

/** Once a name was found to be another's, a topic does not come back to it. */
export function checkNames({ sightings, unexpected }: Recorder): void {
  for (const first of sightings) {
    const after = sightings.filter(
      ({ name, askedAtMs }) => name === first.name && askedAtMs > first.answeredAtMs,
    );
    const other = after.find(({ id }) => id !== first.id);
    const again =
      other && after.find(({ id, askedAtMs }) => id === first.id && askedAtMs > other.answeredAtMs);
    if (again) unexpected.push(`${first.name} was ${first.id}, then ${other.id}, then ${first.id} again`);
  }
}

/** The topic's, segments included. */
export async function storedBlobs({ objects, log }: Storage, topic: Topic): Promise<BlobName[]> {
  const { objects: blobs } = await objects.list(blobsPrefix(topic.id), { limit: 1_000 });
  const { objects: segments } = await objects.list(segmentsPrefix(topic.id), { limit: 1_000 });
  const names = [...blobs, ...segments].map(({ key }) => key.slice(-28));
  for (let index = 0; index <= headIndexOf(topic, topic.partitions - 1); index++) {
    const { items } = await log.query({ pk: inlinePk(topic.id, index), limit: 1_000 });
    names.push(...items.map(({ sk }) => sk));
  }
  return names;
}

/** In the end garbage collection leaves nothing that is not used. */
export async function checkCleanliness(aftermath: Aftermath, topics: readonly Topic[]): Promise<void> {
  const { objects, log: items } = (await atRest(aftermath)).storage;
  const { unexpected } = aftermath.recorder;
  const clock = restingClock(aftermath, COLLECTED_AFTER_MS);
  for (const topic of topics) {
    let cursor: GarbageCursor | undefined;
    for (let calls = 0; ; calls++) {
      const options = { graceMs: 0, ...(cursor && { cursor }) };
      cursor = (await collectGarbage({ objects, items, clock }, topic, options)).cursor;
      if (cursor === undefined) break;
      if (calls > CALLS_TO_COLLECT) throw new Error('a pass of garbage collection does not end');
    }
    // A merger that died may have left rows that a segment covers: they name theirs until the next one marks them.
    const inUse = await blobsInUse(aftermath.cloud.storage, topic.id, true);
    const names = await storedBlobs(aftermath.cloud.storage, topic);
    for (let first = 0; first < topic.partitions; first += topic.partitionsPerHead) {
      const head = await readHead(aftermath, topic, first);
      for (let i = 0; i < head.base.length; i++) {
        const start = logStartOffset(head, first + i);
        const { rows } = await indexOf(items, clock, topic.id, first + i).before(start, 1_000);
        for (const { baseOffset, endOffset, absorbed } of rows) {
          if (absorbed === undefined && endOffset <= start)
            unexpected.push(`${topic.id}/${first + i}: the row at ${baseOffset} is left, below ${start}`);
        }
      }
    }
    for (const name of names)
      if (!inUse.has(name)) unexpected.push(`${topic.id}: the blob ${name} is left, unused`);
  }
}

/** Whatever lies about in the index: a reader may begin at any of its rows. */
export async function readFromEveryRow(aftermath: Aftermath, topics: readonly Topic[]): Promise<void> {
  const { log, storage } = await atRest(aftermath);
  for (const topic of topics) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const { logStartOffset } = await log.bounds(topic, partition);
      const { pk, sk } = indexRowKey(topic.id, partition, logStartOffset);
      const { items } = await storage.log.query({ pk, from: sk, limit: 10_000 });
      for (const { sk } of items) {
        const request = { partition, offset: Number(sk), maxBytes: 1, minBytes: 0, maxWaitMs: 0 };
        const { nextOffset } = await log.fetch(topic, request);
        if (nextOffset <= request.offset) throw new Error(`offset ${request.offset} cannot be read`);
      }
    }
  }
}

export async function readFinal(
  aftermath: Aftermath,
  topics: readonly Topic[],
): Promise<Map<string, FinalPartition>> {
  const { log } = await atRest(aftermath);
  const final = new Map<string, FinalPartition>();
  for (const topic of topics) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const bounds = await log.bounds(topic, partition);
      const records = await readAll(log, topic, partition, { from: bounds.logStartOffset });
      final.set(`${topic.id}/${partition}`, { ...bounds, records });
    }
  }
  return final;
}
