/** Every bound of running tasks, in one place. */
export interface StreamsLimits {
  /** A step ends with so many records, */
  readonly recordsPerStep: number;
  /** or so many bytes of them, */
  readonly bytesPerStep: number;
  /** or after so long: in time for its lease, and for the end of a function. */
  readonly stepMs: number;
  /** Of one read of one topic. */
  readonly bytesPerFetch: number;
  /** A step up to this size rests in the task's item; a larger one in an object. */
  readonly inlineBytes: number;
  /** Where items are replicated with a lag, objects of steps are kept for so long: longer than the lag. */
  readonly keepStepsMs: number;
  /** Whoever has a task, and is not heard of for so long, has lost it. Longer than a step takes. */
  readonly leaseMs: number;
  /** When a task's changelogs have gone on for so many records, and as many as the last snapshot has keys, the next is written. */
  readonly snapshotRecords: number;
  /** Of one object of a snapshot. */
  readonly snapshotPartBytes: number;
  /** Between steps, a global table is read on when it was not for so long. */
  readonly globalTableMs: number;
  /** A worker looks for more partitions, and for topics that are gone, when it did not for so long. */
  readonly prepareMs: number;
  /** What a task has read of a repartition topic is deleted when it was not for so long: Kafka's `repartition.purge.interval.ms`. */
  readonly purgeMs: number;
  /**
   * A task that another has given back is left to it for so long: it has its stores at hand, and looks again if it can. 0: it is whose who comes first,
   * as it must be for workers that are called for records, and do not look again by themselves.
   */
  readonly affinityMs: number;
  /** Of a worker: they mostly wait for storage. */
  readonly tasksAtOnce: number;
}

export const STREAMS_LIMITS: StreamsLimits = {
  recordsPerStep: 5_000,
  bytesPerStep: 4 * 1024 * 1024,
  stepMs: 10_000,
  bytesPerFetch: 1024 * 1024,
  // An item takes a write unit a KB: up to here that is cheaper than a PUT, and faster.
  inlineBytes: 4 * 1024,
  keepStepsMs: 3_600_000,
  leaseMs: 60_000,
  snapshotRecords: 100_000,
  snapshotPartBytes: 8 * 1024 * 1024,
  globalTableMs: 1_000,
  prepareMs: 30_000,
  purgeMs: 30_000,
  affinityMs: 0,
  tasksAtOnce: 4,
};
