import { WadiError } from '../errors.ts';
import { compress, decompress } from './compression.ts';
import { checkCrc, HEADER_BYTES, readHeader, writeHeader } from './header.ts';
import { withHeaderRoom } from './plainBatch.ts';
import type { BatchHeader, CompressionCodec, TimestampType, ValidBatch } from './record.ts';
import { nextRecord, recordCursor } from './records.ts';

/** Of one partition in one request. A batch costs some 0.1 ms to check, however small it is; Kafka allows one. */
export const MAX_BATCHES = 10_000;

/** LogValidator's words for what compaction could not place. */
export const KEY_REQUIRED = 'A compacted topic cannot accept a record without a key';

/** What a topic asks of the batches of a client. */
export interface BatchLimits {
  /** `max.message.bytes`: of one batch, as sent and as stored. */
  readonly maxMessageBytes: number;
  /** Of the records of all batches together, so that many small bombs are refused like a big one. */
  readonly maxDecompressedBytes: number;
  /** `compression.type` */
  readonly compressionType: 'producer' | 'uncompressed' | Exclude<CompressionCodec, 'none'>;
  /** `message.timestamp.type` */
  readonly timestampType: TimestampType;
  /** Records need a key: `cleanup.policy` has `compact`. False if not given. */
  readonly keysRequired?: boolean;
  /** The time of the append. */
  readonly nowMs: number;
  /** `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`: no bound if not given. */
  readonly timestampBeforeMaxMs?: number;
  readonly timestampAfterMaxMs?: number;
}

/**
 * Checks the concatenated batches that a client sent for one partition, as Kafka's broker does before it appends
 * (LogValidator and UnifiedLog.analyzeAndValidateRecords), and gives them the form in which the topic stores them.
 * One bad batch refuses them all. `body` is not changed, and the batches are views of it unless something in them
 * must change: the max timestamp, its type, or the codec. Base offset and leader epoch stay as the client sent them,
 * since they are set when a batch is read.
 *
 * Stricter than Kafka, which no client notices: offset deltas must be 0, 1, 2… (Kafka renumbers compressed ones, for
 * clients of before 0.11), null is a length of -1 only, and unknown attribute bits are refused (one of them would be
 * taken for a delete horizon, KIP-534). More lenient: up to MAX_BATCHES at once, where Kafka's front takes one.
 *
 * Throws CORRUPT_MESSAGE, UNSUPPORTED_FOR_MESSAGE_FORMAT, UNSUPPORTED_COMPRESSION_TYPE, MESSAGE_TOO_LARGE,
 * INVALID_TIMESTAMP or INVALID_RECORD.
 */
export function validateBatches(body: Uint8Array, limits: BatchLimits): ValidBatch[] {
  if (body.length === 0) throw invalid('There is no record batch');
  const valid: ValidBatch[] = [];
  let decompressedBytes = 0;
  let header: BatchHeader;
  for (let position = 0; position < body.length; position += header.bytes) {
    if (valid.length === MAX_BATCHES) throw invalid(`There are more than ${MAX_BATCHES} record batches`);
    header = readHeader(body, position);
    const batch = body.subarray(position, position + header.bytes);
    checkSize(header.bytes, limits);
    checkCrc(batch, header);
    checkHeader(header);

    const payload = batch.subarray(HEADER_BYTES);
    const records = decompress(header.codec, payload, limits.maxDecompressedBytes - decompressedBytes);
    if (header.codec !== 'none') decompressedBytes += records.length;
    const maxTimestamp = checkRecords(records, header, limits);
    valid.push({ ...stored(batch, header, records, maxTimestamp, limits), producer: producerOf(header) });
  }
  return valid;
}

function invalid(message: string): WadiError {
  return new WadiError('INVALID_RECORD', message);
}

function checkSize(bytes: number, { maxMessageBytes }: BatchLimits): void {
  if (bytes <= maxMessageBytes) return;
  throw new WadiError(
    'MESSAGE_TOO_LARGE',
    `The record batch has ${bytes} bytes, max.message.bytes is ${maxMessageBytes}`,
  );
}

