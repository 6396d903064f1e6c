import { encodeBatch } from '../../record/encode.ts';
import { partitionOfKey } from '../../record/partitioner.ts';
import type { RawRecord } from '../record.ts';
import type { Step } from '../task/task.ts';
import type { StepAppend } from './stepBlob.ts';

/** A batch of a step: below `max.message.bytes`, whatever a topic has made of its default. */
const BATCH_BYTES = 512 * 1024;

export interface AppendPlanOptions {
  readonly producer: { readonly id: bigint; readonly epoch: number };
  /** Of each topic that outputs go to. */
  readonly partitionsOf: (topic: string) => number;
  readonly changelogOf: (store: string) => string;
  /** Stores without a changelog are not in it. */
  readonly isLogged: (store: string) => boolean;
  /** The task's own: changes of its stores go there. */
  readonly partition: number;
  readonly nowMs: number;
  /** The next of each partition, by `<topic>/<partition>`; counted on. */
  readonly sequences: Map<string, number>;
}

/** The appends that a step's outputs and changes make, partition by partition, each in the order in which the task said so. */
export function planAppends(step: Step, options: AppendPlanOptions): StepAppend[] {
  const { producer, partitionsOf, changelogOf, isLogged, partition: own, nowMs, sequences } = options;
  const byPlace = new Map<string, { topic: string; partition: number; records: RawRecord[] }>();
  const add = (topic: string, partition: number, record: RawRecord): void => {
    const place = `${topic}/${partition}`;
    const known = byPlace.get(place) ?? { topic, partition, records: [] };
    known.records.push(record);
    byPlace.set(place, known);
  };
  for (const output of step.outputs) {
    const partitions = partitionsOf(output.topic);
    const chosen = output.partition?.(partitions);
    // Without a key, all of a step go to one: as Kafka's sticky partitioner fills batches.
    const byKey = output.key === null ? own % partitions : partitionOfKey(output.key, partitions);
    add(output.topic, chosen ?? byKey, output);
  }
  for (const { store, key, value } of step.changes) {
    if (isLogged(store)) add(changelogOf(store), own, { key, value, timestamp: nowMs, headers: [] });
  }
  return [...byPlace].flatMap(([place, { topic, partition, records }]) =>
    inBatches(records).map((some): StepAppend => {
      const sequence = sequences.get(place) ?? 0;
      sequences.set(place, sequence + some.length);
      const from = { ...producer, sequence };
      const maxTimestamp = Math.max(...some.map(({ timestamp }) => timestamp));
      const bytes = encodeBatch(some, { producer: from });
      return { topic, partition, recordCount: some.length, maxTimestamp, producer: from, bytes };
    }),
  );
}

function inBatches(records: readonly RawRecord[]): RawRecord[][] {
  const batches: RawRecord[][] = [[]];
  let bytes = 0;
  for (const record of records) {
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0) + 64;
    if (bytes > 0 && bytes + size > BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(record);
    bytes += size;
  }
  return batches;
}
