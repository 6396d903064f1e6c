import { type BlobName, blobName, inlineKey, objectKey } from '../../lib/log/blob.ts';
import {
  decodeHead,
  firstOffsetInHead,
  type Head,
  headIndexOf,
  headKey,
  highWatermark,
  isDeleted,
  logStartOffset,
  type PlacedSlice,
  partitionsOf,
  placedSlices,
} from '../../lib/log/head.ts';
import { type IndexRow, indexOf } from '../../lib/log/indexRow.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { DeleteRecords, PartitionId, PropertyReport, Retain } from '../../lib/verify/history.ts';
import { partitionsOf as historiesOf } from '../../lib/verify/partition.ts';
import type { Cloud } from './cloud.ts';
import type { Lookup, Recorder } from './recorder.ts';

const clock = {
  now: () => 0,
  sleep: async () => undefined,
  random: () => new Uint8Array(0),
};

/**
 * Rows that may lead a reader to their bytes. While marks stay, all do. When they go at once, somebody who wakes late
 * may put one again that was absorbed: then a lower row has its records, and readers find them there.
 */
async function rowsThatCount(
  { log }: Pick<Storage, 'log'>,
  topicId: string,
  partition: number,
  marksStay: boolean,
): Promise<IndexRow[]> {
  const { rows } = await indexOf(log, clock, topicId, partition).before(10 ** 15, 10_000);
  const live = rows.filter((row) => row.absorbed === undefined);
  const covers = (other: IndexRow, row: IndexRow) =>
    other.baseOffset < row.baseOffset && row.endOffset <= other.endOffset;
  return live.filter((row) => marksStay || !live.some((other) => covers(other, row)));
}

/** Slices that hold a record, at or above its log start, that a head or an index row leads to. */
export async function* slicesInUse(
  { log }: Pick<Storage, 'log'>,
  topicId: string,
  marksStay: boolean,
): AsyncGenerator<PlacedSlice> {
  for (let index = 0; ; index++) {
    const head = await headOf({ log }, topicId, index);
    if (head === undefined) return;
    for (let i = 0; i < head.base.length; i++)
      yield* await slicesOfHead({ log }, head, head.firstPartition + i, marksStay);
  }
}

export async function blobsInUse(
  storage: Pick<Storage, 'log'>,
  topicId: string,
  marksStay: boolean,
): Promise<Set<BlobName>> {
  const inUse = new Set<BlobName>();
  for await (const { blob } of slicesInUse(storage, topicId, marksStay)) inUse.add(blobName(blob.id));
  return inUse;
}

/** The same of one partition; none if it is gone. */
export async function livingSlices(
  { log }: Pick<Storage, 'log'>,
  topicId: string,
  partition: number,
  marksStay: boolean,
): Promise<PlacedSlice[]> {
  const first = await headOf({ log }, topicId, 0);
  if (first === undefined) return [];
  const head = await headOf({ log }, topicId, Math.floor(partition / first.base.length));
  return head === undefined ? [] : slicesOfHead({ log }, head, partition, marksStay);
}

async function headOf(
  { log }: Pick<Storage, 'log'>,
  topicId: string,
  index: number,
): Promise<Head | undefined> {
  const item = await log.get(headKey(topicId, index));
  if (item === undefined || isDeleted(item)) return undefined;
  const topic = { id: topicId, name: '', partitions: 0, partitionsPerHead: partitionsOf(item) };
  return decodeHead(item, topic, index);
}

async function slicesOfHead(
  { log }: Pick<Storage, 'log'>,
  head: Head,
  partition: number,
  marksStay: boolean,
): Promise<PlacedSlice[]> {
  const rows = await rowsThatCount({ log }, head.topicId, partition, marksStay);
  const all = [...placedSlices(head, partition), ...rows.flatMap(({ slices }) => slices)];
  return all.filter((slice) => endOf(slice) > logStartOffset(head, partition));
}

/** What must hold of the stores when all is at rest. */
export async function checkStorage(
  { storage, collected, wronglyCollected, marksStay }: Cloud,
  topics: readonly Topic[],
  recorder: Recorder,
): Promise<PropertyReport[]> {
  const rows = report('every index row is followed by the next');
  const bytes = report('all that is referenced has its bytes');
  for (const topic of topics) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const id = `${topic.id}/${partition}`;
      const slices = await slicesOf(storage, topic, partition, marksStay, (line) =>
        rows.violations.push(`${id}: ${line}`),
      );
      rows.checked += slices.length;
      for (const slice of slices) {
        if (slice.bytes === 0) continue;
        bytes.checked++;
        const found = await bytesOf(storage, topic, headIndexOf(topic, partition), slice);
        if (found === undefined || found < slice.position + slice.bytes) {
          bytes.violations.push(`${id}: offset ${slice.baseOffset}: ${found ?? 'no'} bytes`);
        }
      }
    }
  }
  const deletions = { ...report('nothing that is referenced is deleted'), violations: wronglyCollected };
  deletions.checked = collected.size;
  return [rows, bytes, deletions, checkLookups(recorder)];
}

function report(property: string) {
  return { property, checked: 0, violations: [] as string[] };
}

function endOf({ baseOffset, recordCount }: PlacedSlice): number {
  return baseOffset + recordCount;
}

