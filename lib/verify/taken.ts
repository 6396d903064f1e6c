import type { Compact } from './history.ts';
import type { SentRecord } from './partition.ts';

/** Clocks tell whole milliseconds. */
const A_TICK_MS = 1;

/** When a run of compaction may have taken the record, at the earliest. `ofItsKey`: all records of its key. */
export function whenTaken(
  record: SentRecord,
  ofItsKey: readonly SentRecord[],
  compactions: readonly Compact[],
): number {
  return Math.min(
    whenSuperseded(record, ofItsKey, compactions),
    record.key!.isTombstone ? whenExpired(record, compactions) : Infinity,
  );
}

/** When a run may have come to it that had come to a later record of its key: one that may be there. */
function whenSuperseded(
  record: SentRecord,
  ofItsKey: readonly SentRecord[],
  compactions: readonly Compact[],
): number {
  let earliest = Infinity;
  for (const later of ofItsKey) {
    if (!mayComeAfter(later, record)) continue;
    for (const run of compactions) {
      earliest = Math.min(earliest, Math.max(whenReached(record, run), whenReached(later, run)));
    }
  }
  return earliest;
}

/** One whose offset nobody knows may be anywhere, if it is there. */
export function mayComeAfter(other: SentRecord, record: SentRecord): boolean {
  return other !== record && (other.offset > record.offset || other.offset === -1 || record.offset === -1);
}

/** When the time of a tombstone may have passed: of one run that had come to it, as another found. */
export function whenExpired(tombstone: SentRecord, compactions: readonly Compact[]): number {
  let earliest = Infinity;
  for (const first of compactions) {
    const horizonMs = first.invokedAtMs + first.aheadMs + first.deleteRetentionMs - A_TICK_MS;
    const reachedMs = whenReached(tombstone, first);
    for (const second of compactions) {
      if (second === first) continue;
      const atMs = Math.max(reachedMs, whenReached(tombstone, second), horizonMs - second.aheadMs);
      if (atMs <= second.returnedAtMs) earliest = Math.min(earliest, atMs);
    }
  }
  return earliest;
}

/** When a run may have found the record old enough; Infinity if it was over before. */
function whenReached({ batch }: SentRecord, run: Compact): number {
  const { minCompactionLagMs: lagMs, aheadMs } = run;
  const { invokedAtMs, sent } = batch!;
  const oldEnoughMs = lagMs > 0 ? (sent.maxTimestamp ?? -Infinity) + lagMs - aheadMs : -Infinity;
  const atMs = Math.max(run.invokedAtMs, invokedAtMs, oldEnoughMs);
  return atMs <= run.returnedAtMs ? atMs : Infinity;
}
