import { partitionOfKey } from '../../record/partitioner.ts';
import { type PlainBatch, plainBatch, sealBatch } from '../../record/plainBatch.ts';
import type { Topic } from '../../topic/topic.ts';
import type { RawRecord } from '../record.ts';
import type { Step } from '../task/task.ts';
import { misplaced, tooLarge } from './refusal.ts';
import type { StepAppend } from './stepBlob.ts';

/** A batch of a step, about; less where the topic does not take so much. */
const BATCH_BYTES = 512 * 1024;
/** What a record has beside its key and value, about. */
const FRAME_BYTES = 64;

export interface AppendPlanOptions {
  readonly producer: { readonly id: bigint; readonly epoch: number };
  /** Of each topic that is appended to. */
  readonly topicOf: (name: string) => Topic;
  /** Of a store; `undefined`: it has none. */
  readonly changelogOf: (store: string) => string | undefined;
  /** The task's own: changes of its stores go there. */
  readonly partition: number;
  readonly nowMs: number;
  /** The next of each partition, by `<topic id>/<partition>`; counted on. */
  readonly sequences: Map<string, number>;
}

interface Placed {
  readonly topic: string;
  readonly partition: number;
}

/**
 * The appends that a step's outputs and changes make, partition by partition, each in the order in which the task said so. Throws MESSAGE_TOO_LARGE for
 * a record that is above its topic's `max.message.bytes`, and what `misplaced` says, before anything is counted.
 */
export function planAppends(step: Step, options: AppendPlanOptions): StepAppend[] {
  const { producer, topicOf, changelogOf, partition: own, nowMs, sequences } = options;
  const byPlace = new Map<string, Placed & { records: RawRecord[] }>();
  const add = (topic: string, partition: number, record: RawRecord): void => {
    const place = `${topic}/${partition}`;
    const known = byPlace.get(place) ?? { topic, partition, records: [] };
    known.records.push(record);
    byPlace.set(place, known);
  };
  for (const output of step.outputs) {
    const topic = topicOf(output.topic);
    const wrong = misplaced(topic, output);
    if (wrong !== undefined) throw wrong;
    const { partitions } = topic;
    const chosen = output.partition?.(partitions);
    // Without a key, all of a step go to one: as Kafka's sticky partitioner fills batches.
    const byKey = output.key === null ? own % partitions : partitionOfKey(output.key, partitions);
    add(output.topic, chosen ?? byKey, output);
  }
  for (const { store, key, value } of step.changes) {
    const changelog = changelogOf(store);
    if (changelog !== undefined) add(changelog, own, { key, value, timestamp: nowMs, headers: [] });
  }
  const planned = [...byPlace.values()].flatMap(({ topic, partition, records }) => {
    const { id: topicId, configs } = topicOf(topic);
    return inBatches(topic, records, configs.maxMessageBytes).map((batch) => ({
      ...{ topic, topicId, partition, batch },
    }));
  });
  return planned.map(({ topic, topicId, partition, batch }): StepAppend => {
    const { bytes, recordCount, maxTimestamp } = batch;
    const place = `${topicId}/${partition}`;
    const sequence = sequences.get(place) ?? 0;
    sequences.set(place, sequence + recordCount);
    const from = { ...producer, sequence };
    sealBatch(bytes, batch, { producer: from });
    return { topic, topicId, partition, recordCount, maxTimestamp, producer: from, bytes };
  });
}

function inBatches(topic: string, records: readonly RawRecord[], maxBytes: number): PlainBatch[] {
  const runs: RawRecord[][] = [[]];
  let bytes = 0;
  for (const record of records) {
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0) + FRAME_BYTES;
    if (bytes > 0 && bytes + size > BATCH_BYTES) {
      runs.push([]);
      bytes = 0;
    }
    runs.at(-1)!.push(record);
    bytes += size;
  }
  return runs.flatMap((run) => [...below(topic, run, maxBytes)]);
}

/** One batch, or one of each half, as produce makes them. */
function* below(topic: string, records: readonly RawRecord[], maxBytes: number): Generator<PlainBatch> {
  const batch = plainBatch(records);
  if (batch.bytes.length <= maxBytes) return yield batch;
  if (records.length === 1) throw tooLarge(topic, batch.bytes.length, maxBytes);
  const middle = records.length >>> 1;
  yield* below(topic, records.slice(0, middle), maxBytes);
  yield* below(topic, records.slice(middle), maxBytes);
}
