import { WadiError } from '../errors.ts';
import { HEADER_BYTES, writeHeader } from './header.ts';
import type { CompressionCodec, RecordInput, TimestampType } from './record.ts';
import { sizeOfVarint, writeVarint } from './varint.ts';

/**
 * A batch but for its compression: so that who compresses otherwise than `encodeBatch` (the client, which knows no
 * node:zlib) can write batches too. Source: https://kafka.apache.org/documentation/#recordbatch; the fields as Kafka's
 * MemoryRecordsBuilder fills them.
 */
export interface PlainBatch {
  /** Room for the header, then the records. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly recordCount: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

export interface BatchOptions {
  readonly codec?: CompressionCodec;
  readonly timestampType?: TimestampType;
  /** Of an idempotent producer: `sequence` is that of the first record. */
  readonly producer?: { readonly id: bigint; readonly epoch: number; readonly sequence: number };
}

/**
 * The records, with offset deltas from 0 on. The base timestamp is the first record's. Throws INVALID_RECORD if there is
 * no record, INVALID_TIMESTAMP for a timestamp that is no safe integer.
 */
export function plainBatch(records: readonly RecordInput[]): PlainBatch {
  const [first] = records;
  if (first === undefined) throw new WadiError('INVALID_RECORD', 'A record batch has at least one record');
  const baseTimestamp = first.timestamp;
  let maxTimestamp = baseTimestamp;
  let payloadBytes = 0;
  const bodyBytes = new Array<number>(records.length);
  for (const [i, record] of records.entries()) {
    const size = sizeOfBody(record, i, record.timestamp - baseTimestamp);
    bodyBytes[i] = size;
    payloadBytes += sizeOfVarint(size) + size;
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp;
  }

  const bytes = new Uint8Array(HEADER_BYTES + payloadBytes);
  let position = HEADER_BYTES;
  for (const [i, record] of records.entries()) {
    position = writeVarint(bytes, position, bodyBytes[i]!);
    position = writeBody(bytes, position, record, i, record.timestamp - baseTimestamp);
  }
  return { bytes, recordCount: records.length, baseTimestamp, maxTimestamp };
}

/** Writes the header, with base offset 0, into `batch`: the bytes of the plain one, or `withHeaderRoom` of them compressed. */
export function sealBatch(
  batch: Uint8Array,
  { recordCount, baseTimestamp, maxTimestamp }: PlainBatch,
  { codec = 'none', timestampType = 'CreateTime', producer }: BatchOptions,
): void {
  writeHeader(batch, {
    baseOffset: 0,
    partitionLeaderEpoch: 0,
    codec,
    timestampType,
    transactional: false,
    control: false,
    unknownAttributes: 0,
    lastOffsetDelta: recordCount - 1,
    baseTimestamp,
    maxTimestamp,
    producerId: producer?.id ?? -1n,
    producerEpoch: producer?.epoch ?? -1,
    baseSequence: producer?.sequence ?? -1,
    recordCount,
  });
}

/** The payload behind 61 bytes in which `writeHeader` can write. */
export function withHeaderRoom(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const batch = new Uint8Array(HEADER_BYTES + payload.length);
  batch.set(payload, HEADER_BYTES);
  return batch;
}

function sizeOfBody(record: RecordInput, offsetDelta: number, timestampDelta: number): number {
  if (!Number.isSafeInteger(record.timestamp) || !Number.isSafeInteger(timestampDelta)) {
    throw new WadiError('INVALID_TIMESTAMP', `Timestamp ${record.timestamp} is out of range`);
  }
  let size =
    1 +
    sizeOfVarint(timestampDelta) +
    sizeOfVarint(offsetDelta) +
    sizeOfField(record.key) +
    sizeOfField(record.value) +
    sizeOfVarint(record.headers.length);
  for (const header of record.headers) {
    const keyBytes = utf8Length(header.key);
    size += sizeOfVarint(keyBytes) + keyBytes + sizeOfField(header.value);
  }
  return size;
}

function sizeOfField(value: Uint8Array | null): number {
  return value === null ? 1 : sizeOfVarint(value.length) + value.length;
}

function writeBody(
  bytes: Uint8Array,
  start: number,
  record: RecordInput,
  offsetDelta: number,
  timestampDelta: number,
): number {
  bytes[start] = 0;
  let position = writeVarint(bytes, start + 1, timestampDelta);
  position = writeVarint(bytes, position, offsetDelta);
  position = writeField(bytes, position, record.key);
  position = writeField(bytes, position, record.value);
  position = writeVarint(bytes, position, record.headers.length);
  for (const header of record.headers) {
    position = writeField(bytes, position, utf8.encode(header.key));
    position = writeField(bytes, position, header.value);
  }
  return position;
}

function writeField(bytes: Uint8Array, position: number, value: Uint8Array | null): number {
  if (value === null) return writeVarint(bytes, position, -1);
  const start = writeVarint(bytes, position, value.length);
  bytes.set(value, start);
  return start + value.length;
}

const utf8 = new TextEncoder();

/** Of the text as UTF-8, in which a lone surrogate becomes U+FFFD. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    length += unit < 0x800 ? 1 : 2;
    // Two units of two bytes each.
    if (isSurrogatePair(unit, text.charCodeAt(i + 1))) i++;
  }
  return length;
}

const isSurrogatePair = (high: number, low: number): boolean =>
  high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
