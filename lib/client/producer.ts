import { partitionOfKey, stickyPartition } from '../record/partitioner.ts';
import type { CompressionCodec, RecordInput } from '../record/record.ts';
import { ClientError, refusal } from './clientError.ts';
import { startTimer, webClock } from './clock.ts';
import { clusterOf } from './cluster.ts';
import { type CallOptions, type ConnectionOptions, connect } from './connection.ts';
import { add, type Batches, dueMs, take } from './producer/accumulator.ts';
import { type Compress, compressAsWeb } from './producer/compress.ts';
import { createDelivery, type Delivery } from './producer/deliver.ts';
import { createOutcomes, type SentRecord } from './producer/outcomes.ts';
import { createRoom } from './producer/room.ts';
import { createTopics } from './topics.ts';

/** Where Kafka has the option, it has Kafka's name; defaults that differ suit requests that cost money. */
export interface ProducerOptions extends ConnectionOptions {
  /** `linger.ms`: how long the first record of a batch waits for others; 5. */
  readonly lingerMs?: number;
  /** `batch.size`: bytes of a batch, before compression, that are sent without lingering; 256 KiB. */
  readonly batchSize?: number;
  /** `max.request.size`: bytes of one request, before compression; 4,000,000. */
  readonly maxRequestSize?: number;
  /** `compression.type`; none. gzip is there wherever fetch is; the others need `compress`. */
  readonly compressionType?: CompressionCodec;
  readonly compress?: Compress;
  /** `all`, the default, or 1: what that means differs where there are several regions. */
  readonly acks?: 'all' | 1;
  /** Requests at once, over all partitions; one of each partition; 8. */
  readonly maxInFlight?: number;
  /** `buffer.memory`: bytes of records that wait for their append, before `send` waits for room; 32 MiB. */
  readonly maxBufferedBytes?: number;
  /** `max.block.ms`: how long it waits at most; 60,000. */
  readonly maxBlockMs?: number;
  /** `delivery.timeout.ms`: after so long a record counts as failed; 120,000. */
  readonly deliveryTimeoutMs?: number;
  /** `metadata.max.age.ms`: after so long a topic may have more partitions; 300,000. */
  readonly metadataMaxAgeMs?: number;
}

/** Text is sent as UTF-8. */
export type Bytes = string | Uint8Array | null;

export interface ProducerRecord {
  /** Records of the same key go to the same partition. */
  readonly key?: Bytes;
  readonly value: Bytes;
  readonly headers?: readonly { readonly key: string; readonly value: Bytes }[];
  /** Instead of the one that the key chooses. */
  readonly partition?: number;
  /** In ms since the Unix epoch; now. */
  readonly timestamp?: number;
}

