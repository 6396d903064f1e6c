import type { Item, Key, Value } from '../storage/ports.ts';
import { uploadedAt } from './blob.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { decodeEntry, type Entry, type Slice } from './entry.ts';
import type { LogTopic } from './log.ts';
import { decodeProducer, type ProducerState } from './producers.ts';

/**
 * The head is the one item that orders the appends of a few consecutive partitions of a topic. Attributes:
 *
 *   base       binary   of each partition: the offset at which the tail begins, and the greatest timestamp below it
 *   start      map      log start offset by partition; 0 where missing
 *   tail       list     entries in the order that fixes their offsets
 *   roll       number   counts the rolls that are done
 *   rolling    map      a roll under way: {at, base, entries}, `base` being that of its first entry
 *   fence      number   entries whose `at` is not above it are refused: they may have been rolled out of the tail
 *   floor      number   entries whose blob was uploaded at or before it are refused: the blob may be deleted
 *   producers  map      state of idempotent producers by `<partition>:<producer id>`
 *   evictions  number   counts the times that producers were moved out of the map
 *   epoch      number   of which it was taken over, if one region of several is home: see lib/failover
 *   inSync     number   of several regions: appends that know less of who is in sync than this epoch are refused; 0 where missing
 */
export interface Head {
  readonly topicId: string;
  readonly index: number;
  readonly firstPartition: number;
  readonly base: readonly PartitionBase[];
  readonly start: ReadonlyMap<number, number>;
  readonly tail: readonly StoredEntry[];
  readonly roll: number;
  readonly rolling: Rolling | undefined;
  readonly fence: number;
  readonly floor: number;
  readonly producers: ReadonlyMap<string, ProducerState>;
  readonly evictions: number;
  readonly inSync: number;
}

export interface PartitionBase {
  readonly offset: number;
  readonly maxTimestamp: number;
}

export interface StoredEntry extends Entry {
  readonly stored: Uint8Array;
}

export interface Rolling {
  readonly at: number;
  readonly base: readonly PartitionBase[];
  readonly entries: readonly StoredEntry[];
}

/** A slice whose place in its partition is known. */
export interface PlacedSlice extends Slice {
  readonly baseOffset: number;
}

export function headKey(topicId: string, index: number): Key {
  return { pk: `head/${topicId}/${index}`, sk: 'head' };
}

/** Of which topic's head a key is, in whatever epoch of a home; `undefined`: of none. */
export function topicOfHead({ pk }: Pick<Key, 'pk'>): string | undefined {
  return /(?:^|\/)head\/([^/]+)\/\d+$/.exec(pk)?.[1];
}

export function headIndexOf(topic: LogTopic, partition: number): number {
  return Math.floor(partition / topic.partitionsPerHead);
}

/** A head orders all partitions that it may ever have to, so that adding partitions to a topic does not touch it. */
export function newHead(topic: LogTopic, index: number): Item {
  const base = Array.from({ length: topic.partitionsPerHead }, () => ({ offset: 0, maxTimestamp: -1 }));
  return {
    ...headKey(topic.id, index),
    base: encodeBase(base),
    start: {},
    tail: [],
    roll: 0,
    fence: 0,
    floor: 0,
    producers: {},
    evictions: 0,
  };
}

/**
 * What takes the place of a head when its topic is deleted. It has nothing that a condition could hold on, and keeps a
 * late copy of the call that made the head from making it again.
 */
export function deletedHead(topicId: string, index: number, now: number): Item {
  return { ...headKey(topicId, index), deletedAtMs: now };
}

export function isDeleted(item: Item): boolean {
  return item.deletedAtMs !== undefined;
}

export function encodeBase(base: readonly PartitionBase[]): Uint8Array {
  const out = new ByteWriter();
  for (const { offset, maxTimestamp } of base) out.uint(offset).uint(maxTimestamp + 1);
  return out.finish();
}

function decodeBase(stored: Value | undefined): PartitionBase[] {
  const input = new ByteReader(stored as Uint8Array);
  const base: PartitionBase[] = [];
  while (!input.done) base.push({ offset: input.uint(), maxTimestamp: input.uint() - 1 });
  return base;
}

/** How many partitions a live head orders. */
export function partitionsOf(item: Item): number {
  return decodeBase(item.base).length;
}

