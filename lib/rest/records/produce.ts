import { WadiError } from '../../errors.ts';
import { requirePartition } from '../../log/requirePartition.ts';
import { encodeBatch } from '../../record/encode.ts';
import { partitionOfKey, stickyPartition } from '../../record/partitioner.ts';
import type { RecordInput, ValidBatch } from '../../record/record.ts';
import { KEY_REQUIRED } from '../../record/validate.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Wadi } from '../../wadi.ts';
import type { Acks } from './acks.ts';
import { append, NO_OFFSET } from './append.ts';
import { codecOf, keysRequired, requireTimestamp } from './limits.ts';
import { withTopic } from './withTopic.ts';

/** How many records one request may carry: their reports must fit in one answer. */
export const MAX_RECORDS = 10_000;

/** A record as a request gives it: where it goes and when it was, if the client says so. */
export interface ProduceRecord extends Omit<RecordInput, 'timestamp'> {
  readonly partition: number | undefined;
  readonly timestamp: number | undefined;
}

/** What became of a record. `offset` is -1 with acks=0; `timestamp` is the one stored. */
export type Delivery =
  | { readonly ok: true; readonly partition: number; readonly offset: number; readonly timestamp: number }
  | { readonly ok: false; readonly error: WadiError };

/** A record on its way; `index` is its place in the request. */
interface Placed extends RecordInput {
  readonly index: number;
  readonly partition: number;
}

/** Records of one partition, and the batch they went into. */
interface Run {
  readonly partition: number;
  readonly records: readonly Placed[];
  readonly batch: ValidBatch;
}

type Refuse = (index: number, error: WadiError) => void;

/**
 * Appends the records in one append, a batch for each partition, and tells what became of each, in their order. What
 * comes in as an error stays one. Throws for a topic that does not exist.
 */
export function produce(
  wadi: Wadi,
  topicName: string,
  records: readonly (ProduceRecord | WadiError)[],
  acks: Acks,
): Promise<Delivery[]> {
  return withTopic(wadi, topicName, furthestPartition(records), async (topic) => {
    const deliveries = new Array<Delivery>(records.length);
    const refuse: Refuse = (index, error) => {
      deliveries[index] = { ok: false, error };
    };
    const runs: Run[] = [];
    for (const [partition, placed] of place(wadi, topic, records, refuse)) {
      runs.push(...encodeRuns(topic, partition, placed, refuse));
    }
    if (runs.length === 0) return deliveries;

    const batches = runs.map(({ partition, batch }) => ({ partition, batches: [batch] }));
    const results = await append(wadi.log, topic, batches, acks);
    for (const [i, { partition, records }] of runs.entries()) {
      const result = results[i]!;
      for (const [delta, { index, timestamp }] of records.entries()) {
        if (!result.ok) refuse(index, result.error);
        else {
          const offset = acks === 0 ? NO_OFFSET : result.offsets[0]! + delta;
          deliveries[index] = { ok: true, partition, offset, timestamp };
        }
      }
    }
    return deliveries;
  });
}

/** A record that cannot be read is a refusal of its own: it keeps nothing from the others. */
export function orRefusal<T>(read: () => T): T | WadiError {
  try {
    return read();
  } catch (error) {
    if (error instanceof WadiError) return error;
    throw error;
  }
}

function furthestPartition(records: readonly (ProduceRecord | WadiError)[]): number {
  let furthest = 0;
  for (const record of records) {
    if (!(record instanceof WadiError) && record.partition !== undefined && record.partition > furthest) {
      furthest = record.partition;
    }
  }
  return furthest;
}

/** Groups by partition. Records without a key stick to one partition for the whole request, so that they fill one batch. */
function place(
  { clock }: Wadi,
  topic: Topic,
  records: readonly (ProduceRecord | WadiError)[],
  refuse: Refuse,
): ReadonlyMap<number, Placed[]> {
  const nowMs = clock.now();
  const appendTime = topic.configs.messageTimestampType === 'LogAppendTime';
  let sticky: number | undefined;
  const partitionOf = ({ partition, key }: ProduceRecord): number => {
    if (partition !== undefined) return partition;
    if (key !== null) return partitionOfKey(key, topic.partitions);
    sticky ??= stickyPartition(undefined, topic.partitions, clock.random);
    return sticky;
  };
  const placed = (record: ProduceRecord, index: number): Placed => {
    const { key, value, headers } = record;
    const partition = partitionOf(record);
    requirePartition(topic, partition);
    if (key === null && keysRequired(topic.configs)) {
      throw new WadiError('INVALID_RECORD', `${KEY_REQUIRED}.`, { field: 'key' });
    }
    if (appendTime || record.timestamp === undefined) {
      return { index, partition, timestamp: nowMs, key, value, headers };
    }
    requireTimestamp(topic, record.timestamp, nowMs);
    return { index, partition, timestamp: record.timestamp, key, value, headers };
  };

  const byPartition = new Map<number, Placed[]>();
  for (const [index, record] of records.entries()) {
    const outcome = record instanceof WadiError ? record : orRefusal(() => placed(record, index));
    if (outcome instanceof WadiError) {
      refuse(index, outcome);
      continue;
    }
    const others = byPartition.get(outcome.partition);
    if (others === undefined) byPartition.set(outcome.partition, [outcome]);
    else others.push(outcome);
  }
  return byPartition;
}

/** One batch if it is not above max.message.bytes, else one of each half: only a record that alone is above it is refused. */
function encodeRuns(topic: Topic, partition: number, records: readonly Placed[], refuse: Refuse): Run[] {
  const { maxMessageBytes, messageTimestampType } = topic.configs;
  const bytes = encodeBatch(records, { codec: codecOf(topic), timestampType: messageTimestampType });
  if (bytes.length <= maxMessageBytes) {
    const maxTimestamp = records.reduce((max, { timestamp }) => Math.max(max, timestamp), 0);
    return [
      {
        partition,
        records,
        batch: { bytes, recordCount: records.length, maxTimestamp, producer: undefined },
      },
    ];
  }
  if (records.length === 1) {
    const message = `The record takes ${bytes.length} bytes in a record batch, max.message.bytes is ${maxMessageBytes}.`;
    refuse(records[0]!.index, new WadiError('MESSAGE_TOO_LARGE', message, { field: 'value' }));
    return [];
  }
  const middle = records.length >>> 1;
  return [
    ...encodeRuns(topic, partition, records.slice(0, middle), refuse),
    ...encodeRuns(topic, partition, records.slice(middle), refuse),
  ];
}
