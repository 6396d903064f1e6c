import { compress } from './compression.ts';
import { openBatch } from './decode.ts';
import { checkCrc, DELETE_HORIZON, HEADER_BYTES, readHeader, writeHeader } from './header.ts';
import { withHeaderRoom } from './plainBatch.ts';
import type { BatchHeader } from './record.ts';
import { nextRecord, type RecordCursor, recordCursor } from './records.ts';
import { readVarint, readVarlong, sizeOfVarint, writeVarint } from './varint.ts';

/** What compaction keeps of record batches: the last record of each key. */
export interface RecordFilter {
  /** Of all records that count, of the key that is `length` bytes from `start` on; -1 if none has it. */
  readonly lastOffset: (bytes: Uint8Array, start: number, length: number) => number;
  /** Batches from here on stay as they are. */
  readonly endOffset: number;
  /** Tombstones below it go when their horizon has passed: nothing is left that they delete. */
  readonly tombstonesGoBelow: number;
  readonly now: number;
  /** Set to batches whose tombstones are met for the first time: `now` and `delete.retention.ms`. Milliseconds. */
  readonly deleteHorizonMs: number;
}

export interface FilteredBatches {
  /** The very same array if nothing has changed. */
  readonly bytes: Uint8Array;
  /** Tombstones included. */
  readonly recordsRemoved: number;
  readonly tombstonesRemoved: number;
  /** The first horizon of a batch below `endOffset` that has tombstones left; Infinity if none has. */
  readonly deleteHorizonMs: number;
}

/**
 * The batches between the offsets, which are those of batches, without the records that are superseded, as Kafka's log cleaner leaves them
 * (`Cleaner.cleanInto`, `MemoryRecords.filterTo`; KIP-58, KIP-534). Offsets, the producer's fields and the codec stay. A batch
 * whose records all go is left out; one of which none goes is not encoded again. Records without a key go, as in Kafka:
 * they are from before the topic was compacted.
 *
 * Throws CORRUPT_MESSAGE rather than give a batch that changes a new CRC in place of one that was wrong.
 */
export function filterBatches(
  bytes: Uint8Array,
  filter: RecordFilter,
  { from, to }: { readonly from: number; readonly to: number },
): FilteredBatches {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let same = true;
  let recordsRemoved = 0;
  let tombstonesRemoved = 0;
  let deleteHorizonMs = Number.POSITIVE_INFINITY;
  let header: BatchHeader;
  for (let position = 0; position < bytes.length; position += header.bytes) {
    header = readHeader(bytes, position);
    if (header.baseOffset < from || header.baseOffset >= to) {
      same = false;
      continue;
    }
    const batch = bytes.subarray(position, position + header.bytes);
    const filtered = header.baseOffset < filter.endOffset ? filterBatch(batch, header, filter) : { batch };
    if ('survey' in filtered) {
      recordsRemoved += header.recordCount - filtered.survey.count;
      tombstonesRemoved += filtered.survey.tombstonesRemoved;
      deleteHorizonMs = Math.min(deleteHorizonMs, filtered.deleteHorizonMs);
    }
    same &&= filtered.batch === batch;
    if (filtered.batch === undefined) continue;
    chunks.push(filtered.batch);
    length += filtered.batch.length;
  }
  // A copy, so that what is kept of it does not keep all that was read.
  const left = same ? bytes : Buffer.concat(chunks, length);
  return { bytes: left, recordsRemoved, tombstonesRemoved, deleteHorizonMs };
}

interface Survey {
  /** Where records that stay begin and end, by turns: those that follow one another make one range. */
  readonly ranges: readonly number[];
  /** Of records that stay. */
  readonly count: number;
  readonly maxTimestampDelta: number;
  readonly minTimestampDelta: number;
  readonly tombstones: boolean;
  readonly tombstonesRemoved: number;
}

function filterBatch(batch: Uint8Array, header: BatchHeader, filter: RecordFilter) {
  const cursor = openBatch(batch, 0, header, { checkCrcs: false });
  const before = (header.unknownAttributes & DELETE_HORIZON) === 0 ? undefined : header.baseTimestamp;
  const survey = surveyRecords(cursor, header, filter, before !== undefined && before <= filter.now);
  if (survey.count === 0) return { batch: undefined, survey, deleteHorizonMs: Number.POSITIVE_INFINITY };
  const horizon = before ?? newHorizon(survey, header, filter);
  const deleteHorizonMs = (survey.tombstones ? horizon : undefined) ?? Number.POSITIVE_INFINITY;
  if (survey.count === header.recordCount && horizon === before) return { batch, survey, deleteHorizonMs };

  checkCrc(batch, header);
  const { baseTimestamp, timestampType, codec, unknownAttributes } = header;
  const plain = writeRecords(cursor.bytes, survey, baseTimestamp - (horizon ?? baseTimestamp));
  const changed = codec === 'none' ? plain : withHeaderRoom(compress(codec, plain.subarray(HEADER_BYTES)));
  writeHeader(changed, {
    ...header,
    unknownAttributes: horizon === undefined ? unknownAttributes : unknownAttributes | DELETE_HORIZON,
    baseTimestamp: horizon ?? baseTimestamp,
    maxTimestamp:
      timestampType === 'LogAppendTime' ? header.maxTimestamp : baseTimestamp + survey.maxTimestampDelta,
    recordCount: survey.count,
  });
  return { batch: changed, survey, deleteHorizonMs };
}

