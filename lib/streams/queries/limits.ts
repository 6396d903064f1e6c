/** Every bound of queries, in one place. */
export interface QueryLimits {
  /** Of all that a process keeps of stores, as it counts: what was asked for last stays. */
  readonly memoryBytes: number;
  /** What is not restored by then is gone on with by the next query. */
  readonly restoreMs: number;
  /** A page ends behind the row with which its keys and values are so many bytes. */
  readonly pageBytes: number;
  /** Partitions that are read at the same time by a query of all. */
  readonly partitionsAtOnce: number;
}

export const QUERY_LIMITS: QueryLimits = {
  memoryBytes: 600_000_000,
  // A function has 29 s, of which the last read may take some.
  restoreMs: 20_000,
  // In JSON up to six times as much: an answer has 6 MB.
  pageBytes: 512 * 1024,
  partitionsAtOnce: 4,
};
