/** Every bound of running tasks, in one place. */
export interface StreamsLimits {
  /** A step ends with so many records, */
  readonly recordsPerStep: number;
  /** or so many bytes of them. */
  readonly bytesPerStep: number;
  /** Of one read of one topic. */
  readonly bytesPerFetch: number;
  /** A step up to this size rests in the task's item; a larger one in an object. */
  readonly inlineBytes: number;
  /** Whoever has a task, and is not heard of for so long, has lost it. Longer than a step takes. */
  readonly leaseMs: number;
  /** When a task's changelogs have gone on for so many records, and as many as the last snapshot has keys, the next is written. */
  readonly snapshotRecords: number;
  /** Of one object of a snapshot. */
  readonly snapshotPartBytes: number;
  /** Between steps, a global table is read on when it was not for so long. */
  readonly globalTableMs: number;
}

export const STREAMS_LIMITS: StreamsLimits = {
  recordsPerStep: 5_000,
  bytesPerStep: 4 * 1024 * 1024,
  bytesPerFetch: 1024 * 1024,
  // An item takes a write unit a KB: up to here that is cheaper than a PUT, and faster.
  inlineBytes: 4 * 1024,
  leaseMs: 60_000,
  snapshotRecords: 100_000,
  snapshotPartBytes: 8 * 1024 * 1024,
  globalTableMs: 1_000,
};
