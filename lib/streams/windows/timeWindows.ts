import { TopologyError } from '../topology/topologyError.ts';
import { requireDuration } from './duration.ts';

/** Windows of one size, `[start, start + size)`, that begin at the multiples of `advanceMs`. */
export interface TimeWindows {
  readonly kind: 'time';
  readonly sizeMs: number;
  readonly advanceMs: number;
  readonly graceMs: number;
}

/**
 * Tumbling windows, or hopping ones if `advanceMs` is less than the size. A window takes records until stream time is its end + `graceMs` (KIP-633:
 * there is no default).
 */
export function timeWindows({
  sizeMs,
  advanceMs = sizeMs,
  graceMs,
}: {
  readonly sizeMs: number;
  readonly advanceMs?: number;
  readonly graceMs: number;
}): TimeWindows {
  requireDuration('the size of windows', sizeMs, 1);
  requireDuration('their advance', advanceMs, 1);
  requireDuration('their grace', graceMs, 0);
  if (advanceMs > sizeMs) throw new TopologyError(`between windows of ${sizeMs} ms are gaps`);
  return { kind: 'time', sizeMs, advanceMs, graceMs };
}

/** Starts of the windows that have that time, the first one first. None begins before the epoch. Kafka's TimeWindows#windowsFor. */
export function startsOf({ sizeMs, advanceMs }: TimeWindows, timeMs: number): number[] {
  const starts = [];
  const first = Math.floor(Math.max(0, timeMs - sizeMs + advanceMs) / advanceMs) * advanceMs;
  for (let start = first; start <= timeMs; start += advanceMs) starts.push(start);
  return starts;
}
