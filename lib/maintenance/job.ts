import type { Clock } from '../clock.ts';
import type { LogLimits } from '../log/limits.ts';
import type { RollContext } from '../log/roll.ts';
import type { ItemStore, ObjectStore } from '../storage/ports.ts';
import type { MaintenanceLimits } from './limits.ts';

/** What every job stands on. */
export interface JobContext {
  readonly objects: ObjectStore;
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits: MaintenanceLimits;
  readonly logLimits: LogLimits;
  readonly deadlineMs: number;
  /** The deadline has passed, or the process is to end: begin nothing new. */
  readonly isOver: () => boolean;
  /** See RollContext. */
  readonly arrived?: RollContext['arrived'];
}

/** What was done, by its name; what is missing is 0. */
export type Counts = Readonly<Record<string, number>>;

export function addCounts(a: Counts, b: Counts): Counts {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) if (count !== 0) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** The earlier of two times, of which each may be missing. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
