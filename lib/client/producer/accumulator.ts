import type { RecordInput } from '../../record/record.ts';
import type { Outcomes } from './outcomes.ts';

/** A record on its way: `index` is its place in the `send` that it belongs to. */
export interface Pending {
  readonly record: RecordInput;
  /** Estimated, before compression. */
  readonly bytes: number;
  readonly outcomes: Outcomes;
  readonly index: number;
}

export interface Batch {
  readonly records: Pending[];
  bytes: number;
  readonly createdMs: number;
  /** Takes no more records, and does not linger. */
  sealed: boolean;
}

/** Of one partition, the oldest first. All but the last are sealed. */
export type Batches = Batch[];

/** Puts a record into the last batch, or behind it if that has no room. */
export function add(batches: Batches, pending: Pending, batchSize: number, nowMs: number): void {
  let last = batches.at(-1);
  if (last === undefined || last.sealed || last.bytes + pending.bytes > batchSize) {
    if (last !== undefined) last.sealed = true;
    last = { records: [], bytes: 0, createdMs: nowMs, sealed: false };
    batches.push(last);
  }
  last.records.push(pending);
  last.bytes += pending.bytes;
  if (last.bytes >= batchSize) last.sealed = true;
}

/** When the first batch is to be sent: at once (0) if it is full. */
export function dueMs([first]: Batches, lingerMs: number): number {
  if (first === undefined) return Number.POSITIVE_INFINITY;
  return first.sealed ? 0 : first.createdMs + lingerMs;
}

/** Takes the first batch out, which is due, and those behind it that are full, as far as one request may carry them. */
export function take(batches: Batches, maxRequestSize: number): Batch[] {
  let count = 0;
  let bytes = 0;
  for (const batch of batches) {
    bytes += batch.bytes;
    if (count > 0 && (!batch.sealed || bytes > maxRequestSize)) break;
    count++;
  }
  return batches.splice(0, count);
}
