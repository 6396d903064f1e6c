import type { WadiError } from '../errors.ts';
import type { ValidBatch } from '../record/record.ts';

/** What the log has to know of a topic. `id` is never used twice, so a re-created name never meets old records. */
export interface LogTopic {
  readonly id: string;
  readonly name: string;
  readonly partitions: number;
  /** How many consecutive partitions one head orders; fixed when the topic is created. */
  readonly partitionsPerHead: number;
  /** Names of the regions that are to have its records; every region unless given. */
  readonly replicas?: readonly string[];
}

/** How sure an append is to be before it is acknowledged. Of a cluster of one region it says nothing. */
export interface Durability {
  /** `all`: every region in sync has it; 1: one has it. */
  readonly acks: 'all' | 1;
  /** `min.insync.replicas`: of `all`, so many are in sync, or nothing is appended. */
  readonly minInsyncReplicas: number;
}

/** Whole, validated record batches of one partition, to be appended together and in this order. */
export interface PartitionBatches {
  readonly partition: number;
  readonly batches: readonly ValidBatch[];
}

/** The offset of each batch's first record, in the order of the batches; or why none of them was appended. */
export type AppendResult =
  | { ok: true; partition: number; offsets: readonly number[]; logStartOffset: number; appendTimeMs: number }
  | { ok: false; partition: number; error: WadiError };

export interface FetchRequest {
  readonly partition: number;
  readonly offset: number;
  /** At least one batch is returned, however large, if there is one. */
  readonly maxBytes: number;
  /** Answer when this much is there, */
  readonly minBytes: number;
  /** or when this much time has passed. */
  readonly maxWaitMs: number;
  /** The caller has gone: stop waiting. */
  readonly signal?: AbortSignal;
}

export interface FetchResult {
  /** Whole record batches, offsets set; the first may begin before the offset asked for, as in Kafka. */
  readonly bytes: Uint8Array;
  /**
   * Where the next fetch goes on: behind the last record in `bytes` and the offsets after it whose records were compacted
   * away. It may have moved though `bytes` is empty.
   */
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

export type OffsetSpec = 'earliest' | 'latest' | 'max-timestamp' | { readonly timestamp: number };

/** `offset` -1 and `timestamp` -1: no record is that young (Kafka's ListOffsets). */
export interface OffsetAndTimestamp {
  readonly offset: number;
  readonly timestamp: number;
}

export interface Bounds {
  readonly logStartOffset: number;
  readonly highWatermark: number;
}

export interface Log {
  /** One result per element, in the order given. Throws only for a topic that is gone. */
  append(
    topic: LogTopic,
    batches: readonly PartitionBatches[],
    durability?: Durability,
  ): Promise<AppendResult[]>;
  /** Throws OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, or a retriable storage error. */
  fetch(topic: LogTopic, request: FetchRequest): Promise<FetchResult>;
  listOffsets(topic: LogTopic, partition: number, spec: OffsetSpec): Promise<OffsetAndTimestamp>;
  /** Log start offset and high watermark in one read. */
  bounds(topic: LogTopic, partition: number): Promise<Bounds>;
  /** The same of several partitions, in a read for each head that they are in. */
  boundsOf(topic: LogTopic, partitions: readonly number[]): Promise<Bounds[]>;
  /** Aborted when this process appends to the partition, or to one beside it, from now on. */
  arrival(topic: LogTopic, partition: number): AbortSignal;
  /**
   * Kafka's DeleteRecords: raises the log start to `beforeOffset`, -1 meaning the high watermark, and answers where it now
   * is: it never goes back. Throws OFFSET_OUT_OF_RANGE beyond the high watermark, UNKNOWN_TOPIC_OR_PARTITION, or a
   * retriable storage error, after which it may have been done or not; repeating it is harmless.
   */
  deleteRecords(
    topic: LogTopic,
    partition: number,
    beforeOffset: number,
  ): Promise<{ logStartOffset: number }>;
  /** Makes the heads that the partitions from `from` (inclusive) to `to` (exclusive) need; repeating it is harmless. */
  createHeads(topic: LogTopic, from: number, to: number): Promise<void>;
  /** From here on every append and fetch of this topic id is refused; repeating it is harmless. */
  deleteHeads(topic: LogTopic): Promise<void>;
  /** Makes sure that maintenance looks at a topic, or what is left of it, at that time or later. Throws StorageError. */
  schedule(topic: LogTopic, kind: 'creation' | 'configs' | 'purge', atMs: number): Promise<void>;
  /** Resolves when the work begun in the background (rolls, acks=0 appends) is done; a function awaits it before it is frozen. */
  settled(): Promise<void>;
}
