/**
 * Every bound of the log, in one place. A log runs with LIMITS; the simulation and some tests run with small ones, so
 * that a history of seconds meets them all.
 */
export interface LogLimits {
  /** A blob up to this size, if it is of one head, rests in an item; a larger one in an object. */
  readonly inlineBytes: number;
  /** A blob takes no more than this, unless one request alone is larger. */
  readonly blobBytes: number;
  /** Requests' partitions in one blob. */
  readonly blobUnits: number;
  /** While less than this is waiting, one upload at a time, so that small requests share; beyond it, sharing saves little */
  readonly largeBytes: number;
  /** and this many may be under way. */
  readonly uploadsAtOnce: number;
  /** What may wait in memory, over all topics, before producers are told to come back later. */
  readonly waitingBytes: number;

  /** Entries in a row that may be refused, because others moved the head, before a commit gives up. */
  readonly vainRounds: number;
  /** Times that the same entry is sent while nobody answers. */
  readonly sends: number;
  /** Producers whose state one entry may change. Units beyond it wait for the next entry. */
  readonly producersPerEntry: number;
  /** Runs of producers' batches in one entry. */
  readonly runsPerEntry: number;
  /** A head with more takes no new ones until some were put aside. */
  readonly producersInHead: number;
  /** Producers that a head keeps at hand; more than this, and those that rest are moved out. */
  readonly producersAtHand: number;

  /** A tail of so many old entries is rolled, */
  readonly entriesPerRoll: number;
  /** so many at a time at most (no fewer than `entriesPerRoll`, or no roll would ever be due), */
  readonly maxEntriesPerRoll: number;
  /** and so many bytes of them (no fewer than `longTailBytes`, for the same reason). */
  readonly bytesPerRoll: number;
  /** A roll that is older than this has lost its roller. */
  readonly abandonedMs: number;
  /** Younger entries stay in the tail, as a courtesy to appenders whose update is still on its way, */
  readonly holdMs: number;
  /** or so young ones when every append pays for a tail of more than `busyTailBytes`. */
  readonly busyHoldMs: number;
  readonly busyTailBytes: number;
  /** A tail of more bytes is a danger to the head's size: neither courtesy to the slow nor to other rollers counts then. */
  readonly longTailBytes: number;
  /** An entry from so far ahead comes from a clock that is wrong, and may be years away from being old. */
  readonly aheadMs: number;
  /** Producers that one update moves out of a head, */
  readonly evictionsPerUpdate: number;
  /** and one roll. */
  readonly evictionsPerRoll: number;

  /** Index rows that a reader asks for at a time, */
  readonly rowsPerRead: number;
  /** and a search for something that was appended before, */
  readonly rowsPerSearch: number;
  /** so many times at most. */
  readonly searches: number;
  /** Each slice may be a request to S3: so many make one fetch, however small they are. */
  readonly slicesPerFetch: number;
  /** Reads of slices that hold no record any more from the offset on, before a fetch answers that it has come so far. */
  readonly gapsPerFetch: number;
  /** How often a waiting fetch looks for appends of other processes; its own process's wake it at once. */
  readonly pollMs: number;
  /** Bytes that were moved or dropped between reading the head and reading them are looked up once more. */
  readonly looks: number;
  /** Of a segment, by a reader who reads on: with one request, and no more than he will soon have asked for. */
  readonly readAheadBytes: number;
  /** For slices that were read: room for what many readers have read ahead. */
  readonly cacheBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS: LogLimits = {
  // An item up to 4 KB costs 4 write units ($2.50 a million), a PUT $5; beyond that the object is cheaper.
  inlineBytes: 3_900,
  blobBytes: 4 * MIB,
  blobUnits: 1_000,
  largeBytes: 512 * KIB,
  uploadsAtOnce: 4,
  waitingBytes: 128 * MIB,

  vainRounds: 16,
  sends: 5,
  // An expression of DynamoDB holds 4 KB, and each producer takes some 50 bytes of it.
  producersPerEntry: 40,
  // Some 15 bytes each: all the entries of a head must fit in its item of 400 KB,
  runsPerEntry: 1_000,
  // and its producers, 40 bytes each.
  producersInHead: 1_000,
  producersAtHand: 16,

  // With 45 bytes an entry, this many cost the least: a longer tail makes every append dearer, a shorter one every roll.
  entriesPerRoll: 16,
  // An update expression holds 4 KB and 300 operators.
  maxEntriesPerRoll: 200,
  // A partition's part of a roll must fit in an item of 400 KB, as must the head meanwhile.
  bytesPerRoll: 128 * KIB,
  abandonedMs: 2_000,
  holdMs: 250,
  busyHoldMs: 60,
  busyTailBytes: 2 * KIB,
  longTailBytes: 32 * KIB,
  aheadMs: 2_000,
  evictionsPerUpdate: 80,
  evictionsPerRoll: 800,

  rowsPerRead: 16,
  rowsPerSearch: 64,
  // With some 16 appends in a row: 20,000 appends back.
  searches: 20,
  slicesPerFetch: 256,
  gapsPerFetch: 16,
  pollMs: 200,
  looks: 3,
  readAheadBytes: 8 * MIB,
  cacheBytes: 128 * MIB,
};
