import { WadiError } from '../errors.ts';
import { decompress, MAX_DECOMPRESSED_BYTES } from './compression.ts';
import { checkCrc, HEADER_BYTES, readHeader } from './header.ts';
import type { BatchHeader, DecodedRecord, RecordHeader } from './record.ts';
import { nextRecord, type RecordCursor, recordCursor } from './records.ts';
import { type Cursor, readVarint } from './varint.ts';

/**
 * Records out of batches. Batches that Kafka or compaction thinned out are read as well: offset deltas need only
 * rise. Source: https://kafka.apache.org/documentation/#recordbatch
 */
export interface DecodeOptions {
  /** Records below this offset are passed over: none if not given. */
  readonly fromOffset?: number;
  /** Of one batch. */
  readonly maxDecompressedBytes?: number;
  /** Kafka's `check.crcs`: true if not given. */
  readonly checkCrcs?: boolean;
}

/**
 * The records of concatenated batches, such as a fetch returns them. Lazy: a batch is decompressed, and a record
 * made, when it is asked for, so a caller that wants few or little stops early and pays for no more.
 * Throws as `readHeader`, and CORRUPT_MESSAGE, INVALID_RECORD or MESSAGE_TOO_LARGE (decompressed).
 */
export function* decodeBatches(
  bytes: Uint8Array,
  options: DecodeOptions = {},
): Generator<DecodedRecord, void> {
  const { fromOffset = Number.NEGATIVE_INFINITY } = options;
  let header: BatchHeader;
  for (let position = 0; position < bytes.length; position += header.bytes) {
    header = readHeader(bytes, position);
    if (header.baseOffset + header.lastOffsetDelta < fromOffset) continue;
    const cursor = openBatch(bytes, position, header, options);
    let previous = -1;
    for (let i = 0; i < header.recordCount; i++) {
      nextRecord(cursor);
      if (cursor.offsetDelta <= previous || cursor.offsetDelta > header.lastOffsetDelta) {
        throw new WadiError(
          'INVALID_RECORD',
          `A record has offset delta ${cursor.offsetDelta} after ${previous}`,
        );
      }
      previous = cursor.offsetDelta;
      if (header.baseOffset + cursor.offsetDelta >= fromOffset) yield currentRecord(cursor, header);
    }
    if (cursor.position !== cursor.end) {
      throw new WadiError(
        'INVALID_RECORD',
        `The record batch has more than its ${header.recordCount} records`,
      );
    }
  }
}

/** All records of one batch or of several; see `decodeBatches`, which is the way to take only a part. */
export function decodeBatch(bytes: Uint8Array, options: DecodeOptions = {}): DecodedRecord[] {
  return [...decodeBatches(bytes, options)];
}

/** Before the first record of the batch at `position`, whose header was read. Throws as `decodeBatches`. */
export function openBatch(
  bytes: Uint8Array,
  position: number,
  header: BatchHeader,
  options: Omit<DecodeOptions, 'fromOffset'>,
): RecordCursor {
  if (options.checkCrcs ?? true) checkCrc(bytes, header, position);
  const payload = bytes.subarray(position + HEADER_BYTES, position + header.bytes);
  return recordCursor(
    decompress(header.codec, payload, options.maxDecompressedBytes ?? MAX_DECOMPRESSED_BYTES),
  );
}

const NO_HEADERS: readonly RecordHeader[] = [];

function currentRecord(cursor: RecordCursor, header: BatchHeader): DecodedRecord {
  const timestamp =
    header.timestampType === 'LogAppendTime'
      ? header.maxTimestamp
      : header.baseTimestamp + cursor.timestampDelta;
  if (!Number.isSafeInteger(timestamp)) {
    throw new WadiError('INVALID_TIMESTAMP', 'A record has a timestamp beyond 53 bits');
  }
  return {
    offset: header.baseOffset + cursor.offsetDelta,
    timestamp,
    key: field(cursor.bytes, cursor.keyStart, cursor.keyLength),
    value: field(cursor.bytes, cursor.valueStart, cursor.valueLength),
    headers: cursor.headerCount === 0 ? NO_HEADERS : readHeaders(cursor),
  };
}

function field(bytes: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}

/** Reads once more what `nextRecord` has checked. */
function readHeaders({ bytes, headersStart, headerCount, end }: RecordCursor): RecordHeader[] {
  const cursor: Cursor = { bytes, position: headersStart, end };
  const next = (): Uint8Array | null => {
    const length = readVarint(cursor);
    const value = field(bytes, cursor.position, length);
    if (length > 0) cursor.position += length;
    return value;
  };
  // Not UTF-8 becomes U+FFFD, as in Kafka's clients.
  const text = (value: Uint8Array | null) => (value === null ? '' : utf8.decode(value));
  return Array.from({ length: headerCount }, () => ({ key: text(next()), value: next() }));
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