/** LogValidator.validateBatch, for a batch that a client sent. */
function checkHeader(header: BatchHeader): void {
  const { recordCount, lastOffsetDelta } = header;
  if (recordCount < 1) throw invalid(`The record batch claims ${recordCount} records`);
  if (lastOffsetDelta !== recordCount - 1) {
    throw invalid(
      `The record batch claims ${recordCount} records and a last offset delta of ${lastOffsetDelta}`,
    );
  }
  if (header.control) throw invalid('Clients may not write control records');
  // There is no transaction coordinator, so nobody would ever commit or abort it.
  if (header.transactional) throw invalid('Transactions are not supported');
  if (header.unknownAttributes !== 0) throw invalid('The record batch has unknown attributes set');
  // Kafka's log refuses it on topics of either type: only the broker sets it.
  if (header.timestampType === 'LogAppendTime') {
    throw new WadiError('INVALID_TIMESTAMP', 'A producer may not set the timestamp type to LogAppendTime');
  }
  // Without a producer id the other two are not looked at: clients send 0 or -1.
  if (header.producerId < -1n) throw invalid(`The record batch has producer id ${header.producerId}`);
  if (header.producerId >= 0n && (header.producerEpoch < 0 || header.baseSequence < 0)) {
    throw invalid(
      `Producer ${header.producerId} has epoch ${header.producerEpoch} and sequence ${header.baseSequence}`,
    );
  }
}

function producerOf(header: BatchHeader): ValidBatch['producer'] {
  if (header.producerId < 0n) return undefined;
  return { id: header.producerId, epoch: header.producerEpoch, sequence: header.baseSequence };
}

/** Walks all records, and returns their greatest timestamp. */
function checkRecords(records: Uint8Array, header: BatchHeader, limits: BatchLimits): number {
  const cursor = recordCursor(records);
  let minDelta = Number.POSITIVE_INFINITY;
  let maxDelta = Number.NEGATIVE_INFINITY;
  // Kafka's NO_TIMESTAMP is a timestamp of -1, which is never out of range.
  const noTimestamp = -1 - header.baseTimestamp;
  for (let i = 0; i < header.recordCount; i++) {
    if (cursor.position === cursor.end) {
      throw invalid(`The record batch claims ${header.recordCount} records and has ${i}`);
    }
    nextRecord(cursor);
    if (cursor.offsetDelta !== i)
      throw invalid(`Record ${i} of the batch has offset delta ${cursor.offsetDelta}`);
    if (cursor.keyLength < 0 && limits.keysRequired === true) throw invalid(KEY_REQUIRED);
    const delta = cursor.timestampDelta;
    if (delta > maxDelta) maxDelta = delta;
    if (delta < minDelta && delta !== noTimestamp) minDelta = delta;
  }
  if (cursor.position !== cursor.end) {
    throw invalid(`The record batch has more than the ${header.recordCount} records it claims`);
  }
  const max = header.baseTimestamp + maxDelta;
  checkTimestamps(minDelta > maxDelta ? max : header.baseTimestamp + minDelta, max, limits);
  return max;
}

/** LogValidator.validateTimestamp. */
function checkTimestamps(min: number, max: number, limits: BatchLimits): void {
  const { nowMs, timestampBeforeMaxMs = Number.POSITIVE_INFINITY } = limits;
  const { timestampAfterMaxMs = Number.POSITIVE_INFINITY } = limits;
  for (const timestamp of [min, max]) {
    if (!Number.isSafeInteger(timestamp)) {
      throw new WadiError('INVALID_TIMESTAMP', 'A record has a timestamp beyond 53 bits');
    }
    if (limits.timestampType === 'LogAppendTime' || timestamp === -1) continue;
    if (nowMs - timestamp > timestampBeforeMaxMs || timestamp - nowMs > timestampAfterMaxMs) {
      throw new WadiError(
        'INVALID_TIMESTAMP',
        `Timestamp ${timestamp} is not within [${nowMs - timestampBeforeMaxMs}, ${nowMs + timestampAfterMaxMs}]`,
      );
    }
  }
}

/**
 * The batch as the topic stores it. A max timestamp that is not that of the records is corrected, as in Kafka
 * (DefaultRecordBatch.setMaxTimestamp): lookups by timestamp rely on it, and some clients get it wrong.
 */
function stored(
  batch: Uint8Array,
  header: BatchHeader,
  records: Uint8Array,
  maxCreateTime: number,
  limits: BatchLimits,
): Pick<ValidBatch, 'bytes' | 'recordCount' | 'maxTimestamp'> {
  const { recordCount } = header;
  const { timestampType, compressionType } = limits;
  const maxTimestamp = timestampType === 'LogAppendTime' ? limits.nowMs : maxCreateTime;
  const codec = targetCodec(compressionType, header.codec);
  if (
    codec === header.codec &&
    timestampType === header.timestampType &&
    maxTimestamp === header.maxTimestamp
  ) {
    return { bytes: batch, recordCount, maxTimestamp };
  }
  const bytes = codec === header.codec ? batch.slice() : withHeaderRoom(compress(codec, records));
  checkSize(bytes.length, limits);
  writeHeader(bytes, { ...header, codec, timestampType, maxTimestamp });
  return { bytes, recordCount, maxTimestamp };
}

function targetCodec(type: BatchLimits['compressionType'], sent: CompressionCodec): CompressionCodec {
  if (type === 'producer') return sent;
  return type === 'uncompressed' ? 'none' : type;
}