function surveyRecords(
  cursor: RecordCursor,
  { baseOffset, recordCount }: BatchHeader,
  { lastOffset, tombstonesGoBelow }: RecordFilter,
  horizonHasPassed: boolean,
): Survey {
  const ranges: number[] = [];
  let end = -1;
  let count = 0;
  let maxTimestampDelta = Number.NEGATIVE_INFINITY;
  let minTimestampDelta = Number.POSITIVE_INFINITY;
  let tombstones = false;
  let tombstonesRemoved = 0;
  for (let i = 0; i < recordCount; i++) {
    const start = cursor.position;
    nextRecord(cursor);
    const { keyStart, keyLength, valueLength, timestampDelta } = cursor;
    if (keyLength < 0) continue;
    const offset = baseOffset + cursor.offsetDelta;
    if (lastOffset(cursor.bytes, keyStart, keyLength) > offset) continue;
    if (valueLength < 0) {
      if (horizonHasPassed && offset < tombstonesGoBelow) {
        tombstonesRemoved++;
        continue;
      }
      tombstones = true;
    }
    count++;
    if (timestampDelta > maxTimestampDelta) maxTimestampDelta = timestampDelta;
    if (timestampDelta < minTimestampDelta) minTimestampDelta = timestampDelta;
    if (end === start) ranges[ranges.length - 1] = cursor.position;
    else ranges.push(start, cursor.position);
    end = cursor.position;
  }
  return { ranges, count, maxTimestampDelta, minTimestampDelta, tombstones, tombstonesRemoved };
}

/** `undefined` if the batch needs none, or could not say it: a `delete.retention.ms` of thousands of years never ends. */
function newHorizon(
  { tombstones, maxTimestampDelta, minTimestampDelta }: Survey,
  { baseTimestamp }: BatchHeader,
  { deleteHorizonMs }: RecordFilter,
): number | undefined {
  const shift = baseTimestamp - deleteHorizonMs;
  const numbers = [deleteHorizonMs, shift, maxTimestampDelta + shift, minTimestampDelta + shift];
  return tombstones && numbers.every(Number.isSafeInteger) ? deleteHorizonMs : undefined;
}

/** A timestamp delta takes 10 bytes at most, and the length of its record as many more as it does. */
const MAX_GROWTH_BYTES = 14;

/** The records that stay, with timestamp deltas that are greater by `shift`, behind room for a header. */
function writeRecords(records: Uint8Array, { ranges, count }: Survey, shift: number): Uint8Array {
  let length = HEADER_BYTES + (shift === 0 ? 0 : count * MAX_GROWTH_BYTES);
  for (let i = 0; i < ranges.length; i += 2) length += ranges[i + 1]! - ranges[i]!;
  const out = new Uint8Array(length);
  // Its `copy` needs no view of what it copies.
  const from = Buffer.from(records.buffer, records.byteOffset, records.length);
  const cursor = recordCursor(records);
  let position = HEADER_BYTES;
  for (let i = 0; i < ranges.length; i += 2) {
    cursor.position = ranges[i]!;
    if (shift === 0) position += from.copy(out, position, cursor.position, ranges[i + 1]!);
    else while (cursor.position < ranges[i + 1]!) position = writeShifted(cursor, from, shift, out, position);
  }
  return out.subarray(0, position);
}

function writeShifted(
  cursor: RecordCursor,
  from: Buffer,
  shift: number,
  out: Uint8Array,
  start: number,
): number {
  const end = readVarint(cursor) + cursor.position;
  const attributes = from[cursor.position++]!;
  const delta = readVarlong(cursor) + shift;
  let position = writeVarint(out, start, 1 + sizeOfVarint(delta) + end - cursor.position);
  out[position++] = attributes;
  position = writeVarint(out, position, delta);
  position += from.copy(out, position, cursor.position, end);
  cursor.position = end;
  return position;
}
