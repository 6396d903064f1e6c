/** Every bound of a failover, in one place. */
export interface FailoverLimits {
  /** Longer than a lease (AuthorityLimits.leaseMs), by how much clocks may go wrong within it. */
  readonly fenceMs: number;
  /**
   * Offsets that each partition leaves out behind what was taken over: more than its old home can have given that did not arrive. So no
   * offset is ever acknowledged twice.
   */
  readonly offsetGap: number;
  /** How long other regions may take to have what the new home begins with, */
  readonly spreadMs: number;
  /** and how often they are asked. */
  readonly spreadPollMs: number;
  readonly itemsPerPage: number;
  readonly putsAtOnce: number;
  readonly partitionsAtOnce: number;
  /** Segment objects that no row names and that are read to fill one hole. */
  readonly candidatesPerHole: number;
  /** Of a recovered segment: see MaintenanceLimits.pieceBytes. */
  readonly pieceBytes: number;
}

export const FAILOVER_LIMITS: FailoverLimits = {
  fenceMs: 12_000,
  offsetGap: 1_000_000,
  spreadMs: 60_000,
  spreadPollMs: 200,
  itemsPerPage: 500,
  putsAtOnce: 32,
  partitionsAtOnce: 8,
  candidatesPerHole: 16,
  pieceBytes: 1024 * 1024,
};
