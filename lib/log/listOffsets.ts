import { WadiError } from '../errors.ts';
import { decodeBatch } from '../record/decode.ts';
import { batchesOf, type FetchContext, load, missingBytes } from './fetch.ts';
import {
  baseOf,
  firstOffsetInHead,
  type Head,
  headIndexOf,
  highWatermark,
  logStartOffset,
  type PlacedSlice,
  placedSlices,
} from './head.ts';
import { type Index, indexOf } from './indexRow.ts';
import type { LogTopic, OffsetAndTimestamp, OffsetSpec } from './log.ts';

const NONE: OffsetAndTimestamp = { offset: -1, timestamp: -1 };
const MAX_PAGES = 10_000;

export async function listOffsets(
  context: FetchContext,
  topic: LogTopic,
  partition: number,
  spec: OffsetSpec,
): Promise<OffsetAndTimestamp> {
  const headIndex = headIndexOf(topic, partition);
  const head = await context.heads.read(topic, headIndex);
  if (spec === 'earliest') return { offset: logStartOffset(head, partition), timestamp: -1 };
  if (spec === 'latest') return { offset: highWatermark(head, partition), timestamp: -1 };
  const timestamp = spec === 'max-timestamp' ? maxTimestamp(head, partition) : spec.timestamp;
  if (timestamp > maxTimestamp(head, partition)) return NONE;
  for await (const slice of slicesReaching(context, topic, head, partition, timestamp)) {
    const found = await firstRecordIn(
      context,
      topic,
      headIndex,
      slice,
      timestamp,
      logStartOffset(head, partition),
    );
    if (found !== undefined) return found;
  }
  return NONE;
}

function maxTimestamp(head: Head, partition: number): number {
  const inHead = placedSlices(head, partition).map((slice) => slice.maxTimestamp);
  return Math.max(baseOf(head, partition).maxTimestamp, ...inHead);
}

/** Slices that hold a record at or after the time, in order of offset. */
async function* slicesReaching(
  { items, clock, limits }: FetchContext,
  topic: LogTopic,
  head: Head,
  partition: number,
  timestamp: number,
): AsyncGenerator<PlacedSlice> {
  const start = logStartOffset(head, partition);
  const reaches = (slice: PlacedSlice): boolean =>
    slice.maxTimestamp >= timestamp && slice.baseOffset + slice.recordCount > start;
  const index = indexOf(items, clock, topic.id, partition);
  const end = firstOffsetInHead(head, partition);
  let next = await firstReachingRow(index, start, end, timestamp);
  for (let page = 0; next < end; page++) {
    const { rows } = await index.from(next, limits.rowsPerRead);
    if (page === MAX_PAGES || rows.length === 0) throw missingBytes(topic, partition, next);
    for (const row of rows) {
      if (row.baseOffset !== next) throw missingBytes(topic, partition, next);
      if (row.maxTimestamp >= timestamp) yield* row.slices.filter(reaches);
      next = row.endOffset;
    }
  }
  yield* placedSlices(head, partition).filter(reaches);
}

/**
 * The base offset of the first row by whose end the time was reached; `end` if none. Bisects offsets, since the
 * running maximum never falls: some 30 queries for a log of a billion records.
 */
async function firstReachingRow(
  index: Index,
  start: number,
  end: number,
  timestamp: number,
): Promise<number> {
  let first = end;
  // Rows that end by `low` do not reach it; the row at `high` does.
  for (let low = start, high = end; low < high; ) {
    const middle = low + Math.floor((high - low) / 2);
    const row = await index.at(middle);
    if (row !== undefined && row.runningMaxTimestamp >= timestamp) {
      first = row.baseOffset;
      high = first;
    } else {
      low = Math.max(row?.endOffset ?? 0, middle + 1);
    }
  }
  return first;
}

async function firstRecordIn(
  context: FetchContext,
  topic: LogTopic,
  headIndex: number,
  slice: PlacedSlice,
  timestamp: number,
  startOffset: number,
): Promise<OffsetAndTimestamp | undefined> {
  const loaded = await load(context, topic, headIndex, [slice]);
  if (loaded === undefined) throw new WadiError('KAFKA_STORAGE_ERROR', 'Records have moved. Try again.');
  for (const { position, header } of batchesOf(loaded[0]!)) {
    if (header.maxTimestamp < timestamp) continue;
    for (const record of decodeBatch(loaded[0]!.subarray(position, position + header.bytes))) {
      const { offset } = record;
      if (offset >= startOffset && record.timestamp >= timestamp)
        return { offset, timestamp: record.timestamp };
    }
  }
  return undefined;
}
