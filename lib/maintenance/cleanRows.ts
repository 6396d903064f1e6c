import { type BlobRef, newBlobId, objectKey } from '../log/blob.ts';
import type { PlacedSlice } from '../log/head.ts';
import { decodeIndexRow, type IndexRow, indexRowKey } from '../log/indexRow.ts';
import { withRetries } from '../log/retry.ts';
import { type FilteredBatches, filterBatches, type RecordFilter } from '../record/filterBatches.ts';
import { MAX_KEYS_PER_READ } from '../storage/ports.ts';
import { type Compactor, explainGone, readSlices } from './compactor.ts';
import { partsOf, type RowFacts } from './planCompaction.ts';
import { cutIntoPieces, type Span } from './segmentObject.ts';
import { markAbsorbed, swapRow } from './swapRow.ts';

/** A slice of a row, or the part of it that counts where rows overlap. */
interface Source extends Span {
  readonly row: IndexRow;
}

interface Cleaned extends FilteredBatches {
  readonly source: Source;
}

/**
 * Makes one row of those of the clusters, with the records that the filter leaves, in the place of the first. What has not
 * changed stays where it lies if it is large and of the first row; of the others all is copied, since their objects are
 * garbage as soon as somebody else has put them anew. `lost`: another has changed a row, and nothing was done, or all but
 * that marks are missing; `late`: the deadline has passed, nothing was done.
 */
export async function cleanRows(
  compactor: Compactor,
  clusters: readonly (readonly RowFacts[])[],
  closed: boolean,
  filter: RecordFilter,
): Promise<'done' | 'lost' | 'late'> {
  const { clock, deadlineMs, limits, counts } = compactor;
  const rows = await readRows(compactor, clusters.flat());
  if (rows === undefined) return 'lost';
  const first = rows[0]!;
  const sources = sourcesOf(clusters, rows);
  const isLive = ({ to }: Source) => to > compactor.situation.logStartOffset;
  const reading = readSlices(
    compactor,
    sources.filter(isLive).map(({ slice }) => slice),
  );
  const output = openOutput(compactor, first);
  const total = { recordsRemoved: 0, tombstonesRemoved: 0 };
  let deleteHorizonMs = Infinity;
  let changed = rows.length > 1;

  for (const object of byObject(sources)) {
    const cleaned: Cleaned[] = [];
    let same = true;
    let bytes = 0;
    for (const source of object) {
      if (!isLive(source)) {
        cleaned.push({ source, ...NOTHING });
        continue;
      }
      const read = (await reading.next()).value?.bytes;
      if (read === undefined) {
        await explainGone(compactor, source.row, source.slice);
        return 'lost';
      }
      const filtered = filterBatches(read, filter, source);
      cleaned.push({ source, ...filtered });
      same &&= filtered.bytes === read;
      bytes += read.length;
      total.recordsRemoved += filtered.recordsRemoved;
      total.tombstonesRemoved += filtered.tombstonesRemoved;
      deleteHorizonMs = Math.min(deleteHorizonMs, filtered.deleteHorizonMs);
    }
    changed ||= !same;
    const mayStay = object.every((source) => source.row === first && isWhole(source));
    if (mayStay && same && bytes >= limits.keepBytes) output.keep(object);
    else await output.add(cleaned);
    // At least one row a call, or there would be no end.
    if (clock.now() >= deadlineMs && counts.rows > 0) return 'late';
  }

  const slices = changed ? await output.finish() : await output.orElse(first.slices);
  const swapped = await swapRow(compactor, {
    baseOffset: first.baseOffset,
    endOffset: Math.max(...rows.map(({ endOffset }) => endOffset)),
    version: first.version + 1,
    slices,
    maxTimestamp: Math.max(...slices.map(({ maxTimestamp }) => maxTimestamp)),
    runningMaxTimestamp: Math.max(...rows.map(({ runningMaxTimestamp }) => runningMaxTimestamp)),
    closed,
    cleanedTo: filter.endOffset,
    deleteHorizonMs: Number.isFinite(deleteHorizonMs) ? deleteHorizonMs : undefined,
  });
  if (!swapped) return 'lost';
  counts.rows += rows.length;
  counts.recordsRemoved += total.recordsRemoved;
  counts.tombstonesRemoved += total.tombstonesRemoved;
  const absorbed = await markAbsorbed(compactor, first, rows.slice(1));
  counts.rowsAbsorbed += absorbed;
  return absorbed < rows.length - 1 ? 'lost' : 'done';
}

