import type { Assignor } from './assignment.ts';
import { boardOf, divisionOf, NOBODY, type Pool, partitionsOf } from './board.ts';
import { countsOf } from './counts.ts';
import { dealOut, evenOut } from './evenOut.ts';
import { exchanger } from './exchange.ts';
import { evenShares } from './shares.ts';

/** Slots looked at in search of exchanges: some 100 ms. What is even, but not the best, is the price of a group beyond that. */
const EXCHANGE_WORK = 20_000_000;
/** `partitions.per.head`, unless a topic says otherwise. */
const MAX_RUN = 16;

/**
 * Kafka's UniformAssignor (KIP-848): everybody has as many partitions as everybody else, as far as subscriptions let them, and as
 * few as possible move for that. Counts have the smallest sum of squares that there is; of the divisions with such counts
 * it is one that takes the fewest partitions from those who have them.
 */
export const uniform: Assignor = (situation) => {
  const board = boardOf(situation);
  const { pools } = board;
  const counts = countsOf(board);
  const totals = pools.map(({ topics }) => topics.reduce((sum, { partitions }) => sum + partitions, 0));
  if (pools.length === 1) {
    counts.count.set(evenShares(counts.held, totals[0]!));
  } else {
    dealOut(counts, totals);
    const exchange = exchanger(counts, EXCHANGE_WORK);
    do evenOut(counts);
    while (exchange());
  }
  const owners = board.owners.slice();
  for (const [i, pool] of pools.entries()) {
    const shares = counts.count.subarray(counts.firstSlot[i]!, counts.firstSlot[i + 1]!);
    share(partitionsOf(pool), pool, shares, owners);
  }
  return divisionOf(board, owners);
};

/**
 * Has `members` keep what they own of `partitions`, up to their share, and deals out the rest: in runs, since neighbours lie in one
 * head, which each of its readers reads; spread over what one has, and dealt round, so that nobody has much of one topic.
 */
function share(
  partitions: readonly number[],
  { members, topics }: Pool,
  shares: Int32Array,
  owners: Int32Array,
): void {
  const largest = topics.reduce((most, topic) => Math.max(most, topic.partitions), 0);
  const run = Math.min(MAX_RUN, Math.ceil(largest / members.length));
  const owned = Map.groupBy(partitions, (partition) => owners[partition]!);
  let wanting: { member: number; wants: number }[] = [];
  for (const [i, member] of members.entries()) {
    const own = owned.get(member) ?? [];
    const surplus = own.length - shares[i]!;
    for (const partition of spread(own, surplus, run, i)) owners[partition] = NOBODY;
    if (surplus < 0) wanting.push({ member, wants: -surplus });
  }
  const free = partitions.filter((partition) => owners[partition] === NOBODY);
  for (let next = 0; next < free.length; wanting = wanting.filter(({ wants }) => wants > 0)) {
    for (const one of wanting) {
      const some = free.slice(next, next + Math.min(run, one.wants));
      for (const partition of some) owners[partition] = one.member;
      one.wants -= some.length;
      next += some.length;
    }
  }
}

/** `count` of them, in runs from all over, the first of which is the `first`th. */
function spread(all: readonly number[], count: number, run: number, first: number): number[] {
  const runs = Math.ceil(all.length / run);
  // One more, since the last run may be short.
  const taken = Math.min(runs, Math.ceil(count / run) + 1);
  const some: number[] = [];
  for (let k = 0; some.length < count; k++) {
    const at = run * ((first + Math.floor((k * runs) / taken)) % runs);
    some.push(...all.slice(at, at + Math.min(run, count - some.length)));
  }
  return some;
}
