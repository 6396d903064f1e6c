import { type BlobName, blobName, nameUploadedAt } from '../log/blob.ts';
import { firstOffsetInHead, type Head, logStartOffset, type PlacedSlice } from '../log/head.ts';
import type { IndexRow } from '../log/indexRow.ts';
import type { Action, Condition } from '../storage/ports.ts';

/** What blobs are judged together: the topic's objects, which any head may name, or the inline items of one head. */
export type Scope = 'objects' | number;

/** Blobs that no head or row has been seen to name, with their bytes, in order of age. */
export type Candidates = readonly (readonly [name: BlobName, bytes: number])[];

/** Where a pass goes on: plain JSON. It may be used late, and more than once. */
export type GarbageCursor = {
  /** Of the whole pass: what was uploaded at or before it is judged. Milliseconds. */
  readonly floor: number;
} & (
  | { readonly step: 'rows'; readonly head: number }
  | { readonly step: 'list'; readonly scope: Scope; readonly after: string; readonly candidates: Candidates }
  | {
      readonly step: 'strike';
      readonly scope: Scope;
      /** Where to list the next window; `undefined` if this is the last. */
      readonly after: string | undefined;
      readonly candidates: Candidates;
      readonly head: number;
      /** The first index row that has not been looked at. */
      readonly place: Place;
    }
);

export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** From here on the head takes no entry whose blob was uploaded at or before `floor`; nothing ever lowers it. */
export function raiseFloor(floor: number): { actions: readonly Action[]; condition: Condition } {
  return {
    actions: [{ set: ['floor'], to: floor }],
    // On a head that is gone the comparison fails, so this does not bring it back.
    condition: { path: ['floor'], is: '<', value: floor },
  };
}

/** The upload time that a head's floor must have reached before it is asked which of these it names. */
export function floorFor(candidates: ReadonlyMap<BlobName, number>): number {
  let youngest = 0;
  for (const name of candidates.keys()) youngest = Math.max(youngest, nameUploadedAt(name));
  return youngest;
}

/** Takes out what is named by a slice of which a record is at or above the log start. */
export function strikeOut(
  candidates: Map<BlobName, number>,
  head: Head,
  slices: readonly PlacedSlice[],
): void {
  for (const { blob, partition, baseOffset, recordCount } of slices) {
    if (baseOffset + recordCount > logStartOffset(head, partition)) candidates.delete(blobName(blob.id));
  }
}

/** The place, or the next one after it, at which the index of the head's partitions has a row that counts. */
export function nextPlace(head: Head, from: Place): Place | undefined {
  const endPartition = head.firstPartition + head.base.length;
  for (let partition = Math.max(from.partition, head.firstPartition); partition < endPartition; partition++) {
    const start = logStartOffset(head, partition);
    const offset = partition === from.partition ? Math.max(from.offset, start) : start;
    if (offset < firstOffsetInHead(head, partition)) return { partition, offset };
  }
  return undefined;
}

/** How far the rows reach from `offset` without a gap. */
export function reach(rows: readonly IndexRow[], offset: number): { rows: readonly IndexRow[]; end: number } {
  const contiguous: IndexRow[] = [];
  let end = offset;
  for (const row of rows) {
    if (row.baseOffset > end || row.endOffset <= end) break;
    contiguous.push(row);
    end = row.endOffset;
  }
  return { rows: contiguous, end };
}
