import type { BlobRef, SliceRef } from './blob.ts';
import { uploadedAt } from './blob.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/** Consecutive batches of one idempotent producer within a slice. */
export interface ProducerRun {
  /** Records before the run in its slice. */
  readonly delta: number;
  readonly id: bigint;
  readonly epoch: number;
  /** Of its first record. */
  readonly sequence: number;
  readonly recordCount: number;
}

/** Consecutive batches of one partition in a blob. It has no offsets: they follow from the slices before it. */
export interface Slice extends SliceRef {
  readonly recordCount: number;
  readonly maxTimestamp: number;
  readonly runs: readonly ProducerRun[];
}

/**
 * One append, as a head's tail holds it. Its bytes are its identity: no two attempts to append have the same, and
 * the same request sent twice has.
 */
export interface Entry {
  readonly blob: BlobRef;
  /** Counts the entries that were made for this blob and head; a refused one is never sent again. */
  readonly attempt: number;
  /** Milliseconds; above the head's fence, and not before the blob's upload. */
  readonly at: number;
  readonly slices: readonly Slice[];
}

const VERSION = 1;
const INLINE = 0x10;
const SEGMENT = 0x20;

/** `partition`s are stored relative to `firstPartition`, positions as gaps behind the slice before. */
export function encodeEntry(entry: Entry, firstPartition: number): Uint8Array {
  const out = writeBlobRef(new ByteWriter(), entry.blob)
    .uint(entry.attempt)
    .uint(entry.at - uploadedAt(entry.blob.id))
    .uint(entry.slices.length);
  let end = 0;
  for (const slice of entry.slices) {
    out.uint(slice.partition - firstPartition).uint(slice.position - end);
    writeSlice(out, slice, entry.at);
    end = slice.position + slice.bytes;
  }
  return out.finish();
}

export function decodeEntry(bytes: Uint8Array, firstPartition: number): Entry {
  const input = new ByteReader(bytes);
  const blob = readBlobRef(input);
  const attempt = input.uint();
  const at = input.uint() + uploadedAt(blob.id);
  const slices = new Array<Slice>(input.uint());
  let end = 0;
  for (let i = 0; i < slices.length; i++) {
    const partition = input.uint() + firstPartition;
    const position = input.uint() + end;
    const slice = { blob, partition, position, ...readSlice(input, at) };
    slices[i] = slice;
    end = position + slice.bytes;
  }
  return { blob, attempt, at, slices };
}

function writeBlobRef(out: ByteWriter, { id, inline, segmentOf }: BlobRef): ByteWriter {
  out.uint(VERSION | (inline ? INLINE : 0) | (segmentOf === undefined ? 0 : SEGMENT)).raw(id);
  return segmentOf === undefined ? out : out.uint(segmentOf);
}

function readBlobRef(input: ByteReader): BlobRef {
  const flags = input.uint();
  if ((flags & 0xf) !== VERSION) throw new RangeError(`entry version ${flags & 0xf} is not known here`);
  const blob = { inline: (flags & INLINE) !== 0, id: input.raw(14) };
  return (flags & SEGMENT) === 0 ? blob : { ...blob, segmentOf: input.uint() };
}

/** The part that entries and index rows share. Timestamps are stored relative to `at`. */
function writeSlice(out: ByteWriter, slice: Slice, at: number): void {
  out
    .uint(slice.bytes)
    .uint(slice.recordCount)
    .int(slice.maxTimestamp - at)
    .uint(slice.runs.length);
  for (const run of slice.runs) {
    out.uint(run.delta).bigUint(run.id).uint(run.epoch).uint(run.sequence).uint(run.recordCount);
  }
}

function readSlice(
  input: ByteReader,
  at: number,
): Pick<Slice, 'bytes' | 'recordCount' | 'maxTimestamp' | 'runs'> {
  const bytes = input.uint();
  const recordCount = input.uint();
  const maxTimestamp = input.int() + at;
  const runs = new Array<ProducerRun>(input.uint());
  for (let i = 0; i < runs.length; i++) {
    runs[i] = {
      delta: input.uint(),
      id: input.bigUint(),
      epoch: input.uint(),
      sequence: input.uint(),
      recordCount: input.uint(),
    };
  }
  return { bytes, recordCount, maxTimestamp, runs };
}

/** Slices of one partition in order of offset, as an index row packs them. */
export function encodeSlices(slices: readonly Slice[]): Uint8Array {
  const out = new ByteWriter();
  for (const slice of slices) {
    writeBlobRef(out, slice.blob).uint(slice.position);
    writeSlice(out, slice, uploadedAt(slice.blob.id));
  }
  return out.finish();
}

export function decodeSlices(bytes: Uint8Array, partition: number): Slice[] {
  const input = new ByteReader(bytes);
  const slices: Slice[] = [];
  while (!input.done) {
    const blob = readBlobRef(input);
    const position = input.uint();
    slices.push({ blob, partition, position, ...readSlice(input, uploadedAt(blob.id)) });
  }
  return slices;
}
