import { WadiError } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import type { BatchHeader, CompressionCodec } from './record.ts';

/**
 * The header of a record batch, magic 2. Source: https://kafka.apache.org/documentation/#recordbatch and KIP-98.
 *
 *      0 base offset int64          17 CRC-32C uint32 of all that follows   35 max timestamp int64
 *      8 length int32, from 12 on   21 attributes int16                     43 producer id int64
 *     12 partition leader epoch     23 last offset delta int32              51 producer epoch int16
 *     16 magic int8                 27 base timestamp int64                 53 base sequence int32
 *                                                                           57 record count int32
 */
export const HEADER_BYTES = 61;
/** What the length field does not count: the base offset and itself. */
const LENGTH_END = 12;
const CRC_START = 21;

const CODECS: readonly CompressionCodec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/**
 * KIP-534: compaction has met tombstones in the batch, which it drops from the time on that stands in the place of the base
 * timestamp; the timestamps of records are relative to it as to any other.
 */
export const DELETE_HORIZON = 0x40;
const KNOWN_ATTRIBUTES = 0x3f;

const UINT32 = 2 ** 32;

function corrupt(what: string): WadiError {
  return new WadiError('CORRUPT_MESSAGE', `The record batch ${what}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function safeInt64(view: DataView, position: number, name: string): number {
  const value = view.getInt32(position) * UINT32 + view.getUint32(position + 4);
  if (!Number.isSafeInteger(value)) throw corrupt(`has a ${name} beyond 53 bits`);
  return value;
}

function setInt64(view: DataView, position: number, value: number): void {
  view.setInt32(position, Math.floor(value / UINT32));
  view.setUint32(position + 4, value >>> 0);
}

/**
 * Reads the header of the batch that begins at `position`. Checks that the whole batch is there, not its CRC.
 * Throws CORRUPT_MESSAGE, UNSUPPORTED_FOR_MESSAGE_FORMAT (not magic 2) or UNSUPPORTED_COMPRESSION_TYPE.
 */
export function readHeader(bytes: Uint8Array, position = 0): BatchHeader {
  const available = bytes.length - position;
  if (available < HEADER_BYTES)
    throw corrupt(`is cut off: ${available} bytes, its header alone has ${HEADER_BYTES}`);
  const view = viewOf(bytes);

  // The magic lies at the same place in all of Kafka's formats, and the length means the same.
  const magic = view.getInt8(position + 16);
  if (magic !== 2) {
    throw new WadiError(
      'UNSUPPORTED_FOR_MESSAGE_FORMAT',
      `The record batch has magic ${magic}; only 2 is supported`,
    );
  }
  const length = view.getInt32(position + 8) + LENGTH_END;
  if (length < HEADER_BYTES) throw corrupt(`claims ${length} bytes, its header alone has ${HEADER_BYTES}`);
  if (length > available) throw corrupt(`is cut off: it claims ${length} bytes, ${available} are left`);

  const attributes = view.getInt16(position + CRC_START);
  const codec = CODECS[attributes & CODEC_MASK];
  if (codec === undefined) {
    throw new WadiError(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `Compression type ${attributes & CODEC_MASK} is unknown`,
    );
  }
  const baseOffset = safeInt64(view, position, 'base offset');
  const lastOffsetDelta = view.getInt32(position + 23);
  if (!Number.isSafeInteger(baseOffset + lastOffsetDelta)) throw corrupt('has a last offset beyond 53 bits');
  return {
    baseOffset,
    bytes: length,
    partitionLeaderEpoch: view.getInt32(position + 12),
    crc: view.getUint32(position + 17),
    codec,
    timestampType: (attributes & LOG_APPEND_TIME) === 0 ? 'CreateTime' : 'LogAppendTime',
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    unknownAttributes: attributes & ~KNOWN_ATTRIBUTES & 0xffff,
    lastOffsetDelta,
    baseTimestamp: safeInt64(view, position + 27, 'base timestamp'),
    maxTimestamp: safeInt64(view, position + 35, 'max timestamp'),
    producerId: view.getBigInt64(position + 43),
    producerEpoch: view.getInt16(position + 51),
    baseSequence: view.getInt32(position + 53),
    recordCount: view.getInt32(position + 57),
  };
}

/** Throws CORRUPT_MESSAGE if the CRC of the batch at `position`, whose header was read, is not that of its bytes. */
export function checkCrc(bytes: Uint8Array, header: BatchHeader, position = 0): void {
  const computed = crc32c(bytes, position + CRC_START, position + header.bytes);
  if (computed !== header.crc) throw corrupt(`has CRC ${header.crc}, its bytes have ${computed}`);
}

/**
 * Gives the batch at `position` its place in the log, in place: both fields lie outside the CRC. The epoch is 0
 * where no partition has a leader.
 */
export function assignOffset(
  bytes: Uint8Array,
  position: number,
  baseOffset: number,
  partitionLeaderEpoch = 0,
): void {
  const view = viewOf(bytes);
  setInt64(view, position, baseOffset);
  view.setInt32(position + 12, partitionLeaderEpoch);
}

/** Writes the header, and the CRC of all that follows it, into `batch`, which is one whole batch. */
export function writeHeader(batch: Uint8Array, header: Omit<BatchHeader, 'bytes' | 'crc'>): void {
  const view = viewOf(batch);
  assignOffset(batch, 0, header.baseOffset, header.partitionLeaderEpoch);
  view.setInt32(8, batch.length - LENGTH_END);
  view.setInt8(16, 2);
  view.setInt16(
    CRC_START,
    CODECS.indexOf(header.codec) |
      (header.timestampType === 'LogAppendTime' ? LOG_APPEND_TIME : 0) |
      (header.transactional ? TRANSACTIONAL : 0) |
      (header.control ? CONTROL : 0) |
      header.unknownAttributes,
  );
  view.setInt32(23, header.lastOffsetDelta);
  setInt64(view, 27, header.baseTimestamp);
  setInt64(view, 35, header.maxTimestamp);
  view.setBigInt64(43, header.producerId);
  view.setInt16(51, header.producerEpoch);
  view.setInt32(53, header.baseSequence);
  view.setInt32(57, header.recordCount);
  view.setUint32(17, crc32c(batch, CRC_START));
}