/** Entries that `before`, an older copy, has already are not decoded again: most of a tail is. */
export function decodeHead(item: Item, topic: LogTopic, index: number, before?: Head): Head {
  const firstPartition = index * topic.partitionsPerHead;
  const known = before === undefined ? [] : entriesOf(before);
  const entries = (list: Value | undefined): StoredEntry[] => {
    const all = list as Uint8Array[];
    const shift = all.length === 0 ? 0 : known.findIndex(({ stored }) => same(stored, all[0]!));
    return all.map((stored, i) => {
      const old = shift < 0 ? undefined : known[shift + i];
      return old && same(old.stored, stored) ? old : { ...decodeEntry(stored, firstPartition), stored };
    });
  };
  const rolling = item.rolling as { at: number; base: Uint8Array; entries: Uint8Array[] } | undefined;
  const producers = Object.entries(item.producers as Record<string, Uint8Array>);
  const start = Object.entries(item.start as Record<string, number>);
  return {
    topicId: topic.id,
    index,
    firstPartition,
    base: decodeBase(item.base),
    start: new Map(start.map(([partition, offset]) => [Number(partition), offset])),
    tail: entries(item.tail),
    roll: item.roll as number,
    rolling: rolling && { at: rolling.at, base: decodeBase(rolling.base), entries: entries(rolling.entries) },
    fence: item.fence as number,
    floor: item.floor as number,
    producers: new Map(producers.map(([key, state]) => [key, decodeProducer(state)])),
    evictions: item.evictions as number,
    inSync: (item.inSync as number | undefined) ?? 0,
  };
}

export function baseOf(head: Head, partition: number): PartitionBase {
  return head.base[partition - head.firstPartition]!;
}

export function logStartOffset(head: Head, partition: number): number {
  return head.start.get(partition) ?? 0;
}

export function highWatermark(head: Head, partition: number): number {
  let offset = baseOf(head, partition).offset;
  for (const entry of head.tail) {
    for (const slice of entry.slices) if (slice.partition === partition) offset += slice.recordCount;
  }
  return offset;
}

/** How far the head has come, over all its partitions and jobs: of two copies, the one with more is the newer. */
export function progress(head: Head): number {
  let total = head.roll + head.evictions + (head.rolling ? 0.5 : 0);
  for (const base of head.base) total += base.offset;
  for (const entry of head.tail) for (const slice of entry.slices) total += slice.recordCount;
  return total;
}

/** As `progress`, roughly, of an item that may be a head: 0 of others. */
export function headProgress(item: Item): number {
  if (item.sk !== 'head' || isDeleted(item)) return 0;
  const moved = decodeBase(item.base).reduce((sum, { offset }) => sum + offset, 0);
  return (item.roll as number) + moved + (item.tail as readonly Value[]).length;
}

/** Where the index ends and the head itself knows the slices. */
export function firstOffsetInHead(head: Head, partition: number): number {
  const base = head.rolling?.base ?? head.base;
  return base[partition - head.firstPartition]!.offset;
}

function entriesOf(head: Head): readonly StoredEntry[] {
  return head.rolling === undefined ? head.tail : [...head.rolling.entries, ...head.tail];
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** The slices that the head still holds, rolling ones first, with the offsets that the order of entries gives them. */
export function* placedEntries(head: Head): Generator<{ entry: StoredEntry; slices: PlacedSlice[] }> {
  const next = (head.rolling?.base ?? head.base).map(({ offset }) => offset);
  for (const entry of entriesOf(head)) {
    yield { entry, slices: entry.slices.map((slice) => place(slice, next, head.firstPartition)) };
  }
}

function place(slice: Slice, next: number[], firstPartition: number): PlacedSlice {
  const i = slice.partition - firstPartition;
  const baseOffset = next[i]!;
  next[i] = baseOffset + slice.recordCount;
  return { ...slice, baseOffset };
}

export function placedSlices(head: Head, partition: number): PlacedSlice[] {
  const found: PlacedSlice[] = [];
  for (const { slices } of placedEntries(head)) {
    for (const slice of slices) if (slice.partition === partition) found.push(slice);
  }
  return found;
}

/** The slices of an entry that the head still holds, or `undefined`. */
export function findEntry(head: Head, stored: Uint8Array): PlacedSlice[] | undefined {
  for (const { entry, slices } of placedEntries(head)) {
    if (same(entry.stored, stored)) return slices;
  }
  return undefined;
}

/** An `at` that the head will accept, of an entry about this blob. */
export function nextAt(head: Head, blobId: Uint8Array, now: number): number {
  return Math.max(now, head.fence + 1, uploadedAt(blobId));
}
