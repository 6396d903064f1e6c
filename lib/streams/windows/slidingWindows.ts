import { requireDuration } from './duration.ts';

/**
 * Windows `[start, start + difference]` of which one ends at each record, and one begins 1 ms after it if there are records in it: one window for
 * each set of records that are no further apart than the difference. https://cwiki.apache.org/confluence/display/KAFKA/KIP-450
 */
export interface SlidingWindows {
  readonly kind: 'sliding';
  readonly timeDifferenceMs: number;
  readonly graceMs: number;
}

/** A window takes records until stream time is later than its end + `graceMs`. */
export function slidingWindows({
  timeDifferenceMs,
  graceMs,
}: {
  readonly timeDifferenceMs: number;
  readonly graceMs: number;
}): SlidingWindows {
  requireDuration('the time difference of windows', timeDifferenceMs, 0);
  requireDuration('their grace', graceMs, 0);
  return { kind: 'sliding', timeDifferenceMs, graceMs };
}
