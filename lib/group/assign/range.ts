import type { Assignor } from './assignment.ts';
import { boardOf, divisionOf, NOBODY } from './board.ts';
import { evenShares } from './shares.ts';

/**
 * Kafka's RangeAssignor, as its server has it (KIP-848): of each topic every subscriber has as many partitions as the others, and
 * topics with the same subscribers and as many partitions are co-partitioned: who has partition 3 of one has it of all, so
 * that what has the same key meets. At first these are ranges, in the order of members' names; afterwards partitions stay
 * where they are as long as the shares are even. Other than Kafka's, it divides such topics as one, so that a topic that comes
 * later is divided like those before.
 */
export const range: Assignor = (situation) => {
  const board = boardOf(situation);
  const owners = board.owners.slice();
  for (const { members, topics } of board.pools) {
    for (const alike of Map.groupBy(topics, ({ partitions }) => partitions).values()) {
      const before = alike.map(({ first, partitions }) => board.owners.subarray(first, first + partitions));
      const shared = shareOut(ownersOfAll(before), members);
      for (const { first } of alike) owners.set(shared, first);
    }
  }
  return divisionOf(board, owners);
};

/** Of each partition number: who has it of most topics; of equals, the first topic's. */
function ownersOfAll(topics: readonly Int32Array[]): Int32Array {
  if (topics.length === 1) return topics[0]!;
  return topics[0]!.map((_, partition) => {
    const votes = new Map<number, number>();
    for (const owners of topics) {
      const owner = owners[partition]!;
      if (owner !== NOBODY) votes.set(owner, (votes.get(owner) ?? 0) + 1);
    }
    let [winner, most] = [NOBODY, 0];
    for (const [owner, n] of votes) {
      if (n > most) [winner, most] = [owner, n];
    }
    return winner;
  });
}

/** Everybody keeps the first of what it has, up to its share; the others' shares are filled in order. */
function shareOut(before: Int32Array, members: readonly number[]): Int32Array {
  const slotOf = new Map(members.map((member, slot) => [member, slot]));
  const held = new Int32Array(members.length);
  for (const owner of before) if (owner !== NOBODY) held[slotOf.get(owner)!]!++;
  const room = evenShares(held, before.length);
  const after = before.map((owner) => {
    if (owner === NOBODY) return NOBODY;
    const slot = slotOf.get(owner)!;
    if (room[slot] === 0) return NOBODY;
    room[slot]!--;
    return owner;
  });
  let slot = 0;
  return after.map((owner) => {
    if (owner !== NOBODY) return owner;
    while (room[slot] === 0) slot++;
    room[slot]!--;
    return members[slot]!;
  });
}
