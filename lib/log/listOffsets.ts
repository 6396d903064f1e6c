import { decodeBatch } from '../record/decode.ts';
import type { BlobName } from './blob.ts';
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

/** Of one lookup: it goes from look to look. */
interface Lookup extends FetchContext {
  readonly gone: Set<BlobName>;
}

/** Bytes or rows that should be there are not: the log start may have passed them since the head was read. */
const GONE = Symbol('gone');
type Gone = typeof GONE;

export async function listOffsets(
  context: FetchContext,
  topic: LogTopic,
  partition: number,
  spec: OffsetSpec,
): Promise<OffsetAndTimestamp> {
  const lookup = { ...context, gone: new Set<BlobName>() };
  for (let look = 1; ; look++) {
    const head = await context.heads.read(topic, headIndexOf(topic, partition));
    const start = logStartOffset(head, partition);
    if (spec === 'earliest') return { offset: start, timestamp: -1 };
    if (spec === 'latest') return { offset: highWatermark(head, partition), timestamp: -1 };
    const found =
      spec === 'max-timestamp'
        ? await lastInTime(lookup, topic, head, partition)
        : await firstReaching(lookup, topic, head, partition, spec.timestamp);
    if (found !== GONE) return found;
    if (look === context.limits.looks) throw missingBytes(topic, partition, start);
  }
}

/** The first record with the greatest timestamp. */
async function lastInTime(
  context: Lookup,
  topic: LogTopic,
  head: Head,
  partition: number,
): Promise<OffsetAndTimestamp | Gone> {
  const found = await firstReaching(context, topic, head, partition, maxTimestamp(head, partition));
  if (found !== NONE) return found;
  // The record that had it was deleted, or compacted away: only a walk over all that are left tells.
  const greatest = await greatestTimestampLeft(context, topic, head, partition);
  return greatest === GONE ? GONE : firstReaching(context, topic, head, partition, greatest);
}

async function greatestTimestampLeft(
  context: Lookup,
  topic: LogTopic,
  head: Head,
  partition: number,
): Promise<number | Gone> {
  const start = logStartOffset(head, partition);
  let greatest = -1;
  for await (const slice of slicesReaching(context, topic, head, partition, -1)) {
    if (slice === GONE) return GONE;
    if (slice.baseOffset >= start) {
      greatest = Math.max(greatest, slice.maxTimestamp);
      continue;
    }
    const loaded = await load(context, topic, head.index, [slice], context.gone);
    if (loaded === undefined) return GONE;
    for (const { timestamp } of recordsFrom(loaded[0]!, start, -1)) greatest = Math.max(greatest, timestamp);
  }
  return greatest;
}

/** The first record at or after the time, from log start on. */
async function firstReaching(
  context: Lookup,
  topic: LogTopic,
  head: Head,
  partition: number,
  timestamp: number,
): Promise<OffsetAndTimestamp | Gone> {
  if (timestamp > maxTimestamp(head, partition)) return NONE;
  for await (const slice of slicesReaching(context, topic, head, partition, timestamp)) {
    if (slice === GONE) return GONE;
    const loaded = await load(context, topic, head.index, [slice], context.gone);
    if (loaded === undefined) return GONE;
    for (const found of recordsFrom(loaded[0]!, logStartOffset(head, partition), timestamp)) return found;
  }
  return NONE;
}

function maxTimestamp(head: Head, partition: number): number {
  const inHead = placedSlices(head, partition).map((slice) => slice.maxTimestamp);
  return Math.max(baseOf(head, partition).maxTimestamp, ...inHead);
}

/** Slices that hold a record at or after the time, or did before some were deleted, in order of offset. */
async function* slicesReaching(
  { items, clock, limits, gone }: Lookup,
  topic: LogTopic,
  head: Head,
  partition: number,
  timestamp: number,
): AsyncGenerator<PlacedSlice | Gone> {
  const start = logStartOffset(head, partition);
  const reaches = (slice: PlacedSlice): boolean =>
    slice.maxTimestamp >= timestamp && slice.baseOffset + slice.recordCount > start;
  const index = indexOf(items, clock, topic.id, partition);
  const end = firstOffsetInHead(head, partition);
  const first = await firstReachingRow(index, start, end, timestamp);
  if (first === GONE) return yield GONE;
  let next = Math.max(first, start);
  const options = { rowsPerPage: limits.rowsPerRead, pages: MAX_PAGES, gone };
  for await (const { slices } of index.walk(next, end, options)) {
    yield* slices.filter(reaches);
    next = slices.at(-1)!.baseOffset + slices.at(-1)!.recordCount;
  }
  if (next < end) return yield GONE;
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
): Promise<number | Gone> {
  let first = end;
  // Rows that end by `low` do not reach it; the row at `high` does.
  for (let low = start, high = end; low < high; ) {
    const middle = low + Math.floor((high - low) / 2);
    const row = await index.at(middle);
    if (row === undefined) return GONE;
    if (row.runningMaxTimestamp >= timestamp) {
      first = row.baseOffset;
      high = first;
    } else {
      low = row.endOffset;
    }
  }
  return first;
}

/** Of a slice's bytes: the records at or after both, in order of offset. */
function* recordsFrom(
  bytes: Uint8Array,
  startOffset: number,
  timestamp: number,
): Generator<OffsetAndTimestamp> {
  for (const { position, header } of batchesOf(bytes)) {
    if (header.maxTimestamp < timestamp) continue;
    for (const record of decodeBatch(bytes.subarray(position, position + header.bytes))) {
      if (record.offset < startOffset || record.timestamp < timestamp) continue;
      yield { offset: record.offset, timestamp: record.timestamp };
    }
  }
}
