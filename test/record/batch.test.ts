import fc from 'fast-check';
import { decodeBatch, decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { assignOffset, HEADER_BYTES, readHeader } from '../../lib/record/header.ts';
import { anyCodec, anyRecords, codecs, forged, outcome, plain, record, records } from './support.ts';

describe('a batch', () => {
  test('gives back what was put in, whatever the codec', () => {
    fc.assert(
      fc.property(anyRecords, anyCodec, (input, codec) => {
        const decoded = decodeBatch(encodeBatch(input, { codec }));
        expect(decoded.map(plain)).toEqual(input.map(plain));
        expect(decoded.map(({ offset }) => offset)).toEqual(input.map((_, i) => i));
      }),
      { numRuns: 300 },
    );
  });

  test('has the header that its records and producer ask for', () => {
    const timestamps = fc.array(fc.integer({ min: -5, max: 2_000_000_000_000 }), {
      minLength: 1,
      maxLength: 9,
    });
    const producer = fc.record({
      id: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      epoch: fc.nat(0x7fff),
      sequence: fc.nat(0x7fffffff),
    });
    const timestampType = fc.constantFrom('CreateTime' as const, 'LogAppendTime' as const);
    fc.assert(
      fc.property(timestamps, anyCodec, producer, timestampType, (times, codec, producer, timestampType) => {
        const input = times.map((timestamp) => record({ timestamp }));
        const batch = encodeBatch(input, { codec, producer, timestampType });
        expect(readHeader(batch)).toMatchObject({
          baseOffset: 0,
          bytes: batch.length,
          partitionLeaderEpoch: 0,
          codec,
          timestampType,
          transactional: false,
          control: false,
          unknownAttributes: 0,
          lastOffsetDelta: input.length - 1,
          baseTimestamp: times[0],
          maxTimestamp: Math.max(...times),
          producerId: producer.id,
          producerEpoch: producer.epoch,
          baseSequence: producer.sequence,
          recordCount: input.length,
        });
      }),
    );
  });

  test('without a producer has -1 for its id, epoch and sequence', () => {
    const header = readHeader(encodeBatch(records(1)));
    expect(header).toMatchObject({ producerId: -1n, producerEpoch: -1, baseSequence: -1 });
  });

  test('with the append time gives it to all its records', () => {
    const batch = encodeBatch(records(3), { timestampType: 'LogAppendTime' });
    const { maxTimestamp } = readHeader(batch);
    expect(decodeBatch(batch).map(({ timestamp }) => timestamp)).toEqual([
      maxTimestamp,
      maxTimestamp,
      maxTimestamp,
    ]);
  });

  test('gets its offset in place, outside of the CRC', () => {
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER - 9), fc.integer(), (offset, epoch) => {
        const batch = Buffer.concat([Buffer.from('before'), encodeBatch(records(3))]);
        assignOffset(batch, 6, offset, epoch);
        expect(readHeader(batch, 6)).toMatchObject({ baseOffset: offset, partitionLeaderEpoch: epoch });
        expect(decodeBatch(batch.subarray(6)).map((each) => each.offset)).toEqual([
          offset,
          offset + 1,
          offset + 2,
        ]);
      }),
    );
  });

  test('without records, or with a timestamp that is no whole number, is not written', () => {
    expect(outcome(() => encodeBatch([]))).toBe('INVALID_RECORD');
    for (const timestamp of [1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(outcome(() => encodeBatch([record({ timestamp })]))).toBe('INVALID_TIMESTAMP');
    }
  });
});

describe('reading records', () => {
  const stored = codecs.map((codec, i) => {
    const batch = encodeBatch(records(10), { codec });
    assignOffset(batch, 0, 100 + i * 10);
    return batch;
  });

  test('goes over all batches', () => {
    expect(decodeBatch(Buffer.concat(stored)).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 50 }, (_, i) => 100 + i),
    );
  });

  test('starts at any offset', () => {
    for (let from = 95; from <= 151; from++) {
      const [first] = decodeBatches(Buffer.concat(stored), { fromOffset: from });
      expect(first?.offset).toBe(from > 149 ? undefined : Math.max(from, 100));
    }
  });

  test('does not touch a batch that nobody asked for', () => {
    const broken = Uint8Array.from(stored[4]!);
    broken.fill(0, HEADER_BYTES);
    const bytes = Buffer.concat([...stored.slice(0, 4), broken]);
    const read = decodeBatches(bytes, { fromOffset: 139 });
    expect(read.next().value).toMatchObject({ offset: 139 });
    expect(outcome(() => read.next())).toBe('CORRUPT_MESSAGE');
    const [first] = decodeBatches(Buffer.concat([broken, stored[0]!].map((b, i) => withOffset(b, i * 10))), {
      fromOffset: 10,
    });
    expect(first?.offset).toBe(10);
  });

  test('copies no key, value or header', () => {
    const batch = encodeBatch([
      record({ key: Buffer.from('k'), headers: [{ key: 'h', value: Buffer.from('v') }] }),
    ]);
    const [read] = decodeBatch(batch);
    for (const bytes of [read?.key, read?.value, read?.headers[0]?.value])
      expect(bytes?.buffer).toBe(batch.buffer);
  });

  test('accepts the gaps that compaction leaves, and nothing else', () => {
    // Each record is 8 bytes: length, attributes, timestamp, offset delta, key, value length, value, headers.
    const batch = encodeBatch([0, 1, 2].map(() => record({ value: Buffer.from('v') })));
    const delta = (i: number) => HEADER_BYTES + i * 8 + 3;
    const deltas = (first: number, second: number, third: number, last: number) =>
      forged(batch, (view) => {
        for (const [i, value] of [first, second, third].entries()) view.setUint8(delta(i), value * 2);
        view.setInt32(23, last);
      });
    expect(decodeBatch(deltas(1, 4, 9, 12)).map(({ offset }) => offset)).toEqual([1, 4, 9]);
    expect(outcome(() => decodeBatch(deltas(0, 0, 1, 9)))).toBe('INVALID_RECORD');
    expect(outcome(() => decodeBatch(deltas(0, 2, 1, 9)))).toBe('INVALID_RECORD');
    expect(outcome(() => decodeBatch(deltas(0, 1, 2, 1)))).toBe('INVALID_RECORD');
  });

  test('looks at the CRC unless told not to', () => {
    const batch = encodeBatch(records(1));
    batch[20]! ^= 1;
    expect(outcome(() => decodeBatch(batch))).toBe('CORRUPT_MESSAGE');
    expect(decodeBatch(batch, { checkCrcs: false })).toHaveLength(1);
  });

  test('of a batch that decompresses above the bound is refused', () => {
    for (const codec of codecs.slice(1)) {
      const batch = encodeBatch([record({ value: new Uint8Array(100_000) })], { codec });
      expect(outcome(() => decodeBatch(batch, { maxDecompressedBytes: 100_000 }))).toBe('MESSAGE_TOO_LARGE');
      expect(decodeBatch(batch, { maxDecompressedBytes: 100_020 })).toHaveLength(1);
    }
  });
});

function withOffset(batch: Uint8Array, offset: number): Uint8Array {
  const copy = Uint8Array.from(batch);
  assignOffset(copy, 0, offset);
  return copy;
}
