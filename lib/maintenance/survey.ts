import type { Clock } from '../clock.ts';
import { type BlobName, uploadedAt } from '../log/blob.ts';
import { missingBytes } from '../log/fetch.ts';
import {
  firstOffsetInHead,
  type Head,
  headIndexOf,
  highWatermark,
  logStartOffset,
  type PlacedSlice,
  placedSlices,
} from '../log/head.ts';
import { createHeads } from '../log/heads.ts';
import { indexOf } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import type { ItemStore } from '../storage/ports.ts';
import { floorLagMs } from './dueItems.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';
import { inBatches } from './pass.ts';
import { isSmall } from './planMerge.ts';

export interface SurveyContext {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits?: MaintenanceLimits;
}

/** What a partition holds from its log start on, and how far maintenance lags behind. */
export interface PartitionSurvey {
  readonly partition: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /** Of slices with a record at or above the log start. */
  readonly sizeBytes: number;
  /** Index rows that lead to them. */
  readonly segments: number;
  /** Of slices that merging is still to copy, those of the head included; */
  readonly unmergedBytes: number;
  /** since the oldest of them was uploaded; 0 if there is none. */
  readonly oldestUnmergedAgeMs: number;
  /** How long garbage of the topic has been due and not been collected; 0 if none is. */
  readonly floorLagMs: number;
}

const NONE: ReadonlySet<BlobName> = new Set();

/** What was found so far; `next` is where the slices that were counted end. */
interface Tally {
  readonly next: number;
  readonly sizeBytes: number;
  readonly unmergedBytes: number;
  readonly oldestUnmergedAtMs: number;
}

/**
 * One survey per partition, in order. Costs a read of what is due, of each head, and of all rows of the index, but writes nothing and reads no
 * record. Throws StorageError, UNKNOWN_TOPIC_OR_PARTITION, or KAFKA_STORAGE_ERROR when a row is missing.
 */
export async function surveyPartitions(
  { items, clock, limits = MAINTENANCE_LIMITS }: SurveyContext,
  topic: LogTopic,
  partitions: readonly number[],
): Promise<PartitionSurvey[]> {
  const surveys: PartitionSurvey[] = [];
  const lagMs = await floorLagMs({ items, clock }, topic.id, limits);
  const heads = createHeads(items, clock);
  const shared = new Map<number, Promise<Head>>();
  await inBatches([...partitions.entries()], limits.surveysAtOnce, async ([i, partition]) => {
    const headIndex = headIndexOf(topic, partition);
    const first = shared.get(headIndex) ?? heads.read(topic, headIndex);
    shared.set(headIndex, first);
    let head = await first;
    for (let look = 1; ; look++) {
      const survey = await surveyPartition({ items, clock, limits }, topic, head, partition);
      if (survey !== undefined) {
        surveys[i] = { ...survey, floorLagMs: lagMs };
        return;
      }
      if (look === limits.looks) throw missingBytes(topic, partition, logStartOffset(head, partition));
      head = await heads.read(topic, headIndex);
    }
  });
  return surveys;
}

/** `undefined` when index rows are gone: the log start may have passed them since the head was read. */
async function surveyPartition(
  { items, clock, limits }: Required<SurveyContext>,
  topic: LogTopic,
  head: Head,
  partition: number,
): Promise<Omit<PartitionSurvey, 'floorLagMs'> | undefined> {
  const start = logStartOffset(head, partition);
  const end = firstOffsetInHead(head, partition);
  const index = indexOf(items, clock, topic.id, partition);
  let tally: Tally = { next: start, sizeBytes: 0, unmergedBytes: 0, oldestUnmergedAtMs: Infinity };
  let segments = 0;
  for await (const { slices } of index.walk(start, end, { rowsPerPage: limits.rowsPerPage })) {
    tally = countSlices(tally, slices, start, limits);
    segments++;
  }
  if (tally.next < end) return undefined;
  tally = countSlices(tally, placedSlices(head, partition), start, limits);
  const now = clock.now();
  return {
    partition,
    logStartOffset: start,
    // A merge since the head was read may have shown more.
    highWatermark: Math.max(highWatermark(head, partition), tally.next),
    sizeBytes: tally.sizeBytes,
    segments,
    unmergedBytes: tally.unmergedBytes,
    oldestUnmergedAgeMs: Math.max(0, now - Math.min(tally.oldestUnmergedAtMs, now)),
  };
}

function countSlices(
  before: Tally,
  slices: readonly PlacedSlice[],
  logStartOffset: number,
  limits: MaintenanceLimits,
): Tally {
  let { next, sizeBytes, unmergedBytes, oldestUnmergedAtMs } = before;
  for (const slice of slices) {
    const end = slice.baseOffset + slice.recordCount;
    if (end <= next) continue;
    next = end;
    sizeBytes += slice.bytes;
    if (!isSmall(slice, { logStartOffset, gone: NONE }, limits)) continue;
    unmergedBytes += slice.bytes;
    oldestUnmergedAtMs = Math.min(oldestUnmergedAtMs, uploadedAt(slice.blob.id));
  }
  return { next, sizeBytes, unmergedBytes, oldestUnmergedAtMs };
}
