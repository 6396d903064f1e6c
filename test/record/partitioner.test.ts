import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { murmur2, partitionOfKey, stickyPartition } from '../../lib/record/partitioner.ts';

describe('the partition of a key', () => {
  // UtilsTest.testMurmur2 of Kafka's Java client.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('murmur2 of %s is that of Kafka', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  test('is the one that kafkajs chooses', () => {
    const partitioner = Partitioners.DefaultPartitioner();
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 1000 }),
        (bytes, partitions) => {
          const key = Buffer.from(bytes);
          const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
            partitionId,
            partitionErrorCode: 0,
            leader: 0,
            replicas: [],
            isr: [],
          }));
          const theirs = partitioner({ topic: 't', partitionMetadata, message: { key, value: null } });
          expect(partitionOfKey(bytes, partitions)).toBe(theirs);
        },
      ),
    );
  });
});

describe('the partition of records without a key', () => {
  const drawn = (value: number) => () => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

  test('is a partition of the topic, and another one than before if there are others', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.option(fc.nat(60)),
        fc.nat(),
        (partitions, before, random) => {
          const next = stickyPartition(before ?? undefined, partitions, drawn(random));
          expect(next).toBeGreaterThanOrEqual(0);
          expect(next).toBeLessThan(partitions);
          if (partitions > 1) expect(next).not.toBe(before);
        },
      ),
    );
  });

  test('reaches every other partition', () => {
    const reached = new Set(Array.from({ length: 8 }, (_, i) => stickyPartition(2, 5, drawn(i))));
    expect([...reached].sort()).toEqual([0, 1, 3, 4]);
  });
});
