import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type KafkaErrorName, WadiError } from '../../lib/errors.ts';
import { decodeBatch, decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { readHeader } from '../../lib/record/header.ts';
import type { DecodedRecord, ValidBatch } from '../../lib/record/record.ts';
import { type BatchLimits, validateBatches } from '../../lib/record/validate.ts';
import { limits, plain } from '../record/support.ts';
import { anyBatches, anyBomb, anyLimits, type Bomb, bombBytes } from './batches.ts';
import { readByClients } from './clients.ts';
import { anyExtreme } from './extremes.ts';
import { fuzz, type Property } from './property.ts';

/** What the decoder and the validation of record batches hold for any bytes. */

const REFUSALS: ReadonlySet<KafkaErrorName> = new Set<KafkaErrorName>([
  'CORRUPT_MESSAGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'MESSAGE_TOO_LARGE',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
]);

/** The result, or `undefined` if it was refused as it may be; every other error goes through. */
function accepted<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof WadiError && REFUSALS.has(error.kafka)) return undefined;
    throw error;
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

// ---------------------------------------------------------------- bytes and batches

export interface Body {
  readonly bytes: Uint8Array;
  readonly limits: BatchLimits;
}

const showBody = ({ bytes, limits }: Body) => `${hex(bytes)} with ${JSON.stringify(limits)}`;

export const bytesProperty: Property<Body> = {
  name: 'bytes',
  share: 1,
  cases: 200,
  inputs: fc.record({ bytes: fc.uint8Array({ maxLength: 400 }), limits: anyLimits }),
  show: showBody,
  check: checkBody,
};

export const batchesProperty: Property<Body> = {
  name: 'batches',
  share: 3,
  cases: 100,
  inputs: fc.record({ bytes: anyBatches, limits: anyLimits }),
  show: showBody,
  check: checkBody,
};

export const extremesProperty: Property<Body> = {
  name: 'extremes',
  share: 2,
  cases: 200,
  inputs: fc.record({ bytes: anyExtreme, limits: anyLimits }),
  show: showBody,
  check: checkBody,
};

export async function checkBody({ bytes, limits }: Body): Promise<void> {
  const before = hex(bytes);
  accepted(() => readHeader(bytes));
  const decoded = accepted(() => decodeBatch(bytes));
  if (decoded !== undefined) {
    assert(decoded.every(({ offset }) => Number.isSafeInteger(offset)));
    checkEncodedAgain(decoded);
  }
  checkFromOffset(bytes, decoded);
  const valid = accepted(() => validateBatches(bytes, limits));
  if (valid !== undefined) await checkValid(decoded, valid, limits);
  assert.equal(hex(bytes), before, 'the bytes were changed');
}

/** What is decoded can be encoded, and is then decoded to the same. */
function checkEncodedAgain(decoded: readonly DecodedRecord[]): void {
  const encoded = accepted(() => encodeBatch(decoded));
  if (encoded !== undefined) assert.deepEqual(decodeBatch(encoded).map(plain), decoded.map(plain));
}

/** To begin at an offset is to leave out what lies before it. */
function checkFromOffset(bytes: Uint8Array, decoded: readonly DecodedRecord[] | undefined): void {
  const middle = decoded?.[decoded.length >>> 1]?.offset;
  if (decoded === undefined || middle === undefined) return;
  assert.deepEqual(
    decodeBatch(bytes, { fromOffset: middle }),
    decoded.filter(({ offset }) => offset >= middle),
  );
}

/** What is taken is stored as something that everybody reads as what was sent. */
async function checkValid(
  decoded: readonly DecodedRecord[] | undefined,
  valid: readonly ValidBatch[],
  { timestampType, nowMs, maxMessageBytes }: BatchLimits,
): Promise<void> {
  assert(decoded !== undefined, 'it is valid and cannot be read');
  const stored = valid.flatMap((batch) => {
    const records = decodeBatch(batch.bytes);
    const { recordCount, maxTimestamp, timestampType: type } = readHeader(batch.bytes);
    assert.equal(records.length, batch.recordCount);
    assert.equal(recordCount, batch.recordCount);
    assert.equal(maxTimestamp, batch.maxTimestamp);
    assert.equal(Math.max(...records.map(({ timestamp }) => timestamp)), batch.maxTimestamp);
    assert.equal(type, timestampType);
    assert(batch.bytes.length <= maxMessageBytes, 'it is larger than max.message.bytes');
    return records;
  });
  const sent = decoded.map((record) =>
    plain(timestampType === 'LogAppendTime' ? { ...record, timestamp: nowMs } : record),
  );
  assert.deepEqual(stored.map(plain), sent);
  for (const batch of valid) await readByClients(batch.bytes);
}

// ---------------------------------------------------------------- bombs

/** What a refusal may allocate beside the records it was allowed: buffers of zlib, windows, copies of the input. */
const SLACK_BYTES = 12 * 1024 * 1024;

export const bombsProperty: Property<Bomb> = {
  name: 'bombs',
  share: 1,
  cases: 20,
  inputs: anyBomb,
  show: JSON.stringify,
  check: checkBomb,
};

export function checkBomb(bomb: Bomb): void {
  const bytes = bombBytes(bomb);
  const { maxDecompressedBytes } = bomb;
  const refused = (run: () => unknown) =>
    assert.throws(run, (error) => error instanceof WadiError && REFUSALS.has(error.kafka));
  const allocated = allocatedBytes(() => {
    refused(() => validateBatches(bytes, { ...limits, maxDecompressedBytes, maxMessageBytes: bytes.length }));
    refused(() => decodeBatches(bytes, { maxDecompressedBytes }).next());
  });
  const most = SLACK_BYTES + 4 * (maxDecompressedBytes + bytes.length);
  assert(allocated < most, `${allocated} bytes were allocated, more than ${most}`);
}

/** What `run` adds to the process's memory before anything is collected; less, if the collector comes in between. */
function allocatedBytes(run: () => void): number {
  const before = process.memoryUsage();
  run();
  const after = process.memoryUsage();
  return after.external - before.external + after.heapUsed - before.heapUsed;
}

export const batchFuzzes = [
  fuzz(bytesProperty),
  fuzz(batchesProperty),
  fuzz(extremesProperty),
  fuzz(bombsProperty),
];
