import { WadiError } from '../../errors.ts';
import { MAX_DECOMPRESSED_BYTES } from '../../record/compression.ts';
import type { CompressionCodec } from '../../record/record.ts';
import type { BatchLimits } from '../../record/validate.ts';
import type { Topic } from '../../topic/topic.ts';

/** What the topic's configs ask of batches that come whole. */
export function batchLimits({ configs }: Topic, nowMs: number): BatchLimits {
  return {
    maxMessageBytes: configs.maxMessageBytes,
    maxDecompressedBytes: MAX_DECOMPRESSED_BYTES,
    compressionType: configs.compressionType,
    timestampType: configs.messageTimestampType,
    keysRequired: keysRequired(configs),
    nowMs,
    timestampBeforeMaxMs: configs.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: configs.messageTimestampAfterMaxMs,
  };
}

export function keysRequired({ cleanupPolicy }: Topic['configs']): boolean {
  return cleanupPolicy.includes('compact');
}

/** The codec for records that come as JSON: those that leave it to the producer are not compressed. */
export function codecOf({ configs }: Topic): CompressionCodec {
  const { compressionType } = configs;
  return compressionType === 'producer' || compressionType === 'uncompressed' ? 'none' : compressionType;
}

/** Holds a record's own timestamp to the rule that `batchLimits` sets for batches; throws INVALID_TIMESTAMP. */
export function requireTimestamp({ configs }: Topic, timestamp: number, nowMs: number): void {
  const earliest = nowMs - configs.messageTimestampBeforeMaxMs;
  const latest = nowMs + configs.messageTimestampAfterMaxMs;
  if (timestamp >= earliest && timestamp <= latest) return;
  throw new WadiError(
    'INVALID_TIMESTAMP',
    `timestamp ${timestamp} ms is not within [${earliest}, ${latest}].`,
    {
      field: 'timestamp',
    },
  );
}
