import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { assignOffset, readHeader } from '../record/header.ts';
import type { BatchHeader } from '../record/record.ts';
import type { ItemStore } from '../storage/ports.ts';
import type { Arrivals } from './arrivals.ts';
import { type BlobName, type Blobs, blobName, objectKey } from './blob.ts';
import {
  firstOffsetInHead,
  type Head,
  headIndexOf,
  highWatermark,
  logStartOffset,
  type PlacedSlice,
  placedSlices,
} from './head.ts';
import type { Heads } from './heads.ts';
import { indexOf } from './indexRow.ts';
import type { LogLimits } from './limits.ts';
import type { FetchRequest, FetchResult, LogTopic } from './log.ts';

export interface FetchContext {
  readonly items: ItemStore;
  readonly blobs: Blobs;
  readonly heads: Heads;
  readonly clock: Clock;
  readonly arrivals: Arrivals;
  readonly cache: SliceCache;
  readonly limits: LogLimits;
}

/** Slices never change, so they are kept as long as there is room. */
export type SliceCache = LRUCache<string, Uint8Array>;

export function createSliceCache(maxBytes: number): SliceCache {
  return new LRUCache<string, Uint8Array>({
    maxSize: maxBytes,
    sizeCalculation: (bytes) => bytes.length + 100,
  });
}

export async function fetch(
  context: FetchContext,
  topic: LogTopic,
  request: FetchRequest,
): Promise<FetchResult> {
  const { heads, clock, arrivals, limits } = context;
  const { partition, offset } = request;
  const headIndex = headIndexOf(topic, partition);
  const deadline = clock.now() + request.maxWaitMs;
  const gone = new Set<BlobName>();

  for (let look = 1; ; ) {
    const arrival = arrivals.next(topic.id, headIndex);
    const head = await heads.read(topic, headIndex);
    const start = logStartOffset(head, partition);
    const end = highWatermark(head, partition);
    if (offset < start || offset > end) throw outOfRange(topic, partition, offset, start, end);

    const found = await collect(context, topic, head, request, gone);
    const left = deadline - clock.now();
    if (found !== undefined && left > 0 && !request.signal?.aborted) {
      const enough = found.bytes >= Math.min(request.minBytes, request.maxBytes);
      if (!enough && found.slices.length < limits.slicesPerFetch) {
        await waitForMore(clock, arrival, Math.min(left, limits.pollMs), request.signal);
        continue;
      }
    }
    if (found?.slices.length === 0) {
      return { bytes: new Uint8Array(0), nextOffset: offset, highWatermark: end, logStartOffset: start };
    }

    const loaded = found && (await load(context, topic, headIndex, found.slices, gone));
    if (loaded !== undefined) {
      const answer = cut(loaded, offset, request.maxBytes);
      // A roll between the two reads may have brought more than the head showed.
      return { ...answer, highWatermark: Math.max(end, answer.nextOffset), logStartOffset: start };
    }
    if (++look > limits.looks) throw missingBytes(topic, partition, offset);
  }
}

async function waitForMore(
  clock: Clock,
  arrival: AbortSignal,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  await clock.sleep(ms, signal ? AbortSignal.any([arrival, signal]) : arrival);
}

/**
 * Slices from the one that holds the offset, until there are enough bytes from there or no more records; `undefined`
 * when index rows are gone: the log start may have passed them since the head was read.
 */
async function collect(
  { items, clock, limits }: Pick<FetchContext, 'items' | 'clock' | 'limits'>,
  topic: LogTopic,
  head: Head,
  { partition, offset, maxBytes }: Pick<FetchRequest, 'partition' | 'offset' | 'maxBytes'>,
  gone: ReadonlySet<BlobName>,
): Promise<{ slices: PlacedSlice[]; bytes: number } | undefined> {
  const slices: PlacedSlice[] = [];
  let bytes = 0;
  let next = offset;
  /** False when there is enough. */
  const take = (more: readonly PlacedSlice[]): boolean => {
    for (const slice of more) {
      if (slice.baseOffset + slice.recordCount <= next) continue;
      if (slices.length === limits.slicesPerFetch || (slices.length > 0 && bytes >= maxBytes)) return false;
      slices.push(slice);
      // Only the end of the first slice may be wanted: count it by the share of records that are.
      bytes += slices.length > 1 ? slice.bytes : shareFrom(slice, next);
      next = slice.baseOffset + slice.recordCount;
    }
    return slices.length < limits.slicesPerFetch && bytes < maxBytes;
  };

  const index = indexOf(items, clock, topic.id, partition);
  const end = firstOffsetInHead(head, partition);
  for await (const row of index.walk(next, end, { rowsPerPage: limits.rowsPerRead, gone })) {
    if (!take(row.slices)) return { slices, bytes };
  }
  if (next < end) return undefined;
  take(placedSlices(head, partition));
  return { slices, bytes };
}

