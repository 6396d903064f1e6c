import type { Counts } from './counts.ts';

/** Gives `total - held` of each pool to whoever has least, those pools first that have the fewest members. */
export function dealOut(counts: Counts, totals: readonly number[]): void {
  const { firstSlot, count } = counts;
  const size = (pool: number) => firstSlot[pool + 1]! - firstSlot[pool]!;
  for (const pool of [...totals.keys()].sort((a, b) => size(a) - size(b))) {
    let left = totals[pool]!;
    for (let slot = firstSlot[pool]!; slot < firstSlot[pool + 1]!; slot++) left -= count[slot]!;
    for (; left > 0; left--) give(counts, extremes(counts, pool).emptiest, 1);
  }
}

/**
 * Moves, within pools, from the member who has most to the one who has least, until no such move makes them more even. Each
 * makes the sum of the squares of loads smaller, so there is an end.
 */
export function evenOut(counts: Counts): void {
  const { firstSlot, member, load } = counts;
  for (let moved = true; moved; ) {
    moved = false;
    for (let pool = 0; pool < firstSlot.length - 1; pool++) {
      for (;;) {
        const { fullest, emptiest } = extremes(counts, pool);
        if (fullest < 0 || load[member[fullest]!]! - load[member[emptiest]!]! < 2) break;
        give(counts, fullest, -1);
        give(counts, emptiest, 1);
        moved = true;
      }
    }
  }
}

function give({ member, count, load }: Counts, slot: number, n: number): void {
  count[slot]! += n;
  load[member[slot]!]! += n;
}

/** The slots of those who have most, with something of this pool, and least. Of equals, those whose change is no move: it undoes one. */
function extremes(
  { firstSlot, member, held, count, load }: Counts,
  pool: number,
): { fullest: number; emptiest: number } {
  let [fullest, emptiest, most, least] = [-1, -1, 0, Number.POSITIVE_INFINITY];
  for (let slot = firstSlot[pool]!; slot < firstSlot[pool + 1]!; slot++) {
    const n = 2 * load[member[slot]!]!;
    const full = count[slot]! > held[slot]! ? n + 1 : n;
    if (count[slot]! > 0 && full > most) [most, fullest] = [full, slot];
    const empty = count[slot]! < held[slot]! ? n - 1 : n;
    if (empty < least) [least, emptiest] = [empty, slot];
  }
  return { fullest, emptiest };
}