/** All from the one that holds the log start on, those of rows that overlap included. */
async function slicesOf(
  storage: Storage,
  topic: Topic,
  partition: number,
  marksStay: boolean,
  violation: (line: string) => void,
): Promise<PlacedSlice[]> {
  const index = headIndexOf(topic, partition);
  const item = await storage.log.get(headKey(topic.id, index));
  if (item === undefined) {
    violation('has no head');
    return [];
  }
  const head = decodeHead(item, topic, index);
  const start = logStartOffset(head, partition);
  const end = firstOffsetInHead(head, partition);
  const found: PlacedSlice[] = [];
  const rows = await rowsThatCount(storage, topic.id, partition, marksStay);
  for (const { baseOffset, endOffset, slices } of rows) {
    found.push(...slices);
    if (slices.reduce((sum, { recordCount }) => sum + recordCount, baseOffset) !== endOffset) {
      violation(`the row at ${baseOffset} does not end at ${endOffset}`);
    }
  }
  const rowsOf = indexOf(storage.log, clock, topic.id, partition);
  // From wherever a reader may begin, the rows lead to the head.
  for (const from of new Set([start, ...rows.map(({ baseOffset }) => baseOffset)])) {
    if (from < start || from >= end) continue;
    let next = from;
    for await (const { slices } of rowsOf.walk(from, end, { rowsPerPage: 4 })) next = endOf(slices.at(-1)!);
    if (next < end) violation(`no index row holds offset ${next}, on the way from ${from}`);
  }
  const inHead = placedSlices(head, partition);
  if (inHead.length > 0 && endOf(inHead.at(-1)!) !== highWatermark(head, partition)) {
    violation(`the last slice does not end at the high watermark`);
  }
  return [...found, ...inHead].filter((slice) => endOf(slice) > start);
}

async function bytesOf(
  storage: Storage,
  topic: Topic,
  headIndex: number,
  slice: PlacedSlice,
): Promise<number | undefined> {
  const { blob } = slice;
  if (!blob.inline) return (await storage.objects.get(objectKey(topic.id, slice)))?.length;
  const item = await storage.log.get(inlineKey(topic.id, headIndex, blob.id));
  return (item?.bytes as Uint8Array | undefined)?.length;
}

/** A lookup by time finds the first record, of those that were there, that is as young. */
function checkLookups({ lookups, operations, timestamps }: Recorder): PropertyReport {
  const { violations, ...rest } = report('a lookup by time finds the first record of that time');
  const placed = new Map<PartitionId, Map<number, { value: string; acknowledgedAtMs: number }>>();
  for (const operation of operations) {
    if (operation.kind !== 'append' || operation.outcome.is !== 'ok') continue;
    const records = placed.get(operation.partition) ?? new Map();
    placed.set(operation.partition, records);
    for (const [i, { values }] of operation.batches.entries()) {
      for (const [nth, value] of values.entries()) {
        const offset = operation.outcome.offsets[i]! + nth;
        const earlier: number = records.get(offset)?.acknowledgedAtMs ?? Number.POSITIVE_INFINITY;
        records.set(offset, { value, acknowledgedAtMs: Math.min(earlier, operation.returnedAtMs) });
      }
    }
  }
  const deletions = operations.filter(
    ({ kind }) => kind === 'deleteRecords' || kind === 'retain',
  ) as Deletion[];
  const seen = new Map(historiesOf({ operations, final: new Map() }).map((one) => [one.id, one.seen]));
  for (const lookup of lookups) {
    const asked = deletions.filter(({ partition }) => partition === lookup.partition);
    const done = asked.filter(({ returnedAtMs }) => returnedAtMs < lookup.invokedAtMs);
    const starts = { least: Math.max(0, ...done.map(reached)), most: Math.max(0, ...asked.map(mostReached)) };
    const mayBeTaken = (offset: number) =>
      seen.get(lookup.partition)!.get(offset)!.takenFromMs <= lookup.returnedAtMs;
    const records = placed.get(lookup.partition) ?? new Map();
    const wrong = wrongLookup(lookup, records, starts, timestamps, mayBeTaken);
    if (wrong !== undefined) violations.push(`${lookup.partition}: ${wrong}`);
  }
  return { ...rest, checked: lookups.length, violations };
}

type Deletion = DeleteRecords | Retain;

/** The log start that a deletion is known to have led to, */
function reached({ outcome }: Deletion): number {
  return outcome.is === 'ok' ? outcome.logStartOffset : 0;
}

/** and that it may have. */
function mostReached(deletion: Deletion): number {
  if (deletion.outcome.is !== 'unknown') return reached(deletion);
  const isAny = deletion.kind === 'retain' || deletion.beforeOffset === -1;
  return isAny ? Number.POSITIVE_INFINITY : deletion.beforeOffset;
}

function wrongLookup(
  { timestamp, found, invokedAtMs }: Lookup,
  records: ReadonlyMap<number, { value: string; acknowledgedAtMs: number }>,
  /** Where the log may have begun. */
  starts: { readonly least: number; readonly most: number },
  timestamps: ReadonlyMap<string, number>,
  mayBeTaken: (offset: number) => boolean,
): string | undefined {
  const at = records.get(found.offset);
  if (
    at !== undefined &&
    (timestamps.get(at.value)! < timestamp || timestamps.get(at.value) !== found.timestamp)
  ) {
    return `time ${timestamp} was found at offset ${found.offset}, which has ${timestamps.get(at.value)}`;
  }
  if (found.offset !== -1 && found.offset < starts.least) {
    return `time ${timestamp} was found at offset ${found.offset}, below the log start ${starts.least}`;
  }
  for (const [offset, { value, acknowledgedAtMs }] of records) {
    if (offset < starts.most || acknowledgedAtMs > invokedAtMs || timestamps.get(value)! < timestamp)
      continue;
    if ((found.offset === -1 || offset < found.offset) && !mayBeTaken(offset)) {
      return `time ${timestamp} was found at offset ${found.offset}, though ${offset} has ${timestamps.get(value)}`;
    }
  }
  return undefined;
}
