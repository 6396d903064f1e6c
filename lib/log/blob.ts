import type { Clock } from '../clock.ts';
import type { Replication } from '../replication/replication.ts';
import {
  type ItemStore,
  type Key,
  MAX_KEYS_PER_READ,
  type ObjectStore,
  StorageError,
} from '../storage/ports.ts';
import { type Head, headKey } from './head.ts';
import type { Durability, LogTopic } from './log.ts';
import { withRetries } from './retry.ts';

/** Of one object, that are read at a time: larger ranges are slower than two at once. */
const MAX_RANGE_BYTES = 8 * 1024 * 1024;

/**
 * A blob holds record batches of one topic, in no final order, written before any head names it and never changed.
 * It rests in an object, or, when it is small and of one head, in an item, which is cheaper and faster. A segment object,
 * which a merge makes, is one too: of one partition, and in order.
 */
export interface BlobRef {
  /** 6 bytes of upload time in milliseconds, then 8 random bytes; so keys sort by age, and never meet. */
  readonly id: Uint8Array;
  readonly inline: boolean;
  /** Of a segment object: the base offset of the index row that it was made for. No row above it ever names it. */
  readonly segmentOf?: number;
}

/** `notBefore`: whoever's clock is behind the floor must not upload below it. */
export function newBlobId(clock: Clock, notBefore = 0): Uint8Array {
  const id = new Uint8Array(14);
  const view = new DataView(id.buffer);
  const now = Math.max(clock.now(), notBefore);
  view.setUint16(0, Math.floor(now / 2 ** 32));
  view.setUint32(2, now % 2 ** 32);
  id.set(clock.random(8), 6);
  return id;
}

/** When its upload began, by the uploader's clock. Floors are compared with this, and garbage is judged by it. */
export function uploadedAt(id: Uint8Array): number {
  return (
    ((id[0]! << 8) | id[1]!) * 2 ** 32 + (((id[2]! << 24) | (id[3]! << 16) | (id[4]! << 8) | id[5]!) >>> 0)
  );
}

/** 28 hexadecimal digits, as keys end with: 12 of upload time, 16 of chance. Names sort by age. */
export type BlobName = string;

export function blobName(id: Uint8Array): BlobName {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}

/** No blob that was uploaded at or before `ms` has a greater name, none that was uploaded later a lesser one. */
export function lastBlobName(ms: number): BlobName {
  return ms.toString(16).padStart(12, '0').padEnd(28, 'f');
}

export function isBlobName(name: string): name is BlobName {
  return /^[0-9a-f]{28}$/.test(name);
}

/** As `uploadedAt`. */
export function nameUploadedAt(name: BlobName): number {
  return Number.parseInt(name.slice(0, 12), 16);
}

/** All objects under it are blobs, in order of age. */
export function blobsPrefix(topicId: string): string {
  return `${topicId}/blobs/`;
}

/** All objects under it are segment objects, named by `segmentName`. */
export function segmentsPrefix(topicId: string): string {
  return `${topicId}/segments/`;
}

/** `<partition>/<base offset, 16 digits>-<blob name>` */
export type SegmentName = string;

export function parseSegmentName(
  name: SegmentName,
): { partition: number; baseOffset: number; blob: BlobName } | undefined {
  const [, partition, baseOffset, blob] = /^(\d+)\/(\d{16})-([0-9a-f]{28})$/.exec(name) ?? [];
  if (blob === undefined) return undefined;
  return { partition: Number(partition), baseOffset: Number(baseOffset), blob };
}

/** Where a blob rests that is not inline. */
export function objectKey(
  topicId: string,
  { blob, partition }: Pick<SliceRef, 'blob' | 'partition'>,
): string {
  const name = blobName(blob.id);
  if (blob.segmentOf === undefined) return blobsPrefix(topicId) + name;
  return `${segmentsPrefix(topicId)}${partition}/${String(blob.segmentOf).padStart(16, '0')}-${name}`;
}

/** Grouped by head, so that garbage and deletion find them with one query in order of age. */
export function inlinePk(topicId: string, headIndex: number): string {
  return `inline/${topicId}/${headIndex}`;
}

export function inlineKey(topicId: string, headIndex: number, id: Uint8Array): Key {
  return { pk: inlinePk(topicId, headIndex), sk: blobName(id) };
}

/** What a slice's reader needs to know to find its bytes. */
export interface SliceRef {
  readonly blob: BlobRef;
  readonly partition: number;
  readonly position: number;
  readonly bytes: number;
}

/** A blob that is as durable as was asked for. */
export interface StoredBlob {
  readonly ref: BlobRef;
  /**
   * The in-sync epoch of which every region that must have the blob has it, one that the head takes; `undefined`: any. What is missing
   * is uploaded. Throws NOT_ENOUGH_REPLICAS, or StorageError.
   */
  cover(head: Pick<Head, 'topicId' | 'index' | 'inSync'>): Promise<number | undefined>;
}

export interface BlobUpload {
  readonly topic: LogTopic;
  /** Of an inline blob: that it is grouped by. */
  readonly headIndex: number;
  readonly blob: BlobRef;
  readonly chunks: readonly Uint8Array[];
  readonly durability: Durability;
}

