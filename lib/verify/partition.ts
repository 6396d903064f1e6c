import type {
  Append,
  Bounds,
  Compact,
  DeleteRecords,
  Fetch,
  FinalPartition,
  History,
  Operation,
  PartitionId,
  Retain,
  SentBatch,
  SentKey,
} from './history.ts';
import { findWhenTaken } from './taken.ts';

/** The operations of one partition, and what they say together of each record, batch and offset. */
export interface Partition {
  readonly id: PartitionId;
  /** `undefined`: the topic was deleted, or was not read at the end. */
  readonly final: FinalPartition | undefined;
  readonly batches: readonly Batch[];
  readonly appends: readonly Append[];
  readonly fetches: readonly Fetch[];
  readonly bounds: readonly Bounds[];
  readonly deletions: readonly DeleteRecords[];
  readonly retentions: readonly Retain[];
  /** Where there are some, records may be missing between others. */
  readonly compactions: readonly Compact[];
  /** By key, all that were sent. */
  readonly byKey: ReadonlyMap<string, readonly SentRecord[]>;
  /** By offset, what was first seen there; with compaction also what must be there, as others of its batch were seen. */
  readonly seen: ReadonlyMap<number, SentRecord>;
  /** Seen, but in no append of this partition. */
  readonly strangers: readonly SentRecord[];
  /** Sightings of another record at an offset, or of a record at another offset, than was first seen. */
  readonly contradictions: readonly Contradiction[];
}

export interface SentRecord {
  readonly value: string;
  readonly batch: Batch | undefined;
  readonly key: SentKey | undefined;
  /** When compaction may have taken it, at the earliest. */
  takenFromMs: number;
  /** Of a tombstone: when it may have, although it is the last of its key. */
  expiredFromMs: number;
  /** Where it was first seen: at the end, else in an acknowledgement, else in a fetch. -1: nowhere. */
  offset: number;
  seenIn: Sighting | undefined;
}

export type Sighting = Operation | 'final';

/** All attempts to append the same records: one append, however often it was sent. */
export interface Batch {
  readonly sent: SentBatch;
  readonly records: SentRecord[];
  readonly attempts: Append[];
  /** When it may have been appended: from the first attempt that did not fail (Infinity: all failed), */
  invokedAtMs: number;
  /** until the first acknowledgement (Infinity: none). */
  returnedAtMs: number;
  /** The first acknowledgement, and the offset that it gave. */
  acknowledgedBy: Append | undefined;
  acknowledgedAt: number;
}

export interface Contradiction {
  readonly kind: 'offset' | 'record';
  readonly offset: number;
  readonly record: SentRecord;
  readonly seenIn: Sighting;
  /** What was seen before: another record there, or this record elsewhere. */
  readonly before: SentRecord;
}

/** Throws for a history that is none: a batch without idempotence that was sent twice may well be there twice. */
export function partitionsOf({ operations, final }: History): Partition[] {
  const byPartition = new Map<PartitionId, Operation[]>();
  for (const id of final.keys()) byPartition.set(id, []);
  for (const operation of operations) {
    const some = byPartition.get(operation.partition);
    if (some === undefined) byPartition.set(operation.partition, [operation]);
    else some.push(operation);
  }
  return [...byPartition].map(([id, some]) => partitionOf(id, some, final.get(id)));
}

function partitionOf(
  id: PartitionId,
  operations: readonly Operation[],
  final: FinalPartition | undefined,
): Partition {
  const appends: Append[] = [];
  const fetches: Fetch[] = [];
  const bounds: Bounds[] = [];
  const deletions: DeleteRecords[] = [];
  const retentions: Retain[] = [];
  const compactions: Compact[] = [];
  for (const operation of operations) {
    if (operation.kind === 'append') appends.push(operation);
    else if (operation.kind === 'fetch') fetches.push(operation);
    else if (operation.kind === 'bounds') bounds.push(operation);
    else if (operation.kind === 'deleteRecords') deletions.push(operation);
    else if (operation.kind === 'retain') retentions.push(operation);
    else compactions.push(operation);
  }

  const batches: Batch[] = [];
  const records = new Map<string, SentRecord>();
  for (const append of appends) {
    for (const [i, sent] of append.batches.entries()) {
      const known = records.get(sent.values[0]!)?.batch;
      if (known !== undefined && !sent.idempotent) {
        throw new Error(`${id}: '${sent.values[0]}' was sent twice without idempotence`);
      }
      const batch = known ?? newBatch(sent, records);
      if (known === undefined) batches.push(batch);
      addAttempt(batch, append, i);
    }
  }
  const seen = sightings(records, appends, fetches, final);
  const byKey = new Map<string, SentRecord[]>();
  if (compactions.length > 0) {
    placeUnseen(batches, seen.seen);
    for (const record of records.values()) {
      if (record.key === undefined) continue;
      const others = byKey.get(record.key.key);
      if (others === undefined) byKey.set(record.key.key, [record]);
      else others.push(record);
    }
    for (const some of byKey.values()) findWhenTaken(some, compactions);
  }
  return {
    ...{ id, final, batches, appends, fetches, bounds, deletions, retentions, compactions, byKey },
    ...seen,
  };
}