function shareFrom(slice: PlacedSlice, offset: number): number {
  const wanted = slice.baseOffset + slice.recordCount - Math.max(offset, slice.baseOffset);
  return Math.ceil((slice.bytes * wanted) / slice.recordCount);
}

/**
 * The bytes of each slice, its batches numbered. They are shared, and not to be changed. `undefined` when some are gone:
 * their blobs are added to `gone`, so that the next look may find the same records elsewhere.
 */
export async function load(
  { blobs, cache }: Pick<FetchContext, 'blobs' | 'cache'>,
  topic: LogTopic,
  headIndex: number,
  slices: readonly PlacedSlice[],
  gone: Set<BlobName>,
): Promise<Uint8Array[] | undefined> {
  const keys = slices.map((slice) => `${objectKey(topic.id, slice)}:${slice.position}`);
  const found = keys.map((key) => cache.get(key));
  const missing = slices.filter((_, i) => found[i] === undefined);
  const read = await blobs.read(topic.id, headIndex, missing);
  const lost = missing.filter((_, nth) => read[nth] === undefined);
  for (const { blob } of lost) gone.add(blobName(blob.id));
  if (lost.length > 0) return undefined;
  let nth = 0;
  for (const [i, slice] of slices.entries()) {
    if (found[i] !== undefined) continue;
    const bytes = read[nth++]!;
    assignOffsets(slice, bytes);
    cache.set(keys[i]!, bytes);
    found[i] = bytes;
  }
  return found as Uint8Array[];
}

/** Gives the batches of a slice the offsets that are theirs for ever; so it is done once, in place. */
export function assignOffsets(slice: PlacedSlice, bytes: Uint8Array): void {
  let offset = slice.baseOffset;
  for (const { position, header } of batchesOf(bytes)) {
    assignOffset(bytes, position, offset);
    offset += header.lastOffsetDelta + 1;
  }
}

export function* batchesOf(bytes: Uint8Array): Generator<{ position: number; header: BatchHeader }> {
  for (let position = 0; position < bytes.length; ) {
    const header = readHeader(bytes, position);
    yield { position, header };
    position += header.bytes;
  }
}

/** The batches from the one that holds `offset` up to `maxBytes`, but one at least. A view, if one slice has them all. */
function cut(
  loaded: readonly Uint8Array[],
  offset: number,
  maxBytes: number,
): { bytes: Uint8Array; nextOffset: number } {
  const views: Uint8Array[] = [];
  let length = 0;
  let nextOffset = offset;
  for (const bytes of loaded) {
    let from = -1;
    let to = 0;
    for (const { position, header } of batchesOf(bytes)) {
      const endOffset = header.baseOffset + header.lastOffsetDelta + 1;
      if (endOffset <= offset) continue;
      if (length > 0 && length + header.bytes > maxBytes) break;
      if (from < 0) from = position;
      to = position + header.bytes;
      length += header.bytes;
      nextOffset = endOffset;
    }
    if (from >= 0) views.push(bytes.subarray(from, to));
    if (to < bytes.length) break;
  }
  return { bytes: views.length === 1 ? views[0]! : Buffer.concat(views, length), nextOffset };
}

export function outOfRange(
  topic: LogTopic,
  partition: number,
  offset: number,
  start: number,
  end: number,
  field = 'offset',
): WadiError {
  const message = `Offset ${offset} of partition ${partition} of topic '${topic.name}' is out of range: records are at offsets ${start} to ${end - 1}, the next will be ${end}.`;
  return new WadiError('OFFSET_OUT_OF_RANGE', message, { field });
}

export function missingBytes(topic: LogTopic, partition: number, offset: number): WadiError {
  const message = `Records of topic '${topic.name}', partition ${partition}, from offset ${offset} could not be found in storage. Try again.`;
  return new WadiError('KAFKA_STORAGE_ERROR', message);
}
