import { systemClock } from '../../lib/clock.ts';
import { halfSipHash } from '../../lib/maintenance/halfSipHash.ts';
import { addKeys, createOffsetMap } from '../../lib/maintenance/offsetMap.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { assignOffset } from '../../lib/record/header.ts';
import type { CompressionCodec } from '../../lib/record/record.ts';
import { testClock } from '../support/log.ts';

const bytesOf = (text: string | number) => Buffer.from(String(text));

test('the hash is HalfSipHash-2-4 with 64 bits', () => {
  const key = new DataView(Uint8Array.from({ length: 8 }, (_, i) => i).buffer);
  const hashOf = (length: number) => {
    const out = new Uint32Array(2);
    const input = Uint8Array.from({ length: length + 3 }, (_, i) => i - 3);
    halfSipHash(input, 3, length, key.getInt32(0, true), key.getInt32(4, true), out, 0);
    return Buffer.from(out.buffer).toString('hex');
  };
  // Of the reference implementation: vectors_hsip64 for inputs of so many bytes 0, 1, 2…
  expect([0, 1, 2, 3].map(hashOf)).toEqual([
    '218d1f59b9b83cc8',
    'be552412f8387315',
    '064f39ef7c50eb57',
    'ce0f1a45f7060679',
  ]);
});

function put(map: ReturnType<typeof createOffsetMap>, key: string | number, offset: number): void {
  const bytes = bytesOf(key);
  map.put(bytes, 0, bytes.length, offset);
}

function last(map: ReturnType<typeof createOffsetMap>, key: string | number): number {
  const bytes = bytesOf(key);
  return map.lastOffset(bytes, 0, bytes.length);
}

test('a map tells the last offset of each key, and of others that there is none, however full it is', () => {
  const map = createOffsetMap(systemClock, 5_000, 1 << 30);
  expect(map.reserve(5_000)).toBe(true);
  expect(last(map, 0)).toBe(-1);
  for (let round = 0; round < 3; round++) {
    for (let key = 0; key < 5_000; key++) put(map, key, round * 5_000 + key);
  }
  expect(map.size).toBe(5_000);
  for (let key = 0; key < 5_000; key++) expect(last(map, key)).toBe(10_000 + key);
  for (let key = 5_000; key < 10_000; key++) expect(last(map, key)).toBe(-1);
  put(map, '', 0);
  expect(last(map, '')).toBe(0);
});

test('a map takes as many keys as its bytes allow, at 24 each and a load of 0.9', () => {
  const map = createOffsetMap(systemClock, 1_000, 24 * 101);
  expect(map.reserve(91)).toBe(true);
  const small = createOffsetMap(systemClock, 1_000, 24 * 101);
  put(small, 'one', 0);
  expect(small.reserve(89)).toBe(true);
  expect(small.reserve(90)).toBe(false);
  const few = createOffsetMap(systemClock, 3, 1 << 30);
  put(few, 'one', 0);
  expect(few.reserve(10)).toBe(false);
});

test('an empty map grows until the first batch fits', () => {
  const map = createOffsetMap(systemClock, 10, 0);
  expect(map.reserve(1_000)).toBe(true);
  for (let key = 0; key < 1_000; key++) put(map, key, key);
  for (let key = 0; key < 1_000; key++) expect(last(map, key)).toBe(key);
  expect(map.reserve(1)).toBe(false);
});

test('two maps hash by keys of their own', () => {
  const seen: string[] = [];
  const clock = {
    ...testClock(),
    random(length: number) {
      const drawn = systemClock.random(length);
      seen.push(Buffer.from(drawn).toString('hex'));
      return drawn;
    },
  };
  createOffsetMap(clock, 1, 100);
  createOffsetMap(clock, 1, 100);
  expect(seen).toHaveLength(2);
  expect(seen[0]).not.toBe(seen[1]);
  expect(seen[0]).toHaveLength(32);
});

describe('the keys of batches', () => {
  const batchAt = (baseOffset: number, keys: (string | null)[], codec: CompressionCodec = 'none') => {
    const records = keys.map((key) => ({
      timestamp: 0,
      key: key === null ? null : bytesOf(key),
      value: null,
      headers: [],
    }));
    const bytes = encodeBatch(records, { codec });
    assignOffset(bytes, 0, baseOffset);
    return bytes;
  };

  test('those between the offsets count, whatever the codec, records without a key do not', () => {
    const map = createOffsetMap(systemClock, 100, 1 << 20);
    const batches = Buffer.concat([
      batchAt(0, ['a', 'b']),
      batchAt(2, ['a', null, 'c', 'a'], 'gzip'),
      batchAt(9, ['b', ''], 'lz4'),
      batchAt(11, ['c']),
    ]);
    expect(addKeys(map, batches, 2, 11)).toBeUndefined();
    expect(['a', 'b', 'c', ''].map((key) => last(map, key))).toEqual([5, 9, 4, 10]);
    expect(map.size).toBe(4);
  });

  test('a batch that begins below the first offset counts too, as the log start may be in it', () => {
    const map = createOffsetMap(systemClock, 100, 1 << 20);
    expect(addKeys(map, batchAt(5, ['a', 'b', 'a']), 6, 100)).toBeUndefined();
    expect(['a', 'b'].map((key) => last(map, key))).toEqual([7, 6]);
    expect(addKeys(map, batchAt(8, ['b']), 9, 100)).toBeUndefined();
    expect(last(map, 'b')).toBe(6);
  });

  test('the batch that may not fit is where it ends', () => {
    const map = createOffsetMap(systemClock, 100, 24 * 5);
    const batches = Buffer.concat([batchAt(7, ['a', 'b']), batchAt(9, ['c', 'd']), batchAt(11, ['e'])]);
    expect(addKeys(map, batches, 0, 100)).toBe(9);
    expect(['a', 'b', 'c', 'e'].map((key) => last(map, key))).toEqual([7, 8, -1, -1]);
  });
});
