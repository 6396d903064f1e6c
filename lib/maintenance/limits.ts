/** Every bound of maintenance. The simulation and some tests run with small ones, as with those of the log. */
export interface MaintenanceLimits {
  /** Blobs that are judged together. Each window costs one walk over the index; a cursor may carry one, 40 bytes each. */
  readonly candidatesPerWindow: number;
  /** Index rows that are read at a time, at least 2, */
  readonly rowsPerPage: number;
  /** and so many times in one step. */
  readonly pagesPerStep: number;
  /** Steps that one call takes before it hands back a cursor. */
  readonly stepsPerCall: number;
  /** Items that are deleted at a time. */
  readonly deletesAtOnce: number;
  /**
   * How long an absorbed row leaves its mark: longer than a roller may be frozen, and its write late. Should one be later,
   * the row that it puts costs readers a second look, and no record.
   */
  readonly markAgeMs: number;
}

export const MAINTENANCE_LIMITS: MaintenanceLimits = {
  // 160 KB of cursor: a message of SQS takes 1 MB, but some queues still 256 KB.
  candidatesPerWindow: 4_000,
  rowsPerPage: 256,
  pagesPerStep: 16,
  stepsPerCall: 64,
  deletesAtOnce: 16,
  markAgeMs: 24 * 3600 * 1000,
};
