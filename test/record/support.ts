import fc from 'fast-check';
import { WadiError } from '../../lib/errors.ts';
import { crc32c } from '../../lib/record/crc32c.ts';
import type { CompressionCodec, RecordInput } from '../../lib/record/record.ts';
import type { BatchLimits } from '../../lib/record/validate.ts';

export const codecs: readonly CompressionCodec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

export const limits: BatchLimits = {
  maxMessageBytes: 1_048_588,
  maxDecompressedBytes: 32 * 1024 * 1024,
  compressionType: 'producer',
  timestampType: 'CreateTime',
  nowMs: 1_790_000_000_000,
};

export function record(fields: Partial<RecordInput> = {}): RecordInput {
  return { timestamp: 1_700_000_000_000, key: null, value: Buffer.from('value'), headers: [], ...fields };
}

export function records(count: number): RecordInput[] {
  return Array.from({ length: count }, (_, i) =>
    record({
      timestamp: 1_700_000_000_000 + i,
      key: Buffer.from(`key ${i}`),
      value: Buffer.from(`value ${i}`),
    }),
  );
}

/** A record with nothing in it that depends on what kind of byte array it came in. */
export function plain({ timestamp, key, value, headers }: RecordInput) {
  const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
  return {
    timestamp,
    key: hex(key),
    value: hex(value),
    headers: headers.map((header) => ({ key: header.key, value: hex(header.value) })),
  };
}

/** The Kafka name of the WadiError that `run` throws, or its result; any other error fails the test. */
export function outcome<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof WadiError) return error.kafka;
    throw error;
  }
}

/** A copy that `change` has changed, with the length and the CRC that it then needs. */
export function forged(batch: Uint8Array, change: (view: DataView) => void = () => undefined): Uint8Array {
  const copy = Uint8Array.from(batch);
  const view = new DataView(copy.buffer);
  change(view);
  view.setInt32(8, copy.length - 12);
  view.setUint32(17, crc32c(copy, 21));
  return copy;
}

// ---------------------------------------------------------------- arbitraries

const timestamp = fc.oneof(
  fc.constantFrom(0, -1, 1, 4_000_000_000_000_000, -4_000_000_000_000_000),
  fc.integer({ min: 1_600_000_000_000, max: 1_800_000_000_000 }),
  fc.maxSafeInteger().map((n) => Math.trunc(n / 2) + 0),
);
const bytesOrNull = fc.option(
  fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 3_000 })),
  {
    freq: 5,
  },
);
const headerKey = fc.oneof(
  fc.constantFrom('', 'content-type', '\ufeff', '\u{1f30a}wadi'),
  fc.string({ unit: 'grapheme' }),
);

export const anyRecord: fc.Arbitrary<RecordInput> = fc.record({
  timestamp,
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.array(fc.record({ key: headerKey, value: bytesOrNull }), { maxLength: 4 }),
});

export const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 40 });
export const anyCodec = fc.constantFrom(...codecs);
