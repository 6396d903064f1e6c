/** Every bound of replication, in one place, as LogLimits. */
export interface ReplicationLimits {
  /** How old a process's knowledge of who is in sync may be. It costs time, not safety, when it is wrong. */
  readonly viewMs: number;
  /** A region that does not take an upload within this time, */
  readonly lagMs: number;
  /** and a second for so many bytes, leaves the in-sync set. Kafka's replica.lag.time.max.ms. */
  readonly lagBytesPerSecond: number;
  /** A region that failed, or took so long to answer a read, */
  readonly slowReadMs: number;
  /** is asked last for so long. */
  readonly suspectMs: number;
  /** Conditional changes of the in-sync set that may be refused in a row. */
  readonly changeAttempts: number;
  /** Times that an upload is completed because the in-sync set has changed meanwhile. */
  readonly coverRounds: number;
  /** Objects that catching up copies at a time, */
  readonly copiesAtOnce: number;
  /** and that it lists with a request. */
  readonly objectsPerPage: number;
  /** Heads that are raised at a time. */
  readonly headsAtOnce: number;
  /** A region that is out is looked at again after this time. */
  readonly rejoinMs: number;
}

export const REPLICATION_LIMITS: ReplicationLimits = {
  viewMs: 10_000,
  lagMs: 2_000,
  lagBytesPerSecond: 1_000_000,
  slowReadMs: 1_000,
  suspectMs: 5_000,
  changeAttempts: 8,
  coverRounds: 8,
  copiesAtOnce: 16,
  objectsPerPage: 1_000,
  headsAtOnce: 16,
  rejoinMs: 60_000,
};
