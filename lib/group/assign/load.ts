import type { Assignor, Situation } from './assignment.ts';
import { type Board, boardOf, divisionOf, NOBODY, type Pool, partitionsOf } from './board.ts';

/** What a partition of the mean load weighs, */
const MEAN_WEIGHT = 1_000;
/** and each on top of that: so their number is spread too, and those at rest. */
const LEAST_WEIGHT = 100;
/** Loads that differ by less than this part of the members' mean are left as they are. */
const TOLERANCE = 0.1;

/**
 * Spreads what partitions have to do, rather than their number. What nobody has goes, heaviest first, to whoever has least to
 * do (Graham's LPT, 1969). What somebody has moves only if its new member then has less to do than the old one had, by more than a
 * tenth of the mean; no more moves than there are partitions.
 */
export const load: Assignor = (situation) => {
  const board = boardOf(situation);
  const weights = weightsOf(board, situation.loads ?? (() => 0));
  const owners = board.owners.slice();
  const loads = new Float64Array(board.names.length);
  for (const [partition, owner] of owners.entries()) {
    if (owner !== NOBODY) loads[owner]! += weights[partition]!;
  }
  const poolOf = new Int32Array(owners.length);
  for (const [i, pool] of board.pools.entries()) {
    for (const partition of partitionsOf(pool)) poolOf[partition] = i;
  }
  const table = { pools: board.pools, poolOf, weights, owners, loads };
  placeFree(table);
  moveHeavy(table);
  return divisionOf(board, owners);
};

interface Table {
  readonly pools: readonly Pool[];
  /** By partition. */
  readonly poolOf: Int32Array;
  readonly weights: Float64Array;
  readonly owners: Int32Array;
  /** By member. */
  readonly loads: Float64Array;
}

/** Integers, so that sums do not depend on the order in which they were made. */
function weightsOf({ topics, owners }: Board, loads: NonNullable<Situation['loads']>): Float64Array {
  const weights = new Float64Array(owners.length);
  for (const { id, partitions, first } of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const one = loads(id, partition);
      weights[first + partition] = Number.isFinite(one) && one > 0 ? one : 0;
    }
  }
  const scale = MEAN_WEIGHT / (sum(weights) / weights.length || 1);
  return weights.map((weight) => Math.round(weight * scale) + LEAST_WEIGHT);
}

function placeFree({ pools, poolOf, weights, owners, loads }: Table): void {
  const free = [...owners.keys()].filter((partition) => owners[partition] === NOBODY);
  for (const partition of free.sort((a, b) => weights[b]! - weights[a]! || a - b)) {
    const member = lightest(pools[poolOf[partition]!]!, loads);
    owners[partition] = member;
    loads[member]! += weights[partition]!;
  }
}

function moveHeavy(table: Table): void {
  const { weights, owners, loads } = table;
  const margin = (TOLERANCE * sum(loads)) / loads.length;
  const owned = Array.from(loads, () => new Set<number>());
  for (const [partition, owner] of owners.entries()) owned[owner]!.add(partition);
  /** Those of whom no move is worth it, until somebody has less than whom they could have given to: the fullest of these. */
  const settled = new Uint8Array(loads.length);
  let fullestTaker = 0;
  for (let moves = 0; moves < owners.length; ) {
    const from = heaviest(loads, settled);
    if (from === undefined) return;
    const takers = takersOf(owned[from]!, table);
    const partition = bestMove(owned[from]!, from, takers, margin, table);
    if (partition === undefined) {
      settled[from] = 1;
      for (const taker of takers.values()) fullestTaker = Math.max(fullestTaker, loads[taker]!);
      continue;
    }
    const to = takers.get(table.poolOf[partition]!)!;
    owners[partition] = to;
    owned[from]!.delete(partition);
    owned[to]!.add(partition);
    loads[from]! -= weights[partition]!;
    loads[to]! += weights[partition]!;
    moves++;
    if (loads[from]! >= fullestTaker) continue;
    settled.fill(0);
    fullestTaker = 0;
  }
}

/** By pool: who has least to do. */
function takersOf(partitions: ReadonlySet<number>, { pools, poolOf, loads }: Table): Map<number, number> {
  const some = new Set([...partitions].map((partition) => poolOf[partition]!));
  return new Map([...some].map((pool) => [pool, lightest(pools[pool]!, loads)]));
}

/** The partition after whose move the fuller of the two members has least to do. */
function bestMove(
  partitions: ReadonlySet<number>,
  from: number,
  takers: ReadonlyMap<number, number>,
  margin: number,
  { poolOf, weights, loads }: Table,
): number | undefined {
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const partition of partitions) {
    const taken = loads[takers.get(poolOf[partition]!)!]! + weights[partition]!;
    if (taken >= loads[from]! - margin) continue;
    const fuller = Math.max(loads[from]! - weights[partition]!, taken);
    if (fuller >= least) continue;
    least = fuller;
    best = partition;
  }
  return best;
}

function lightest({ members }: Pool, loads: Float64Array): number {
  let found = members[0]!;
  for (const member of members) if (loads[member]! < loads[found]!) found = member;
  return found;
}

function heaviest(loads: Float64Array, settled: Uint8Array): number | undefined {
  let found: number | undefined;
  for (let member = 0; member < loads.length; member++) {
    if (settled[member] === 0 && (found === undefined || loads[member]! > loads[found]!)) found = member;
  }
  return found;
}

function sum(numbers: Float64Array): number {
  let total = 0;
  for (const one of numbers) total += one;
  return total;
}
