/** A header's key is text; its value may be any bytes, or null. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record to be encoded. `timestamp` is in milliseconds since the Unix epoch. */
export interface RecordInput {
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** A record as read: byte arrays are views of the decoded batch. */
export interface DecodedRecord extends RecordInput {
  readonly offset: number;
}

export type CompressionCodec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export type TimestampType = 'CreateTime' | 'LogAppendTime';

/**
 * The 61 bytes before a batch's records. Offsets and timestamps are safe integers: a batch that claims more is
 * corrupt. Source: https://kafka.apache.org/documentation/#recordbatch
 */
export interface BatchHeader {
  readonly baseOffset: number;
  /** Of the whole batch, the 12 bytes of base offset and length included. */
  readonly bytes: number;
  readonly partitionLeaderEpoch: number;
  readonly crc: number;
  readonly codec: CompressionCodec;
  readonly timestampType: TimestampType;
  readonly transactional: boolean;
  readonly control: boolean;
  /** The attribute bits that are none of the four above; bit 6 is Kafka's delete horizon (KIP-534). */
  readonly unknownAttributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  /** -1 without idempotence. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** A record batch that validation has accepted: what the log needs of it, read once. */
export interface ValidBatch {
  /** The batch as it will be stored; its base offset is patched when it is read. */
  readonly bytes: Uint8Array;
  readonly recordCount: number;
  readonly maxTimestamp: number;
  /** `undefined` without idempotence. */
  readonly producer: { readonly id: bigint; readonly epoch: number; readonly sequence: number } | undefined;
}
