import { createHash } from 'node:crypto';
import { readHeader, writeHeader } from '../../record/header.ts';
import type { StepAppend } from './stepBlob.ts';

/**
 * What a step appends to a partition, as of another producer, from sequence 0 on: which one the first of them says, so that whoever makes it again makes
 * the same.
 */
export function asAnotherProducer(appends: readonly StepAppend[]): StepAppend[] {
  const first = appends[0]!.producer;
  const digest = createHash('sha256')
    .update(JSON.stringify([String(first.id), first.epoch, first.sequence]))
    .digest();
  const id = digest.readBigUInt64BE() >> 1n;
  return appends.map((append) => {
    const producer = { id, epoch: 0, sequence: append.producer.sequence - first.sequence };
    const bytes = append.bytes.slice();
    writeHeader(bytes, {
      ...readHeader(bytes),
      ...{ producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.sequence },
    });
    return { ...append, producer, bytes };
  });
}
