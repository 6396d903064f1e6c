/** Every bound of maintenance. The simulation and some tests run with small ones, as with those of the log. */
export interface MaintenanceLimits {
  /** Blobs that are judged together. Each window costs one walk over the index; a cursor may carry one, 40 bytes each. */
  readonly candidatesPerWindow: number;
  /** Index rows that are read at a time, at least 2, */
  readonly rowsPerPage: number;
  /** and so many times in one step, or for one run of retention. */
  readonly pagesPerStep: number;
  /** Steps that one call takes before it hands back a cursor. */
  readonly stepsPerCall: number;
  /** Items that are deleted, or marked, at a time. */
  readonly writesAtOnce: number;
  /**
   * How long an absorbed row leaves its mark: longer than a roller may be frozen, and its write late. Should one be later,
   * the row that it puts costs readers a second look, and no record.
   */
  readonly markAgeMs: number;

  /** A merge cuts what it copies into slices of so many bytes, or one batch: a reader of one record reads one of them. */
  readonly pieceBytes: number;
  /** Made in memory, of as many slices as one merge copies. */
  readonly objectBytes: number;
  /** A slice, or a segment object, that has so many bytes is large enough to stay where it is. */
  readonly keepBytes: number;
  /** Rows are merged when so many bytes wait to be, */
  readonly mergeBytes: number;
  /** or the oldest has waited so long. */
  readonly mergeAgeMs: number;
  /** Younger ones wait, as a courtesy to appenders that look for their entry: what was copied does not tell any more. */
  readonly settleMs: number;
  /** Slices of one row, packed: every read of it pays for them. */
  readonly bytesPerRow: number;
  /** Rows that one merge takes, */
  readonly rowsPerMerge: number;
  /** and merges that one call makes. */
  readonly mergesPerCall: number;
  /** Slices that a merge reads at a time. */
  readonly slicesPerRead: number;

  /** Of keys and their last offsets, in one pass of compaction: Kafka's `log.cleaner.dedupe.buffer.size`. */
  readonly dedupeBufferBytes: number;
  /** Bytes of slices that compaction reads at a time, while it works on as many. */
  readonly readBytes: number;

  /** Partitions that are surveyed at a time, */
  readonly surveysAtOnce: number;
  /** each anew, so many times at most, when rows were dropped under it. */
  readonly looks: number;

  /** A tail whose oldest entry is so old is rolled, however short it is. */
  readonly quietMs: number;
  /** Rolls of one head in a row. */
  readonly rollsPerHead: number;
  /** Calls of one job for one partition in a row. */
  readonly callsPerPartition: number;
  /** Blobs younger than this are no garbage yet, */
  readonly graceMs: number;
  /** not even so young ones when somebody waits for the run. */
  readonly forcedGraceMs: number;
  /** How long a topic's creation may be under way, once it is looked at whether it ended. */
  readonly lateMs: number;
  /** How long the marks of a deleted topic stay. */
  readonly purgeAgainMs: number;

  /** A run begins nothing new after this, and hands on what is left. */
  readonly runMs: number;
  /** No run lives longer: a lease that is older was left by one that died. */
  readonly leaseMs: number;
  /** Due items that are read at a time, */
  readonly duePerPage: number;
  /** and so many times in one plan. */
  readonly pagesPerPlan: number;
  /** While so many messages wait, nothing is planned: they say the same. */
  readonly waitingMessages: number;
  /** How long the account of a run that was asked for is kept. */
  readonly runAgeMs: number;
  /** How long units of a run that fail are tried again. */
  readonly failedRunMs: number;
  /** `offsets.retention.minutes`: how long a consumer group without members and commits is remembered. */
  readonly offsetsRetentionMs: number;
}

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

export const MAINTENANCE_LIMITS: MaintenanceLimits = {
  // 160 KB of cursor: a message of SQS takes 1 MB, but some queues still 256 KB.
  candidatesPerWindow: 4_000,
  rowsPerPage: 256,
  pagesPerStep: 16,
  stepsPerCall: 64,
  writesAtOnce: 16,
  markAgeMs: 24 * 3600 * 1000,

  pieceBytes: MIB,
  objectBytes: 32 * MIB,
  keepBytes: 4 * MIB,
  mergeBytes: 8 * MIB,
  mergeAgeMs: 600_000,
  settleMs: 60_000,
  // Some 1,600 slices of 1 MiB: a segment of 1 GiB and more. An item holds 400 KB.
  bytesPerRow: 64 * 1024,
  rowsPerMerge: 4_000,
  mergesPerCall: 8,
  slicesPerRead: 256,

  // Some 2.5 million keys.
  dedupeBufferBytes: 64 * MIB,
  readBytes: 8 * MIB,

  surveysAtOnce: 16,
  looks: 3,

  quietMs: 5 * MINUTE_MS,
  rollsPerHead: 64,
  callsPerPartition: 10_000,
  graceMs: 10 * MINUTE_MS,
  forcedGraceMs: 1_000,
  lateMs: 60 * MINUTE_MS,
  purgeAgainMs: 24 * 60 * MINUTE_MS,

  // A step begins at most this late, and takes some minutes itself: a function has 10.
  runMs: 5 * MINUTE_MS,
  leaseMs: 10 * MINUTE_MS,
  duePerPage: 1_000,
  pagesPerPlan: 10,
  waitingMessages: 1_000,
  runAgeMs: 7 * 24 * 60 * MINUTE_MS,
  failedRunMs: 60 * MINUTE_MS,
  offsetsRetentionMs: 7 * 24 * 60 * MINUTE_MS,
};

/**
 * The same where no object is to be larger than a segment may be. What stays where it is has half of that: so of what does not,
 * two always fit into one object, and to copy comes to an end.
 */
export function withinSegments(limits: MaintenanceLimits, segmentBytes: number): MaintenanceLimits {
  const objectBytes = Math.min(limits.objectBytes, segmentBytes);
  return { ...limits, objectBytes, keepBytes: Math.min(limits.keepBytes, objectBytes / 2) };
}
