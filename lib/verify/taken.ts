import type { Compact } from './history.ts';
import type { SentRecord } from './partition.ts';

/** Clocks tell whole milliseconds. */
const A_TICK_MS = 1;
const NEVER = Number.POSITIVE_INFINITY;

/** Sets when compaction may have taken each of the records of one key, at the earliest. */
export function findWhenTaken(ofItsKey: readonly SentRecord[], runs: readonly Compact[]): void {
  const reached = ofItsKey.map((record) => runs.map((run) => whenReached(record, run)));
  for (const [i, record] of ofItsKey.entries()) {
    let takenFromMs = NEVER;
    for (const [k, later] of ofItsKey.entries()) {
      if (mayComeAfter(later, record)) takenFromMs = least(takenFromMs, whenBoth(reached[i]!, reached[k]!));
    }
    if (record.key!.isTombstone) record.expiredFromMs = whenExpired(reached[i]!, runs);
    record.takenFromMs = least(takenFromMs, record.expiredFromMs);
  }
}

/** One whose offset nobody knows may be anywhere, if it is there. */
export function mayComeAfter(other: SentRecord, record: SentRecord): boolean {
  return other !== record && (other.offset > record.offset || other.offset === -1 || record.offset === -1);
}

/** When a run may have found the record old enough. */
function whenReached({ batch }: SentRecord, run: Compact): number {
  const { minCompactionLagMs: lagMs, aheadMs } = run;
  const { invokedAtMs, sent } = batch!;
  const oldEnoughMs = lagMs > 0 && sent.maxTimestamp !== undefined ? sent.maxTimestamp + lagMs - aheadMs : 0;
  const atMs = most(most(run.invokedAtMs, invokedAtMs), oldEnoughMs);
  return atMs <= run.returnedAtMs ? atMs : NEVER;
}

/** When some run may have come to one record and to a later one. */
function whenBoth(reached: readonly number[], reachedLater: readonly number[]): number {
  let atMs = NEVER;
  for (let run = 0; run < reached.length; run++) atMs = least(atMs, most(reached[run]!, reachedLater[run]!));
  return atMs;
}

/** When a tombstone may have had its time: of one run that had come to it, as another found. */
function whenExpired(reached: readonly number[], runs: readonly Compact[]): number {
  let expiredFromMs = NEVER;
  for (const [i, { invokedAtMs, aheadMs, deleteRetentionMs }] of runs.entries()) {
    if (reached[i] === NEVER) continue;
    const horizonMs = invokedAtMs + aheadMs + deleteRetentionMs - A_TICK_MS;
    for (let k = 0; k < runs.length; k++) {
      if (k === i) continue;
      const atMs = most(most(reached[i]!, reached[k]!), horizonMs - runs[k]!.aheadMs);
      if (atMs <= runs[k]!.returnedAtMs) expiredFromMs = least(expiredFromMs, atMs);
    }
  }
  return expiredFromMs;
}

function least(a: number, b: number): number {
  return a < b ? a : b;
}

function most(a: number, b: number): number {
  return a > b ? a : b;
}
