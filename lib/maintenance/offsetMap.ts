import type { Clock } from '../clock.ts';
import { openBatch } from '../record/decode.ts';
import { readHeader } from '../record/header.ts';
import type { BatchHeader } from '../record/record.ts';
import { nextRecord } from '../record/records.ts';
import { halfSipHash } from './halfSipHash.ts';

/** 16 of hash, 8 of offset. */
const ENTRY_BYTES = 24;
/** Kafka's `log.cleaner.io.buffer.load.factor`. */
const LOAD_FACTOR = 0.9;
const HASH_WORDS = 4;
const KEY_BYTES = 16;
type Words = [number, number, number, number];

/**
 * The last offset of each key, as Kafka's SkimpyOffsetMap: a key is known by 128 bits of hash. Two keys with the same would
 * be taken for one, which happens in one of 10^25 maps of 64 MiB; the hash has a key of its own, drawn by chance, so nobody can
 * bring it about.
 */
export interface OffsetMap {
  readonly size: number;
  /** Whether so many more keys fit. An empty map grows until they do. */
  reserve(keys: number): boolean;
  /** Of an offset that is not below any that was put before. The key is `length` bytes from `start` on. */
  put(bytes: Uint8Array, start: number, length: number, offset: number): void;
  /** -1 if it has none. */
  lastOffset(bytes: Uint8Array, start: number, length: number): number;
}

/** For `keys` keys, or as many as fit in `maxBytes`. */
export function createOffsetMap(clock: Clock, keys: number, maxBytes: number): OffsetMap {
  const secret = clock.random(KEY_BYTES);
  const words = new DataView(secret.buffer, secret.byteOffset, KEY_BYTES);
  const [key0, key1, key2, key3] = [0, 4, 8, 12].map((at) => words.getInt32(at)) as Words;
  const hash = new Uint32Array(HASH_WORDS);
  let slots = 0;
  let hashes = new Uint32Array(0);
  /** By one too high: 0 is a slot that is free. */
  let offsets = new Float64Array(0);
  let size = 0;
  allocate(Math.min(slotsFor(keys), Math.floor(maxBytes / ENTRY_BYTES)));

  function allocate(atLeast: number): void {
    // One is always free, or a search would not end.
    slots = Math.max(2, atLeast);
    hashes = new Uint32Array(slots * HASH_WORDS);
    offsets = new Float64Array(slots);
  }

  /** The slot that has the key, or the one where it belongs. */
  function find(bytes: Uint8Array, start: number, length: number): number {
    halfSipHash(bytes, start, length, key0, key1, hash, 0);
    halfSipHash(bytes, start, length, key2, key3, hash, 2);
    const h0 = hash[0]!;
    const h1 = hash[1]!;
    const h2 = hash[2]!;
    const h3 = hash[3]!;
    let slot = Math.floor((h0 / 2 ** 32) * slots);
    for (; offsets[slot] !== 0; slot = slot + 1 === slots ? 0 : slot + 1) {
      const at = slot * HASH_WORDS;
      if (hashes[at] === h0 && hashes[at + 1] === h1 && hashes[at + 2] === h2 && hashes[at + 3] === h3) break;
    }
    return slot;
  }

  return {
    get size() {
      return size;
    },

    reserve(more) {
      if (slotsFor(size + more) <= slots) return true;
      if (size > 0) return false;
      allocate(slotsFor(more));
      return true;
    },

    put(bytes, start, length, offset) {
      const slot = find(bytes, start, length);
      if (offsets[slot] === 0) {
        size++;
        hashes.set(hash, slot * HASH_WORDS);
      }
      offsets[slot] = offset + 1;
    },

    lastOffset: (bytes, start, length) => offsets[find(bytes, start, length)]! - 1,
  };
}

function slotsFor(keys: number): number {
  return Math.ceil(keys / LOAD_FACTOR) + 1;
}

/**
 * Puts the keys of the batches that have an offset at or above `from`, which may lie in one, and below `to`, where one begins. Returns
 * where the first batch begins that does not fit any more, `undefined` if all did.
 */
export function addKeys(map: OffsetMap, batches: Uint8Array, from: number, to: number): number | undefined {
  let header: BatchHeader;
  for (let position = 0; position < batches.length; position += header.bytes) {
    header = readHeader(batches, position);
    const { baseOffset, lastOffsetDelta, recordCount } = header;
    if (baseOffset + lastOffsetDelta < from || baseOffset >= to) continue;
    if (!map.reserve(recordCount)) return baseOffset;
    const cursor = openBatch(batches, position, header, { checkCrcs: false });
    for (let i = 0; i < recordCount; i++) {
      nextRecord(cursor);
      if (cursor.keyLength < 0) continue;
      map.put(cursor.bytes, cursor.keyStart, cursor.keyLength, baseOffset + cursor.offsetDelta);
    }
  }
  return undefined;
}