export interface Blobs {
  /** Durable when it resolves; throws NOT_ENOUGH_REPLICAS or StorageError when that cannot be had. */
  upload(upload: BlobUpload): Promise<StoredBlob>;
  /**
   * Makes the blob of a slice that a head or row names as durable as is asked for, whatever it was uploaded with: `acks=all` of one that
   * was uploaded with `acks=1`. Throws as `upload` does.
   */
  cover(topic: LogTopic, slice: SliceRef, durability: Durability): Promise<void>;
  /** The bytes of each slice, in order, for the caller to keep and change; `undefined` where the blob is gone. */
  read(topicId: string, headIndex: number, slices: readonly SliceRef[]): Promise<(Uint8Array | undefined)[]>;
}

export interface BlobsOptions {
  readonly objects: ObjectStore;
  readonly items: ItemStore;
  readonly clock: Clock;
  /** Of a cluster of several regions. */
  readonly replication?: Replication | undefined;
}

export function createBlobs({ objects, items, clock, replication }: BlobsOptions): Blobs {
  async function readInline(topicId: string, headIndex: number, slices: readonly SliceRef[]) {
    const found = await withRetries(clock, () =>
      items.getMany(slices.map(({ blob }) => inlineKey(topicId, headIndex, blob.id))),
    );
    return slices.map(({ position, bytes }, i) => {
      const whole = found[i]?.bytes;
      return whole instanceof Uint8Array ? whole.slice(position, position + bytes) : undefined;
    });
  }

  /** Slices that lie side by side in one object. */
  async function readObject(topicId: string, slices: readonly SliceRef[]) {
    const { position } = slices[0]!;
    const length = slices.reduce((sum, { bytes }) => sum + bytes, 0);
    const key = objectKey(topicId, slices[0]!);
    const found = await withRetries(clock, () => objects.get(key, { position, length }));
    if (found !== undefined && found.length !== length) {
      throw new StorageError(`blob ${key} is shorter than its slices`, 'no');
    }
    // Copies, so that one slice that is kept does not keep the others.
    if (found === undefined || slices.length === 1) return slices.map(() => found);
    return slices.map((slice) =>
      found.slice(slice.position - position, slice.position - position + slice.bytes),
    );
  }

  return {
    async upload({ topic, headIndex, blob, chunks, durability }) {
      const key = blobsPrefix(topic.id) + blobName(blob.id);
      const anyEpoch = { ref: blob, cover: async () => undefined };
      if (blob.inline) {
        // Items are in every region as soon as they are written.
        await replication?.requireEnough(topic, durability);
        const item = { ...inlineKey(topic.id, headIndex, blob.id), bytes: Buffer.concat(chunks) };
        await withRetries(clock, () => items.put(item));
        return anyEpoch;
      }
      if (replication === undefined) {
        await withRetries(clock, () => objects.put(key, chunks));
        return anyEpoch;
      }
      const replicas = replication.replicasOf(topic);
      if (durability.acks === 1) {
        await replication.placeOnce({ key, chunks, replicas });
        return anyEpoch;
      }
      const placement = replication.place({ key, chunks, replicas, atLeast: durability.minInsyncReplicas });
      await placement.cover();
      return {
        ref: blob,
        cover: ({ topicId, index, inSync }) => placement.cover({ pk: headKey(topicId, index).pk, inSync }),
      };
    },

    async cover(topic, slice, { acks, minInsyncReplicas }) {
      // An item is in every region, and so is what was merged.
      if (replication === undefined || acks === 1 || slice.blob.inline) return;
      if (slice.blob.segmentOf !== undefined) return;
      const key = objectKey(topic.id, slice);
      const bytes = await withRetries(clock, () => objects.get(key));
      // Merged or deleted since its name was read.
      if (bytes === undefined) throw new StorageError(`blob ${key} is not there any more`, 'no');
      const replicas = replication.replicasOf(topic);
      const upload = { key, chunks: [bytes], replicas, atLeast: minInsyncReplicas, mayBeThere: true };
      // No head that would refuse it is to name it: that was done before.
      await replication.place(upload).coverForGood();
    },

    async read(topicId, headIndex, wanted) {
      const slices = wanted.filter(({ bytes }) => bytes > 0);
      const inline = slices.filter(({ blob }) => blob.inline);
      const pages = Array.from({ length: Math.ceil(inline.length / MAX_KEYS_PER_READ) }, (_, i) =>
        readInline(topicId, headIndex, inline.slice(i * MAX_KEYS_PER_READ, (i + 1) * MAX_KEYS_PER_READ)),
      );
      const ranges = sideBySide(slices.filter(({ blob }) => !blob.inline));
      const [found, read] = await Promise.all([
        Promise.all(pages),
        Promise.all(ranges.map((range) => readObject(topicId, range))),
      ]);
      const fromItems = found.flat().values();
      const fromObjects = read.flat().values();
      return wanted.map(({ bytes, blob }) => {
        // Its records were compacted away: it is there for its offsets.
        if (bytes === 0) return new Uint8Array(0);
        return (blob.inline ? fromItems : fromObjects).next().value;
      });
    },
  };
}

/** Groups of slices that one request can read: S3 charges by the request. */
function sideBySide(slices: readonly SliceRef[]): SliceRef[][] {
  const ranges: SliceRef[][] = [];
  let bytes = 0;
  for (const slice of slices) {
    const last = ranges.at(-1)?.at(-1);
    const follows =
      last !== undefined &&
      last.position + last.bytes === slice.position &&
      Buffer.compare(last.blob.id, slice.blob.id) === 0;
    if (follows && bytes + slice.bytes <= MAX_RANGE_BYTES) {
      ranges.at(-1)!.push(slice);
      bytes += slice.bytes;
    } else {
      ranges.push([slice]);
      bytes = slice.bytes;
    }
  }
  return ranges;
}
