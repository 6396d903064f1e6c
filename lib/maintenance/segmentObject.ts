import type { BlobName, BlobRef, Blobs } from '../log/blob.ts';
import { blobName } from '../log/blob.ts';
import type { ProducerRun } from '../log/entry.ts';
import { assignOffsets, batchesOf } from '../log/fetch.ts';
import { headIndexOf, type PlacedSlice } from '../log/head.ts';
import type { LogTopic } from '../log/log.ts';
import { addRun } from '../log/plan.ts';
import { addToSequence } from '../log/producers.ts';
import type { MaintenanceLimits } from './limits.ts';

export interface SegmentObject {
  readonly chunks: readonly Uint8Array[];
  /** What lies in it, in order of offset. */
  readonly slices: readonly PlacedSlice[];
}

/**
 * The batches of the slices, in order and with their offsets, as one object will hold them; `undefined` if some are gone:
 * their blobs are added to `gone`.
 */
export async function copySlices(
  blobs: Blobs,
  topic: LogTopic,
  slices: readonly PlacedSlice[],
  into: BlobRef,
  gone: Set<BlobName>,
  { pieceBytes, slicesPerRead }: MaintenanceLimits,
): Promise<SegmentObject | undefined> {
  const chunks: Uint8Array[] = [];
  for (let from = 0; from < slices.length; from += slicesPerRead) {
    const some = slices.slice(from, from + slicesPerRead);
    const read = await blobs.read(topic.id, headIndexOf(topic, some[0]!.partition), some);
    for (const [i, bytes] of read.entries()) {
      if (bytes === undefined) gone.add(blobName(some[i]!.blob.id));
      else chunks.push(bytes);
    }
    if (chunks.length < from + some.length) return undefined;
  }
  for (const [i, slice] of slices.entries()) assignOffsets(slice, chunks[i]!);
  const spans = slices.map((slice) => ({ slice, from: slice.baseOffset, to: endOf(slice) }));
  return { chunks, slices: cutIntoPieces(spans, chunks, into, pieceBytes) };
}

type Piece = { -readonly [attribute in keyof PlacedSlice]: PlacedSlice[attribute] } & { runs: ProducerRun[] };

/** The offsets of a slice, or some of them. */
export interface Span {
  readonly slice: PlacedSlice;
  readonly from: number;
  readonly to: number;
}

/**
 * The slices of an object that holds `chunks`, one after the other: what there is of the batches of each span, with their
 * offsets. Together they span the same offsets: where batches are missing, a slice ends where the next one begins.
 */
export function cutIntoPieces(
  spans: readonly Span[],
  chunks: readonly Uint8Array[],
  blob: BlobRef,
  pieceBytes: number,
): PlacedSlice[] {
  const pieces: Piece[] = [];
  let position = 0;
  const begin = (partition: number, baseOffset: number): Piece => {
    const piece = {
      blob,
      partition,
      baseOffset,
      position,
      bytes: 0,
      recordCount: 0,
      maxTimestamp: -1,
      runs: [],
    };
    pieces.push(piece);
    return piece;
  };
  for (const [i, { slice, from, to }] of spans.entries()) {
    let piece = pieces.at(-1);
    if (piece === undefined || endOf(piece) !== from) piece = begin(slice.partition, from);
    for (const { header } of batchesOf(chunks[i]!)) {
      if (piece.bytes > 0 && piece.bytes + header.bytes > pieceBytes) {
        extend(piece, slice, header.baseOffset);
        piece = begin(slice.partition, header.baseOffset);
      }
      piece.bytes += header.bytes;
      piece.maxTimestamp = Math.max(piece.maxTimestamp, header.maxTimestamp);
      position += header.bytes;
    }
    extend(piece, slice, to);
  }
  return pieces;
}

/** Lets the piece span the slice's offsets up to `end`, and tells of the producers of what is, or was, there. */
function extend(piece: Piece, slice: PlacedSlice, end: number): void {
  const from = endOf(piece);
  for (const run of slice.runs) {
    const first = slice.baseOffset + run.delta;
    const begin = Math.max(first, from);
    const recordCount = Math.min(first + run.recordCount, end) - begin;
    if (recordCount <= 0) continue;
    const sequence = addToSequence(run.sequence, begin - first);
    addRun(piece.runs, { ...run, delta: begin - piece.baseOffset, sequence, recordCount });
  }
  piece.recordCount = end - piece.baseOffset;
}

function endOf({ baseOffset, recordCount }: PlacedSlice): number {
  return baseOffset + recordCount;
}
