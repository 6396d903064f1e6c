import { WadiError } from '../../errors.ts';
import { HEADER_BYTES } from '../../record/header.ts';
import { plainBatch, sealBatch, withHeaderRoom } from '../../record/plainBatch.ts';
import type { CompressionCodec } from '../../record/record.ts';
import { RECORD_BATCH_TYPE } from '../../rest/records/recordBatchType.ts';
import { ClientError, refusal } from '../clientError.ts';
import { webClock } from '../clock.ts';
import { type Cluster, topicPath } from '../cluster.ts';
import type { Pending } from './accumulator.ts';
import type { Compress } from './compress.ts';
import { advanced, consequenceOf, type Identity, newIdentity, renewed } from './identity.ts';

export interface DeliveryOptions {
  readonly cluster: Cluster;
  readonly acks: 'all' | 1;
  readonly compressionType: CompressionCodec;
  readonly compress: Compress;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** One partition's appends, one request after the other. */
export interface Delivery {
  /**
   * Appends what the batches hold in one request, repeated as it is until `endMs`, and settles every record. Never rejects;
   * the next call comes after it.
   */
  deliver(batches: readonly (readonly Pending[])[], endMs: number): Promise<void>;
}

export function createDelivery(
  topic: string,
  partition: number,
  { cluster, acks, compressionType, compress, signal }: DeliveryOptions,
): Delivery {
  let identity = newIdentity(webClock.random);
  const path = `${topicPath(topic)}/partitions/${partition}/records`;

  async function deliver(
    batches: readonly (readonly Pending[])[],
    endMs: number,
    isRenewed = false,
  ): Promise<void> {
    const count = batches.reduce((sum, records) => sum + records.length, 0);
    try {
      const body = await encode(batches, identity);
      const offsets = await append(body, endMs);
      identity = advanced(identity, count);
      settle(batches, offsets);
    } catch (reason) {
      const error = asClientError(reason);
      switch (consequenceOf(error, isRenewed)) {
        case 'appended':
          identity = advanced(identity, count);
          return settle(batches, []);
        case 'renew-and-repeat':
          identity = renewed(identity, webClock.random);
          return deliver(batches, endMs, true);
        case 'split':
          if (count > 1) {
            for (const part of parts(batches)) await deliver(part, endMs);
            return;
          }
          return fail(batches, error);
        case 'fail-and-renew':
          identity = renewed(identity, webClock.random);
          return fail(batches, error);
        case 'fail':
          return fail(batches, error);
      }
    }
  }

  async function append(body: Uint8Array<ArrayBuffer>, endMs: number): Promise<readonly number[]> {
    const timeoutMs = endMs - webClock.now();
    if (timeoutMs <= 0) throw notSent('Not sent within delivery.timeout.ms');
    if (signal.aborted) throw notSent('The producer was closed before this was sent');
    const { base_offsets } = await cluster.call<{ base_offsets: readonly number[] }>(
      { method: 'POST', path, query: { acks }, body, type: RECORD_BATCH_TYPE },
      { timeoutMs, signal },
    );
    return base_offsets;
  }

  async function encode(
    batches: readonly (readonly Pending[])[],
    from: Identity,
  ): Promise<Uint8Array<ArrayBuffer>> {
    let producer = from;
    const encoded: Uint8Array<ArrayBuffer>[] = [];
    for (const records of batches) {
      const plain = plainBatch(records.map(({ record }) => record));
      const bytes =
        compressionType === 'none'
          ? plain.bytes
          : withHeaderRoom(await compress(compressionType, plain.bytes.subarray(HEADER_BYTES)));
      sealBatch(bytes, plain, { codec: compressionType, producer });
      producer = advanced(producer, records.length);
      encoded.push(bytes);
    }
    return joined(encoded);
  }

  /** `offsets`: of the batches; -1 where there is none. */
  function settle(batches: readonly (readonly Pending[])[], offsets: readonly number[]): void {
    for (const [i, records] of batches.entries()) {
      const base = offsets[i];
      for (const [delta, { outcomes, index }] of records.entries()) {
        outcomes.settle(index, { topic, partition, offset: base === undefined ? -1 : base + delta });
      }
    }
  }

  return { deliver };
}

function fail(batches: readonly (readonly Pending[])[], error: ClientError): void {
  for (const { outcomes, index } of batches.flat()) outcomes.settle(index, error);
}

/** Of a request that was too large: each of its batches, or the halves of its only one. */
function parts(batches: readonly (readonly Pending[])[]): (readonly (readonly Pending[])[])[] {
  const [only] = batches;
  if (only === undefined || batches.length > 1) return batches.map((batch) => [batch]);
  const half = Math.ceil(only.length / 2);
  return [[only.slice(0, half)], [only.slice(half)]];
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

function notSent(message: string): ClientError {
  return new ClientError(message, { kafka: 'REQUEST_TIMED_OUT', outcome: 'refused' });
}

/** Also of what is no answer and no lack of one: the producer was closed before it came, or a codec failed. */
function asClientError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  if (error instanceof WadiError) return refusal(error.kafka, error.message);
  const message = error instanceof Error ? error.message : String(error);
  return new ClientError(message, { kafka: 'UNKNOWN_SERVER_ERROR', outcome: 'unknown', cause: error });
}
