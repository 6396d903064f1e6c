import { type BlobName, blobName, nameUploadedAt, type SegmentName } from '../log/blob.ts';
import { firstOffsetInHead, type Head, logStartOffset, type PlacedSlice } from '../log/head.ts';
import type { AbsorbedRow, IndexRow } from '../log/indexRow.ts';
import type { Action, Condition } from '../storage/ports.ts';

/** What blobs are judged together: the topic's objects, which any head may name, or the inline items of one head. */
export type Scope = 'objects' | number;

/** Blobs that no head or row has been seen to name, with their bytes, in order of age. */
export type Candidates = readonly (readonly [name: BlobName, bytes: number])[];

/** Where a pass goes on: plain JSON. It may be used late, and more than once. */
export type GarbageCursor = {
  /** Of the whole pass: what was uploaded at or before it is judged. Milliseconds. */
  readonly floor: number;
  /** All rows are looked at, for old marks. */
  readonly marks: boolean;
} & (
  | {
      readonly step: 'rows';
      readonly head: number;
      /** Rows from there on, and of partitions before, have been looked at; missing when none has. */
      readonly place?: Pick<Place, 'partition' | 'below'>;
    }
  | { readonly step: 'list'; readonly scope: Scope; readonly after: string; readonly candidates: Candidates }
  | {
      readonly step: 'strike';
      readonly scope: Scope;
      /** Where to list the next window; `undefined` if this is the last. */
      readonly after: string | undefined;
      readonly candidates: Candidates;
      readonly head: number;
      /** Missing when the head itself is to be looked at first. */
      readonly place?: Place;
    }
  | {
      readonly step: 'segments';
      /** Where to list the next window; `undefined` if this is the last. */
      readonly after: string | undefined;
      /** Of which those of the first partition are judged first. */
      readonly candidates: readonly (readonly [name: SegmentName, bytes: number])[];
      /** Rows below it have not been looked at; missing when none has. */
      readonly below?: number;
      /** Nobody can swap one of them in any more: what no row names now, none ever will. */
      readonly fenced: boolean;
    }
);

/** How far a partition's index, which is looked at from its end down, has been. */
export interface Place {
  readonly partition: number;
  /** Rows whose base offset is below it have not been looked at. */
  readonly below: number;
  /** From here on up to the head, the rows that were seen leave no gap. */
  readonly coveredFrom: number;
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

/** Where the index of the next partition of the head that has something at or above its log start ends. */
export function firstPlace(head: Head, fromPartition: number): Place | undefined {
  const endPartition = head.firstPartition + head.base.length;
  for (let partition = fromPartition; partition < endPartition; partition++) {
    const end = firstOffsetInHead(head, partition);
    if (logStartOffset(head, partition) < end) return { partition, below: end, coveredFrom: end };
  }
  return undefined;
}

/** The place behind rows that were read downwards from it. */
export function passed(place: Place, rows: readonly (IndexRow | AbsorbedRow)[]): Place {
  let { below, coveredFrom } = place;
  for (const row of rows) {
    below = row.baseOffset;
    if (row.absorbed === undefined && row.endOffset >= coveredFrom)
      coveredFrom = Math.min(coveredFrom, below);
  }
  return { ...place, below, coveredFrom };
}