function newBatch(sent: SentBatch, records: Map<string, SentRecord>): Batch {
  const batch: Batch = {
    sent,
    records: [],
    attempts: [],
    invokedAtMs: Infinity,
    returnedAtMs: Infinity,
    acknowledgedBy: undefined,
    acknowledgedAt: -1,
  };
  for (const [i, value] of sent.values.entries()) {
    const record = { ...newRecord(value, batch), key: sent.keys?.[i] };
    batch.records.push(record);
    records.set(value, record);
  }
  return batch;
}

function newRecord(value: string, batch: Batch | undefined): SentRecord {
  const never = { takenFromMs: Infinity, expiredFromMs: Infinity };
  return { value, batch, key: undefined, ...never, offset: -1, seenIn: undefined };
}

function addAttempt(batch: Batch, append: Append, index: number): void {
  const { outcome } = append;
  batch.attempts.push(append);
  if (outcome.is === 'failed') return;
  batch.invokedAtMs = Math.min(batch.invokedAtMs, append.invokedAtMs);
  if (outcome.is !== 'ok' || append.returnedAtMs >= batch.returnedAtMs) return;
  batch.returnedAtMs = append.returnedAtMs;
  batch.acknowledgedBy = append;
  batch.acknowledgedAt = outcome.offsets[index]!;
}

function sightings(
  records: Map<string, SentRecord>,
  appends: readonly Append[],
  fetches: readonly Fetch[],
  final: FinalPartition | undefined,
): { seen: Map<number, SentRecord> } & Pick<Partition, 'strangers' | 'contradictions'> {
  const seen = new Map<number, SentRecord>();
  const strangers: SentRecord[] = [];
  const contradictions: Contradiction[] = [];

  function see(offset: number, value: string, seenIn: Sighting): void {
    const there = seen.get(offset);
    // By far the most: seen again as before.
    if (there !== undefined && there.offset === offset && there.value === value) return;
    let record = records.get(value);
    if (record === undefined) {
      record = newRecord(value, undefined);
      records.set(value, record);
      strangers.push(record);
    }
    if (there === undefined) seen.set(offset, record);
    else if (there !== record) contradictions.push({ kind: 'offset', offset, record, seenIn, before: there });
    if (record.offset === -1) {
      record.offset = offset;
      record.seenIn = seenIn;
    } else if (record.offset !== offset) {
      contradictions.push({ kind: 'record', offset, record, seenIn, before: record });
    }
  }

  for (const [offset, value] of final?.records ?? []) see(offset, value, 'final');
  for (const append of appends) {
    if (append.outcome.is !== 'ok') continue;
    for (const [i, { values }] of append.batches.entries()) {
      const first = append.outcome.offsets[i]!;
      for (let k = 0; k < values.length; k++) see(first + k, values[k]!, append);
    }
  }
  for (const fetch of fetches) {
    if (fetch.outcome.is !== 'ok') continue;
    for (const [offset, value] of fetch.outcome.records) see(offset, value, fetch);
  }
  return { seen, strangers, contradictions };
}

/** Compaction may have taken the others of a batch before anybody saw them. */
function placeUnseen(batches: readonly Batch[], seen: Map<number, SentRecord>): void {
  for (const { records } of batches) {
    const found = records.findIndex(({ offset }) => offset !== -1);
    if (found === -1) continue;
    const first = records[found]!.offset - found;
    for (const [i, record] of records.entries()) {
      if (record.offset !== -1 || seen.has(first + i)) continue;
      record.offset = first + i;
      seen.set(record.offset, record);
    }
  }
}
