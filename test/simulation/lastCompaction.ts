import { firstOffsetInHead, headIndexOf, logStartOffset } from '../../lib/log/head.ts';
import { createHeads } from '../../lib/log/heads.ts';
import { indexOf } from '../../lib/log/indexRow.ts';
import { compactPartition } from '../../lib/maintenance/compactPartition.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { decodeBatches } from '../../lib/record/decode.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Compact, Fetch } from '../../lib/verify/history.ts';
import { valuesOf } from '../support/log.ts';
import { type Aftermath, atRest, isCompacted, restingClock } from './aftermath.ts';
import type { Random } from './random.ts';

const AN_HOUR_MS = 3_600_000;
/** A pass of compaction ends within so many calls. */
const CALLS_TO_COMPACT = 200;

/**
 * What readers meet when the faults are over, wherever they begin; then compaction, with everything due, and again when the time of
 * tombstones has passed, leaves the last record of each key, of what has left the tail.
 */
export async function checkCompaction(
  aftermath: Aftermath,
  topics: readonly Topic[],
  random: Random,
): Promise<void> {
  for (const topic of topics.filter(isCompacted)) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      await readFromEveryRow(aftermath, topic, partition);
      for (const laterMs of [AN_HOUR_MS, 2 * AN_HOUR_MS, 3 * AN_HOUR_MS]) {
        await compact(aftermath, topic, partition, random, laterMs);
      }
      await expectCompacted(aftermath, topic, partition);
    }
  }
}

/** Noted in the history, as what readers saw who came one after the other. */
async function readFromEveryRow(aftermath: Aftermath, topic: Topic, partition: number): Promise<void> {
  const { world, recorder, cloud } = aftermath;
  const { log } = await atRest(aftermath);
  const { logStartOffset: start, highWatermark } = await log.bounds(topic, partition);
  const { rows } = await indexOf(cloud.storage.log, restingClock(aftermath), topic.id, partition).from(
    start,
    10_000,
  );
  for (const from of new Set([start, ...rows.map(({ baseOffset }) => baseOffset)])) {
    for (let offset = from; offset < highWatermark; ) {
      const note = recorder.begin<Fetch>({
        kind: 'fetch',
        partition: `${topic.id}/${partition}`,
        invokedAtMs: world.nowMs,
        returnedAtMs: world.nowMs,
        via: 'a reader when all is over',
        consumer: `from ${from}`,
        offset,
        outcome: { is: 'failed', error: 'no answer' },
      });
      const request = { partition, offset, maxBytes: 2_000, minBytes: 0, maxWaitMs: 0 };
      const { bytes, ...rest } = await log.fetch(topic, request);
      const records = valuesOf(bytes).filter(([at]) => at >= request.offset);
      note({ returnedAtMs: world.nowMs, outcome: { is: 'ok', ...rest, records } });
      if (rest.nextOffset <= offset)
        throw new Error(`offset ${offset} of ${topic.id}/${partition} cannot be read`);
      offset = rest.nextOffset;
    }
  }
}

async function compact(
  { cloud, world, recorder }: Aftermath,
  topic: Topic,
  partition: number,
  random: Random,
  laterMs: number,
): Promise<void> {
  const { objects, log: items } = cloud.storage;
  const clock = { ...restingClock({ world }, laterMs), random: random.bytes };
  const { deleteRetentionMs } = topic.configs;
  const note = recorder.begin<Compact>({
    kind: 'compact',
    partition: `${topic.id}/${partition}`,
    invokedAtMs: world.nowMs,
    returnedAtMs: Number.POSITIVE_INFINITY,
    via: 'a compactor when all is over',
    ...{ minCompactionLagMs: 0, deleteRetentionMs, aheadMs: laterMs },
    outcome: { is: 'unknown' },
  });
  for (let calls = 0; calls < CALLS_TO_COMPACT; calls++) {
    const limits = { ...MAINTENANCE_LIMITS, settleMs: 0 };
    const { more } = await compactPartition({ objects, items, clock, limits }, topic, partition, {
      segmentBytes: 1_000,
      minCleanableDirtyRatio: 0,
      minCompactionLagMs: 0,
      maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
      deleteRetentionMs,
      deadlineMs: Number.POSITIVE_INFINITY,
    });
    if (more) continue;
    note({ returnedAtMs: world.nowMs, outcome: { is: 'ok' } });
    return;
  }
  throw new Error(`compaction of ${topic.id}/${partition} does not end`);
}

async function expectCompacted(aftermath: Aftermath, topic: Topic, partition: number): Promise<void> {
  const { recorder, cloud } = aftermath;
  const { log } = await atRest(aftermath);
  const heads = createHeads(cloud.storage.log, restingClock(aftermath));
  const head = await heads.read(topic, headIndexOf(topic, partition));
  const end = firstOffsetInHead(head, partition);
  const found = new Map<string, number>();
  const wrong = (line: string) =>
    recorder.unexpected.push(`${topic.id}/${partition}, when compacted: ${line}`);
  for (let offset = logStartOffset(head, partition); offset < end; ) {
    const request = { partition, offset, maxBytes: 1, minBytes: 0, maxWaitMs: 0 };
    const { bytes, nextOffset } = await log.fetch(topic, request);
    for (const record of decodeBatches(bytes, { fromOffset: offset })) {
      if (record.offset >= end) break;
      const key = Buffer.from(record.key ?? []).toString();
      if (record.value === null) wrong(`the tombstone of ${key} at ${record.offset} is left`);
      if (found.has(key)) wrong(`${key} is left at ${found.get(key)} and at ${record.offset}`);
      found.set(key, record.offset);
    }
    offset = nextOffset;
  }
}
