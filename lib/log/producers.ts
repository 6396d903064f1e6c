import { WadiError } from '../errors.ts';
import type { ValidBatch } from '../record/record.ts';
import type { Item, Key } from '../storage/ports.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/**
 * What is remembered of an idempotent producer in a partition. `batches` counts all that it ever appended there, so
 * of two states the one with more is the newer, and none ever comes back.
 */
export interface ProducerState {
  readonly batches: number;
  readonly epoch: number;
  readonly lastSequence: number;
}

/** Kafka's `producer.id.expiration.ms` is a day; a week costs nothing here. */
export const PRODUCER_EXPIRATION_MS = 7 * 24 * 3600 * 1000;

const SEQUENCES = 2 ** 31;

/** Sequences wrap from 2^31 - 1 to 0. */
export function addToSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

export function producerKey(partition: number, producerId: bigint): string {
  return producerKeyPrefix(partition) + producerId;
}

export function producerKeyPrefix(partition: number): string {
  return `${partition}:`;
}

export function encodeProducer(state: ProducerState): Uint8Array {
  return new ByteWriter().uint(state.batches).uint(state.epoch).uint(state.lastSequence).finish();
}

export function decodeProducer(stored: Uint8Array): ProducerState {
  const input = new ByteReader(stored);
  return { batches: input.uint(), epoch: input.uint(), lastSequence: input.uint() };
}

/** Where a producer rests that was moved out of the head. */
export function evictedProducerKey(topicId: string, key: string): Key {
  return { pk: `producers/${topicId}`, sk: key };
}

export function evictedProducerItem(topicId: string, key: string, state: ProducerState, now: number): Item {
  return {
    ...evictedProducerKey(topicId, key),
    batches: state.batches,
    state: encodeProducer(state),
    expiresAt: Math.ceil((now + PRODUCER_EXPIRATION_MS) / 1000),
  };
}

export type Verdict =
  | { kind: 'append'; state: ProducerState }
  | { kind: 'duplicate' }
  | { kind: 'refused'; error: WadiError };

/**
 * Kafka's rules (ProducerAppendInfo in its storage module): the next sequence is appended, an older one is a
 * duplicate, a later one is out of order; a new epoch begins at 0; an old epoch is fenced. Unlike in Kafka, a producer
 * that is not known begins with 0 too: there, one connection to one leader keeps its first requests in order; here the
 * second may overtake the first. A producer that was forgotten takes a new epoch, as clients do since KIP-360. Whether
 * a duplicate is truly one is for the log to find.
 */
export function judge(state: ProducerState | undefined, batch: ValidBatch): Verdict {
  const { epoch, sequence, id } = batch.producer!;
  const appended: Verdict = {
    kind: 'append',
    state: {
      batches: (state?.batches ?? 0) + 1,
      epoch,
      lastSequence: addToSequence(sequence, batch.recordCount - 1),
    },
  };
  if (state === undefined) {
    if (sequence === 0) return appended;
    return { kind: 'refused', error: outOfOrder(batch, 'a producer that is not known here begins with 0') };
  }
  if (epoch < state.epoch) {
    const message = `Producer ${id} has epoch ${epoch}, but ${state.epoch} has been seen: another instance has taken over.`;
    return { kind: 'refused', error: new WadiError('INVALID_PRODUCER_EPOCH', message) };
  }
  if (epoch > state.epoch) {
    if (sequence === 0) return appended;
    return { kind: 'refused', error: outOfOrder(batch, 'a new epoch begins with sequence 0') };
  }
  const expected = addToSequence(state.lastSequence, 1);
  if (sequence === expected) return appended;
  const behind = (expected - sequence + SEQUENCES) % SEQUENCES;
  if (behind < SEQUENCES / 2 && behind >= batch.recordCount) return { kind: 'duplicate' };
  return { kind: 'refused', error: outOfOrder(batch, `${expected} was expected`) };
}

export function outOfOrder(batch: ValidBatch, why: string): WadiError {
  const { id, epoch, sequence } = batch.producer!;
  const message = `Out of order sequence number ${sequence} of producer ${id}, epoch ${epoch}: ${why}.`;
  return new WadiError('OUT_OF_ORDER_SEQUENCE_NUMBER', message);
}
