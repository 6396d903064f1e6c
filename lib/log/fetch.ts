import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { LruCache } from '../lruCache.ts';
import { assignOffset, readHeader } from '../record/header.ts';
import type { BatchHeader } from '../record/record.ts';
import { type ItemStore, StorageError } from '../storage/ports.ts';
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
import { type IndexRow, indexOf } from './indexRow.ts';
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
export type SliceCache = LruCache<string, Uint8Array>;

export function createSliceCache(maxBytes: number): SliceCache {
  return new LruCache(maxBytes, (bytes) => bytes.length + 100);
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
  /** Behind offsets that hold no record any more. */
  let next = offset;
  let gaps = 0;

  for (let look = 1; ; ) {
    const arrival = arrivals.next(topic.id, headIndex);
    const head = await heads.read(topic, headIndex);
    const start = logStartOffset(head, partition);
    const end = highWatermark(head, partition);
    if (offset < start || offset > end) throw outOfRange(topic, partition, offset, start, end);

    const found = await collect(context, topic, head, { ...request, offset: next }, gone);
    const left = deadline - clock.now();
    if (found !== undefined && left > 0 && !request.signal?.aborted) {
      const enough = found.bytes >= Math.min(request.minBytes, request.maxBytes);
      if (!enough && found.slices.length < limits.slicesPerFetch) {
        await waitForMore(clock, arrival, Math.min(left, limits.pollMs), request.signal);
        continue;
      }
    }
    if (found?.slices.length === 0) {
      return { bytes: new Uint8Array(0), nextOffset: next, highWatermark: end, logStartOffset: start };
    }

    const loaded = found && (await load(context, topic, headIndex, found.slices, gone, found.further));
    if (loaded !== undefined) {
      const answer = cut(found!.slices, loaded, next, request.maxBytes);
      if (answer.bytes.length === 0 && answer.nextOffset < end && ++gaps < limits.gapsPerFetch) {
        next = answer.nextOffset;
        continue;
      }
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

interface Collected {
  readonly slices: PlacedSlice[];
  /** Of them, from the offset on. */
  readonly bytes: number;
  /** The row that the last of them is in, if it is one of the index. */
  readonly further?: IndexRow;
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
): Promise<Collected | undefined> {
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
    if (!take(row.slices)) return { slices, bytes, further: row.row };
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
 * The bytes of the slices, and of those ahead. Where some cannot be had for now, as what one region alone has that is lost: of those before them.
 * Throws StorageError if that is `first`.
 */
async function readFirst(
  blobs: FetchContext['blobs'],
  topic: LogTopic,
  headIndex: number,
  missing: readonly PlacedSlice[],
  ahead: readonly PlacedSlice[],
  first: PlacedSlice | undefined,
): Promise<(Uint8Array | undefined)[]> {
  try {
    return await blobs.read(topic.id, headIndex, [...missing, ...ahead]);
  } catch (error) {
    if (!(error instanceof StorageError) || missing.length + ahead.length < 2) throw error;
  }
  const read: (Uint8Array | undefined)[] = [];
  for (const slice of missing) {
    try {
      read.push(...(await blobs.read(topic.id, headIndex, [slice])));
    } catch (error) {
      if (!(error instanceof StorageError) || slice === first) throw error;
      break;
    }
  }
  return read;
}

/**
 * The bytes of each slice, its batches numbered. They are shared, and not to be changed. `undefined` when some are gone:
 * their blobs are added to `gone`, so that the next look may find the same records elsewhere. `further`: a row that a
 * reader who has come this far will go on in.
 */
export async function load(
  { blobs, cache, limits }: Pick<FetchContext, 'blobs' | 'cache' | 'limits'>,
  topic: LogTopic,
  headIndex: number,
  slices: readonly PlacedSlice[],
  gone: Set<BlobName>,
  further?: IndexRow,
): Promise<Uint8Array[] | undefined> {
  const keyOf = (slice: PlacedSlice): string =>
    `${objectKey(topic.id, slice)}:${slice.position}+${slice.bytes}`;
  const found = new Map(slices.map((slice) => [slice, cache.get(keyOf(slice))]));
  const missing = slices.filter((slice) => found.get(slice) === undefined);
  const ahead = missing.length === 0 || further === undefined ? [] : readAhead(slices, further);
  const read = await readFirst(blobs, topic, headIndex, missing, ahead, slices[0]);
  // Behind what cannot be had now, nothing is given, for nobody may skip it.
  const reached = missing.slice(0, read.length);
  const isCut = reached.length < missing.length;
  const lost = reached.filter((_, nth) => read[nth] === undefined);
  for (const { blob } of lost) gone.add(blobName(blob.id));
  if (lost.length > 0) return undefined;
  for (const [nth, slice] of (isCut ? reached : [...missing, ...ahead]).entries()) {
    const bytes = read[nth];
    if (bytes === undefined) continue;
    assignOffsets(slice, bytes);
    cache.set(keyOf(slice), bytes);
    found.set(slice, bytes);
  }
  const whole = slices.map((slice) => found.get(slice));
  const end = whole.indexOf(undefined);
  return (end < 0 ? whole : whole.slice(0, end)) as Uint8Array[];

  /** Whoever has what comes before, or begins with the segment, reads on: so what comes next is read along. */
  function readAhead(taken: readonly PlacedSlice[], { slices: all }: IndexRow): PlacedSlice[] {
    const first = all.findIndex(({ baseOffset }) => baseOffset === taken[0]!.baseOffset);
    const last = all.findIndex(({ baseOffset }) => baseOffset === taken.at(-1)!.baseOffset);
    if (first < 0 || last < first || (first > 0 && !cache.has(keyOf(all[first - 1]!)))) return [];
    let bytes = missing.reduce((sum, slice) => sum + slice.bytes, 0);
    const end = all.findIndex((slice, i) => {
      if (i <= last) return false;
      bytes += slice.bytes;
      return bytes > limits.readAheadBytes || slice.blob.segmentOf === undefined || cache.has(keyOf(slice));
    });
    return all.slice(last + 1, end < 0 ? all.length : end);
  }
}

/**
 * Gives the batches of a slice the offsets that are theirs for ever; so it is done once, in place. Those of a segment object
 * have theirs, and there may be gaps between them.
 */
export function assignOffsets(slice: PlacedSlice, bytes: Uint8Array): void {
  if (slice.blob.segmentOf !== undefined) return;
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

/**
 * The batches from the one that holds `offset`, or the next one, up to `maxBytes`, but one at least if there is one. A view, if
 * one slice has them all.
 */
function cut(
  slices: readonly PlacedSlice[],
  loaded: readonly Uint8Array[],
  offset: number,
  maxBytes: number,
): { bytes: Uint8Array; nextOffset: number } {
  const views: Uint8Array[] = [];
  let length = 0;
  let nextOffset = offset;
  for (const [i, bytes] of loaded.entries()) {
    let from = -1;
    let to = 0;
    let full = false;
    for (const { position, header } of batchesOf(bytes)) {
      const endOffset = header.baseOffset + header.lastOffsetDelta + 1;
      // Slices of rows that overlap may begin before the last one ended.
      if (endOffset <= nextOffset) continue;
      full = length > 0 && length + header.bytes > maxBytes;
      if (full) break;
      if (from < 0) from = position;
      to = position + header.bytes;
      length += header.bytes;
      nextOffset = endOffset;
    }
    if (from >= 0) views.push(bytes.subarray(from, to));
    if (full) break;
    const { baseOffset, recordCount } = slices[i]!;
    nextOffset = Math.max(nextOffset, baseOffset + recordCount);
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