export interface Producer {
  /**
   * Appends records, in this order in each partition, behind those of the calls before. Resolves when all are durable, with
   * their offsets. Throws SendError if some failed; the signal's reason, while it waits for room.
   */
  send(
    batch: { readonly topic: string; readonly records: readonly ProducerRecord[] },
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<SentRecord[]>;
  /** Sends what lingers, and resolves when all that was sent before has been appended or has failed. */
  flush(): Promise<void>;
  /** Flushes, for `timeoutMs` at most (`deliveryTimeoutMs`), and takes no more. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

interface Partition {
  readonly batches: Batches;
  readonly delivery: Delivery;
  /** Ends the lingering, while there is some. */
  lingering: AbortController | undefined;
  /** Sending, or about to. */
  active: boolean;
}

/** What a record takes beside its fields, about. */
const RECORD_OVERHEAD_BYTES = 24;

/** An idempotent producer: what it sends is in the log once, however often it had to send it. */
export function producer(options: ProducerOptions): Producer {
  const {
    lingerMs = 5,
    batchSize = 256 * 1024,
    maxRequestSize = 4_000_000,
    compressionType = 'none',
    compress = compressAsWeb,
    maxInFlight = 8,
    maxBufferedBytes = 32 * 1024 * 1024,
    maxBlockMs = 60_000,
    deliveryTimeoutMs = 120_000,
    metadataMaxAgeMs = 300_000,
    acks = 'all',
  } = options;
  const ended = new AbortController();
  const cluster = clusterOf(connect(options), { signal: ended.signal });
  const topics = createTopics(cluster, metadataMaxAgeMs, ended.signal);
  const buffer = createRoom(maxBufferedBytes);
  const inFlight = createRoom(maxInFlight);
  const deliveryOptions = { cluster, acks, compressionType, compress, signal: ended.signal };
  const partitions = new Map<string, Partition>();
  const sticky = new Map<string, { partition: number; bytes: number }>();
  const unsettled = new Set<Promise<unknown>>();
  let closed = false;
  /** While there is one, nothing lingers. */
  let flushes = 0;
  const dueAtMs = (batches: Batches) => dueMs(batches, flushes > 0 ? 0 : lingerMs);

  function partitionOf(topic: string, record: RecordInput, bytes: number, count: number): number {
    if (record.key !== null) return partitionOfKey(record.key, count);
    // KIP-794: another one after so many bytes.
    let current = sticky.get(topic);
    if (current === undefined || current.bytes >= batchSize || current.partition >= count) {
      current = { partition: stickyPartition(current?.partition, count, webClock.random), bytes: 0 };
      sticky.set(topic, current);
    }
    current.bytes += bytes;
    return current.partition;
  }

  function partitionAt(topic: string, partition: number): Partition {
    const name = `${topic}/${partition}`;
    let known = partitions.get(name);
    if (known === undefined) {
      const delivery = createDelivery(topic, partition, deliveryOptions);
      known = { batches: [], delivery, lingering: undefined, active: false };
      partitions.set(name, known);
    }
    return known;
  }

  /** Sends batch after batch until there is none. */
  async function work(partition: Partition): Promise<void> {
    partition.active = true;
    while (partition.batches.length > 0) {
      const waitMs = dueAtMs(partition.batches) - webClock.now();
      if (waitMs > 0) {
        partition.lingering = new AbortController();
        await webClock.sleep(waitMs, partition.lingering.signal);
        continue;
      }
      await inFlight.take(1);
      const batches = take(partition.batches, maxRequestSize);
      const endMs = batches[0]!.createdMs + deliveryTimeoutMs;
      await partition.delivery.deliver(
        batches.map(({ records }) => records),
        endMs,
      );
      inFlight.give(1);
    }
    partition.active = false;
  }

  function wake(partition: Partition): void {
    partition.lingering?.abort();
    partition.lingering = undefined;
  }

  async function send(
    topic: string,
    records: readonly RecordInput[],
    chosen: readonly ProducerRecord[],
    signal: AbortSignal | undefined,
  ): Promise<SentRecord[]> {
    if (records.length === 0) return [];
    const count = await topics.partitions(topic);
    const sizes = records.map(sizeOf);
    for (const [i, size] of sizes.entries()) {
      const field = `records[${i}]`;
      if (size > maxRequestSize) {
        throw refusal('MESSAGE_TOO_LARGE', `${field} has more than ${maxRequestSize} bytes`, field);
      }
      const { partition = 0 } = chosen[i]!;
      if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
        const message = `${topic} has partitions 0 to ${count - 1}, not ${partition}`;
        throw refusal('UNKNOWN_TOPIC_OR_PARTITION', message, `${field}.partition`);
      }
    }
    const total = sizes.reduce((sum, size) => sum + size, 0);
    await buffer.take(total, { signal, timeoutMs: maxBlockMs });

    const outcomes = createOutcomes(records.length);
    const touched = new Set<Partition>();
    const nowMs = webClock.now();
    for (const [index, record] of records.entries()) {
      const bytes = sizes[index]!;
      const number = chosen[index]!.partition ?? partitionOf(topic, record, bytes, count);
      const partition = partitionAt(topic, number);
      add(partition.batches, { record, bytes, outcomes, index }, batchSize, nowMs);
      touched.add(partition);
    }
    for (const partition of touched) {
      if (!partition.active) void work(partition);
      else if (dueAtMs(partition.batches) <= nowMs) wake(partition);
    }
    return outcomes.done.finally(() => buffer.give(total));
  }

  const producer: Producer = {
    async send({ topic, records }, { signal } = {}) {
      if (closed) throw refusal('INVALID_REQUEST', 'The producer is closed');
      const nowMs = webClock.now();
      const sending = send(
        topic,
        records.map((record, index) => inputOf(nowMs, record, index)),
        records,
        signal,
      );
      const settled: Promise<unknown> = sending.catch(() => undefined).then(() => unsettled.delete(settled));
      unsettled.add(settled);
      return sending;
    },

    async flush() {
      flushes++;
      for (const partition of partitions.values()) wake(partition);
      await Promise.all(unsettled);
      flushes--;
    },

    async close({ timeoutMs = deliveryTimeoutMs } = {}) {
      closed = true;
      const timer = startTimer(() => ended.abort(closedTooEarly()), timeoutMs);
      await producer.flush();
      clearTimeout(timer);
    },
  };

  return producer;
}

/** Of what waits for an answer still. */
function closedTooEarly(): ClientError {
  return new ClientError('The producer was closed', { kafka: 'REQUEST_TIMED_OUT', outcome: 'unknown' });
}

const utf8 = new TextEncoder();

/** Also checks what only types hold: a batch that cannot be written would fail with all its records, strangers' too. */
function bytesOf(value: Bytes, index: number, part: string): Uint8Array | null {
  if (typeof value === 'string') return utf8.encode(value);
  if (value === null || value instanceof Uint8Array) return value;
  const field = `records[${index}].${part}`;
  throw refusal('INVALID_RECORD', `${field} must be a string, a Uint8Array or null`, field);
}

function inputOf(
  nowMs: number,
  { key = null, value, headers = [], timestamp = nowMs }: ProducerRecord,
  index: number,
): RecordInput {
  if (!Number.isSafeInteger(timestamp)) {
    const field = `records[${index}].timestamp`;
    throw refusal('INVALID_TIMESTAMP', `${field} must be whole milliseconds since 1970`, field);
  }
  return {
    timestamp,
    key: bytesOf(key, index, 'key'),
    value: bytesOf(value, index, 'value'),
    headers: headers.map(({ key, value }) => ({ key, value: bytesOf(value, index, 'headers') })),
  };
}

function sizeOf({ key, value, headers }: RecordInput): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length * 3 + (header.value?.length ?? 0) + 8;
  return bytes;
}
