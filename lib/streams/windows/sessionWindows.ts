import { requireDuration } from './duration.ts';

/** Windows from the first to the last of records between which there is no more than a gap of inactivity. What joins two makes them one. */
export interface SessionWindows {
  readonly kind: 'session';
  readonly inactivityGapMs: number;
  readonly graceMs: number;
}

/** A session takes records until stream time is later than its end + gap + `graceMs`. */
export function sessionWindows({
  inactivityGapMs,
  graceMs,
}: {
  readonly inactivityGapMs: number;
  readonly graceMs: number;
}): SessionWindows {
  requireDuration('the gap between sessions', inactivityGapMs, 1);
  requireDuration('their grace', graceMs, 0);
  return { kind: 'session', inactivityGapMs, graceMs };
}
