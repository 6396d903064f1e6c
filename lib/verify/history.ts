/**
 * What clients asked of a log and what they were answered, for the properties in this folder to be checked against. The
 * simulation records it under virtual time, `wadi verify` over HTTP.
 *
 * Times are milliseconds of one clock. An operation takes place somewhere between `invokedAtMs` and `returnedAtMs`; one
 * whose answer never came has `returnedAtMs` Infinity.
 */
export interface History {
  readonly operations: readonly Operation[];
  /** What is there at the end, after all operations, read from log start to high watermark. A topic that was deleted has none. */
  readonly final: ReadonlyMap<PartitionId, FinalPartition>;
}

/** `<topic id>/<partition>`: of a topic that is made again under its name, the partitions are others. */
export type PartitionId = string;

export type Operation = Append | Fetch | Bounds | DeleteRecords | Retain | Compact;

interface Timed {
  readonly partition: PartitionId;
  readonly invokedAtMs: number;
  readonly returnedAtMs: number;
  /** Which process or connection served it, for messages. */
  readonly via?: string;
}

/**
 * One attempt to append. `failed`: the answer says that nothing of it is in the log, nor will be. `unknown`: no answer, or
 * one that may be followed by a retry: it may be there, or may yet come.
 */
export interface Append extends Timed {
  readonly kind: 'append';
  readonly batches: readonly SentBatch[];
  readonly outcome: AppendOutcome;
}

export type AppendOutcome =
  /** `offsets`: of each batch's first record. */
  | { readonly is: 'ok'; readonly offsets: readonly number[]; readonly logStartOffset?: number }
  | { readonly is: 'failed' | 'unknown'; readonly error?: string };

export interface SentBatch {
  /** Of its records, in order. No two records of a history share a value; a batch that is sent again has the same ones. */
  readonly values: readonly string[];
  /** Who sent it. Of one producer and partition, batches must lie in the log by `sequence` (of their first record). */
  readonly producer: string;
  readonly sequence: number;
  /** May be sent any number of times, through any processes, and must be there at most once. */
  readonly idempotent: boolean;
  /** Of its records: without them, compaction takes none. */
  readonly keys?: readonly SentKey[];
  /** Of its youngest record, and its size as stored: without them, retention takes it for ever young, and for nothing. */
  readonly maxTimestamp?: number;
  readonly bytes?: number;
}

export interface SentKey {
  readonly key: string;
  /** It deletes what its key had before. */
  readonly isTombstone: boolean;
}

export interface Fetch extends Timed {
  readonly kind: 'fetch';
  readonly offset: number;
  /** Fetches of one consumer are consecutive polls: each begins at the `nextOffset` of the one before, or where `reset`. */
  readonly consumer?: string;
  /** The consumer did not go on from its last poll, since it was told that the offset is out of range or had begun anew. */
  readonly reset?: boolean;
  readonly outcome: FetchOutcome;
}

export type FetchOutcome =
  /** `records` as [offset, value], those before the offset asked for left out. */
  | {
      readonly is: 'ok';
      readonly records: readonly (readonly [number, string])[];
      readonly nextOffset: number;
      readonly highWatermark: number;
      readonly logStartOffset: number;
    }
  | { readonly is: 'failed'; readonly error: string };

/** Log start offset and high watermark, seen at one moment. */
export interface Bounds extends Timed {
  readonly kind: 'bounds';
  readonly outcome:
    | { readonly is: 'ok'; readonly highWatermark: number; readonly logStartOffset: number }
    | { readonly is: 'failed'; readonly error: string };
}

/** Kafka's DeleteRecords: all records before `beforeOffset` may go. */
export interface DeleteRecords extends Timed {
  readonly kind: 'deleteRecords';
  readonly beforeOffset: number;
  readonly outcome:
    | { readonly is: 'ok'; readonly logStartOffset: number }
    | { readonly is: 'failed' | 'unknown'; readonly error?: string };
}

/**
 * A run of retention: the oldest records may go while they are older than `expiredBefore`, and while `keptBytes` are left
 * without them. Only the simulation has them.
 */
export interface Retain extends Timed {
  readonly kind: 'retain';
  /** -Infinity: time takes nothing. */
  readonly expiredBefore: number;
  /** Infinity: size takes nothing. */
  readonly keptBytes: number;
  readonly outcome: DeleteRecords['outcome'];
}

/**
 * A run of compaction: records may go that have a later one of their key; and tombstones, `deleteRetentionMs` after a run before
 * had come to them. Neither if they are younger than `minCompactionLagMs`. Only the simulation has them.
 */
export interface Compact extends Timed {
  readonly kind: 'compact';
  readonly minCompactionLagMs: number;
  readonly deleteRetentionMs: number;
  /** How far the clock was ahead that decided. Records have the time of the history. */
  readonly aheadMs: number;
  /** `unknown`: no answer; it may still go on. */
  readonly outcome: { readonly is: 'ok' | 'unknown'; readonly error?: string };
}

export interface FinalPartition {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly records: readonly (readonly [number, string])[];
}

/** One property's verdict: how many cases of it were looked at, and what spoke against it. */
export interface PropertyReport {
  readonly property: string;
  readonly checked: number;
  /** At most MAX_VIOLATIONS, one line each. */
  readonly violations: readonly string[];
}

export const MAX_VIOLATIONS = 10;
