import type { Assignor } from './assignment.ts';
import { boardOf, divisionOf, NOBODY, partitionsOf } from './board.ts';
import { countsOf } from './counts.ts';
import { dealOut, evenOut } from './evenOut.ts';
import { exchanger } from './exchange.ts';
import { evenShares } from './shares.ts';

/** Slots looked at in search of exchanges: some 100 ms. What is even, but not the best, is the price of a group beyond that. */
const EXCHANGE_WORK = 20_000_000;

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
    share(partitionsOf(pool), pool.members, shares, owners);
  }
  return divisionOf(board, owners);
};

/**
 * Has `members` keep what they own of `partitions`, up to their share, and deals out the rest. What one gives up is spread over what it has, and
 * what is dealt goes round, so that nobody has much of one topic.
 */
function share(
  partitions: readonly number[],
  members: readonly number[],
  shares: Int32Array,
  owners: Int32Array,
): void {
  const owned = Map.groupBy(partitions, (partition) => owners[partition]!);
  const wanting: { member: number; wants: number }[] = [];
  for (const [i, member] of members.entries()) {
    const own = owned.get(member) ?? [];
    const surplus = own.length - shares[i]!;
    for (let k = 0; k < surplus; k++) {
      owners[own[(i + Math.floor((k * own.length) / surplus)) % own.length]!] = NOBODY;
    }
    if (surplus < 0) wanting.push({ member, wants: -surplus });
  }
  let round = wanting;
  let next = 0;
  for (const partition of partitions) {
    if (owners[partition] !== NOBODY) continue;
    if (next === round.length) {
      round = round.filter(({ wants }) => wants > 0);
      next = 0;
    }
    const one = round[next++]!;
    owners[partition] = one.member;
    one.wants--;
  }
}
