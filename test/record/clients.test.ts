import { createRequire } from 'node:module';
import {
  type CompressionAlgorithmValue,
  createRecordsBatch,
  NumericMap,
  Reader,
  readRecordsBatch,
} from '@platformatic/kafka';
import fc from 'fast-check';
import { decodeBatch } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { readHeader } from '../../lib/record/header.ts';
import type { RecordInput } from '../../lib/record/record.ts';
import { validateBatches } from '../../lib/record/validate.ts';
import { anyCodec, anyRecord, codecs, limits, plain, record, records } from './support.ts';

/**
 * Batches of other clients are read here and ours are read by them. kafkajs has no public way to its codec, so its
 * modules are required by path; it is at its last version.
 */
interface KafkaJsEncoder {
  readonly buffer: Buffer;
}
interface KafkaJsBatch {
  readonly producerId: string;
  readonly records: {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Record<string, Buffer>;
  }[];
}
const require = createRequire(import.meta.url);
const kafkajs = {
  record: require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
    fields: object,
  ) => KafkaJsEncoder,
  batch: require('kafkajs/src/protocol/recordBatch/v0/index.js').RecordBatch as (
    fields: object,
  ) => Promise<KafkaJsEncoder>,
  decode: require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (
    decoder: object,
  ) => Promise<KafkaJsBatch>,
  Decoder: require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => object,
};

async function kafkaJsBatch(input: readonly RecordInput[], compression: number): Promise<Uint8Array> {
  const firstTimestamp = input[0]!.timestamp;
  const encoder = await kafkajs.batch({
    compression,
    firstTimestamp,
    maxTimestamp: Math.max(...input.map(({ timestamp }) => timestamp)),
    lastOffsetDelta: input.length - 1,
    records: input.map(({ timestamp, key, value, headers }, i) =>
      kafkajs.record({
        offsetDelta: i,
        timestampDelta: timestamp - firstTimestamp,
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: Object.fromEntries(headers.map((header) => [header.key, Buffer.from(header.value!)])),
      }),
    ),
  });
  return encoder.buffer;
}

/** kafkajs keeps headers in an object, cannot write null in one, and dates in 32 bits of difference are plenty. */
const simpleRecord = anyRecord.map((each) =>
  record({
    ...each,
    timestamp: 1_700_000_000_000 + (each.timestamp % 1_000_000),
    headers: each.headers
      .slice(0, 1)
      .map(({ key, value }) => ({ key: `h${key}`, value: value ?? Buffer.of() })),
  }),
);
const simpleRecords = fc.array(simpleRecord, { minLength: 1, maxLength: 20 });

describe('kafkajs', () => {
  test.each([
    ['none', 0],
    ['gzip', 1],
  ] as const)('writes batches that are valid and read the same (%s)', async (codec, compression) => {
    await fc.assert(
      fc.asyncProperty(simpleRecords, async (input) => {
        const batch = await kafkaJsBatch(input, compression);
        const [valid] = validateBatches(batch, limits);
        expect(valid).toEqual({
          bytes: batch,
          recordCount: input.length,
          maxTimestamp: Math.max(...input.map(({ timestamp }) => timestamp)),
          producer: undefined,
        });
        expect(readHeader(batch).codec).toBe(codec);
        expect(decodeBatch(batch).map(plain)).toEqual(input.map(plain));
      }),
      { numRuns: 40 },
    );
  });

  test.each(['none', 'gzip'] as const)('reads our batches (%s)', async (codec) => {
    await fc.assert(
      fc.asyncProperty(simpleRecords, async (input) => {
        const batch = encodeBatch(input, { codec, producer: { id: 7n, epoch: 1, sequence: 2 } });
        const read = await kafkajs.decode(new kafkajs.Decoder(Buffer.from(batch)));
        expect(read.producerId).toBe('7');
        expect(
          read.records.map(({ timestamp, key, value, headers }) =>
            plain({
              timestamp: Number(timestamp),
              key,
              value,
              headers: Object.entries(headers).map(([key, value]) => ({ key, value })),
            }),
          ),
        ).toEqual(input.map(plain));
        expect(read.records.map(({ offset }) => Number(offset))).toEqual(input.map((_, i) => i));
      }),
      { numRuns: 40 },
    );
  });
});

describe('@platformatic/kafka', () => {
  const options = (compression: string) => ({
    compression: compression as CompressionAlgorithmValue,
    producerId: 12n,
    producerEpoch: 3,
    sequences: new NumericMap([['t:0', 40]]),
    partitionLeaderEpoch: 5,
  });

  test.each(codecs)('writes batches that are valid and read the same (%s)', (codec) => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), (random) => {
        // It cannot write null values or headers, and gets timestamps wrong that lie 2^31 ms apart.
        const input = random.map(({ timestamp, key, value, headers }) => ({
          timestamp: 1_700_000_000_000 + (timestamp % 1_000_000_000),
          key,
          value: value ?? Buffer.of(),
          headers: unique(headers.map((header) => ({ key: header.key, value: header.value ?? Buffer.of() }))),
        }));
        const messages = input.map(({ timestamp, key, value, headers }) => ({
          topic: 't',
          partition: 0,
          timestamp: BigInt(timestamp),
          ...(key === null ? {} : { key: Buffer.from(key) }),
          value: Buffer.from(value),
          headers: new Map(headers.map((header) => [Buffer.from(header.key), Buffer.from(header.value)])),
        }));
        const batch = Uint8Array.from(createRecordsBatch(messages, options(codec)).buffer);
        const [valid] = validateBatches(batch, limits);
        expect(valid?.bytes).toEqual(batch);
        expect(valid?.producer).toEqual({ id: 12n, epoch: 3, sequence: 40 });
        expect(readHeader(batch)).toMatchObject({ codec, partitionLeaderEpoch: 5 });
        expect(decodeBatch(batch).map(plain)).toEqual(input.map(plain));
      }),
      { numRuns: 60 },
    );
  });

  test.each(codecs)('reads our batches (%s)', (codec) => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), (input) => {
        const batch = encodeBatch(input, { codec, producer: { id: 12n, epoch: 3, sequence: 40 } });
        const read = readRecordsBatch(Reader.from(Buffer.from(batch)));
        expect(read).toMatchObject({ producerId: 12n, producerEpoch: 3, firstSequence: 40 });
        expect(
          read.records.map(({ timestampDelta, key, value, headers }) =>
            plain({
              timestamp: Number(read.firstTimestamp + timestampDelta),
              key,
              value,
              headers: headers.map(([key, value]) => ({ key: String(key), value })),
            }),
          ),
        ).toEqual(input.map(plain));
      }),
      { numRuns: 60 },
    );
  });

  test.each(codecs)('reads our large batches (%s)', (codec) => {
    const input = records(5_000);
    const read = readRecordsBatch(Reader.from(Buffer.from(encodeBatch(input, { codec }))));
    expect(read.records.map(({ value }) => String(value))).toEqual(input.map(({ value }) => String(value)));
  });
});

function unique<Header extends { key: string }>(headers: Header[]): Header[] {
  return [...new Map(headers.map((header) => [header.key, header])).values()];
}

test('every codec is among those that are tried', () => {
  expect(fc.sample(anyCodec, 200)).toEqual(expect.arrayContaining([...codecs]));
});
