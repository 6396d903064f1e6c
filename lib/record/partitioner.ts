import type { Clock } from '../clock.ts';

/**
 * Which partition a record goes to when its producer does not say, as Kafka's default partitioner does it
 * (BuiltInPartitioner and Utils.murmur2 in its Java client; KIP-480 and KIP-794 for records without a key).
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** Austin Appleby's MurmurHash2 of 32 bits with Kafka's seed, as a signed number. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, M);
    word ^= word >>> R;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  if (at < length) {
    // Past the end reads as 0.
    hash ^= (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The partition of all records with this key, an empty one included. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/**
 * The partition that all records without a key of one request share, so that they fill one batch: drawn at random,
 * and never twice the same in a row if there are others.
 */
export function stickyPartition(
  previous: number | undefined,
  partitions: number,
  random: Clock['random'],
): number {
  const bytes = random(4);
  const drawn = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  if (previous === undefined || previous >= partitions || partitions === 1) return drawn % partitions;
  // One of the others, each as likely.
  return (previous + 1 + (drawn % (partitions - 1))) % partitions;
}
