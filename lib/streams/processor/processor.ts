import type { StreamRecord } from '../record.ts';
import type { StateStore } from '../state/store.ts';

/** `stream-time`: the greatest timestamp that the task has seen; `wall-clock-time`: the worker's clock. */
export type PunctuationType = 'stream-time' | 'wall-clock-time';

/** Where the record came from that is being processed. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What a processor may do, while it is called. All of it is of the task's step: it counts when the step is committed. */
export interface ProcessorContext<KOut, VOut> {
  /** To all children, or to the one of that name. Throws when the call that it is of is over. */
  forward(record: StreamRecord<KOut, VOut>, child?: string): void;
  /** One of those that the processor was added with. */
  getStateStore<S extends StateStore>(name: string): S;
  /**
   * Calls `punctuate` from time to time with the time that it is. Stream time: as soon as there is any, then every `intervalMs` of it; wall-clock
   * time: first when `intervalMs` have passed. If several were missed, it is called once. Asked for by `init`, in the same order each time.
   */
  schedule(intervalMs: number, type: PunctuationType, punctuate: (timestamp: number) => void): void;
  /** Of the task; -1 before its first record. */
  currentStreamTimeMs(): number;
  currentSystemTimeMs(): number;
  /** The greatest timestamp that this processor has been told, this one included; it outlives the worker. */
  observe(timestamp: number): number;
  /** Counts a record that is passed over: for being late, or for what it lacks. Kafka's dropped-records metric. */
  drop(): void;
  /** `undefined` in a punctuation. */
  recordMetadata(): RecordMetadata | undefined;
  readonly taskId: TaskId;
}

export interface TaskId {
  readonly subtopology: number;
  readonly partition: number;
}

/**
 * Kafka's Processor. It is synchronous (a promise is an error of the record), and depends on nothing but its records, stores and times: so a step can
 * be done anew.
 */
export interface Processor<KIn, VIn, KOut, VOut> {
  init?(context: ProcessorContext<KOut, VOut>): void;
  process(record: StreamRecord<KIn, VIn>): void;
}

/** Called once for each task. */
export type ProcessorSupplier<KIn, VIn, KOut, VOut> = () => Processor<KIn, VIn, KOut, VOut>;
