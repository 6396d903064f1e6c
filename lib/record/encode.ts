import { compress } from './compression.ts';
import { HEADER_BYTES } from './header.ts';
import { type BatchOptions, plainBatch, sealBatch, withHeaderRoom } from './plainBatch.ts';
import type { RecordInput } from './record.ts';

/** One batch of all the records, as `plainBatch` makes it, throwing the same, compressed if the options say so. */
export function encodeBatch(records: readonly RecordInput[], options: BatchOptions = {}): Uint8Array {
  const plain = plainBatch(records);
  const { codec = 'none' } = options;
  const batch =
    codec === 'none' ? plain.bytes : withHeaderRoom(compress(codec, plain.bytes.subarray(HEADER_BYTES)));
  sealBatch(batch, plain, options);
  return batch;
}