function isWhole({ slice, from, to }: Source): boolean {
  return from === slice.baseOffset && to === slice.baseOffset + slice.recordCount;
}

/** Of a slice below the log start, whose bytes may be gone. */
const NOTHING: FilteredBatches = {
  bytes: new Uint8Array(0),
  recordsRemoved: 0,
  tombstonesRemoved: 0,
  deleteHorizonMs: Infinity,
};

/** `undefined` if one is not as it was when it was planned with. */
async function readRows(
  { items, clock, topic, partition }: Compactor,
  facts: readonly RowFacts[],
): Promise<IndexRow[] | undefined> {
  const rows: IndexRow[] = [];
  for (let from = 0; from < facts.length; from += MAX_KEYS_PER_READ) {
    const some = facts.slice(from, from + MAX_KEYS_PER_READ);
    const keys = some.map(({ baseOffset }) => indexRowKey(topic.id, partition, baseOffset));
    const found = await withRetries(clock, () => items.getMany(keys));
    for (const [i, item] of found.entries()) {
      const row = item && decodeIndexRow(item, partition);
      if (row === undefined || row.absorbed !== undefined || row.version !== some[i]!.version)
        return undefined;
      rows.push(row);
    }
  }
  return rows;
}

function sourcesOf(clusters: readonly (readonly RowFacts[])[], rows: readonly IndexRow[]): Source[] {
  const sources: Source[] = [];
  let nth = 0;
  for (const { length } of clusters) {
    for (const { row, from, to } of partsOf(rows.slice(nth, nth + length))) {
      for (const slice of row.slices) {
        const begin = Math.max(from, slice.baseOffset);
        const end = Math.min(to, slice.baseOffset + slice.recordCount);
        if (begin < end) sources.push({ row, slice, from: begin, to: end });
      }
    }
    nth += length;
  }
  return sources;
}

/** Those that follow one another in one segment object; each other one by itself. */
function byObject(sources: readonly Source[]): Source[][] {
  const objects: Source[][] = [];
  for (const source of sources) {
    const before = objects.at(-1)?.at(-1);
    const same =
      before?.row === source.row &&
      source.slice.blob.segmentOf !== undefined &&
      Buffer.compare(before.slice.blob.id, source.slice.blob.id) === 0;
    if (same) objects.at(-1)!.push(source);
    else objects.push([source]);
  }
  return objects;
}

/** The slices that a row will have: those that stay, and those of new objects, which are written as they fill up. */
function openOutput(
  { objects, clock, limits, topic, partition, counts }: Compactor,
  { baseOffset }: IndexRow,
) {
  const done: PlacedSlice[] = [];
  let waiting: Cleaned[] = [];
  let bytes = 0;
  let written = 0;

  async function flush(): Promise<void> {
    if (waiting.length === 0) return;
    const blob: BlobRef = { id: newBlobId(clock), inline: false, segmentOf: baseOffset };
    const chunks = waiting.map((cleaned) => cleaned.bytes);
    const spans = waiting.map(({ source }) => source);
    done.push(...cutIntoPieces(spans, chunks, blob, limits.pieceBytes));
    if (bytes > 0) {
      await withRetries(clock, () => objects.put(objectKey(topic.id, { blob, partition }), chunks));
      counts.objects++;
      counts.bytesWritten += bytes;
      written++;
    }
    waiting = [];
    bytes = 0;
  }

  async function finish(): Promise<PlacedSlice[]> {
    await flush();
    return done.sort((a, b) => a.baseOffset - b.baseOffset);
  }

  return {
    keep(object: readonly Source[]): void {
      done.push(...object.map(({ slice }) => slice));
    },
    async add(cleaned: readonly Cleaned[]): Promise<void> {
      for (const slice of cleaned) {
        if (bytes > 0 && bytes + slice.bytes.length > limits.objectBytes) await flush();
        waiting.push(slice);
        bytes += slice.bytes.length;
      }
    },
    finish,
    /** What there was before, if nothing was written yet. */
    orElse: async (before: readonly PlacedSlice[]) => (written === 0 ? before : finish()),
  };
}
