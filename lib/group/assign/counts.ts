import type { Board } from './board.ts';
import { NOBODY, partitionsOf } from './board.ts';

/** How many partitions each member is to have of each pool. A slot is a member in a pool; the slots of a pool lie together. */
export interface Counts {
  /** By pool, and the end. */
  readonly firstSlot: readonly number[];
  /** By slot: the member, */
  readonly member: Int32Array;
  /** what it has by the division before, */
  readonly held: Int32Array;
  /** and what it is to have. */
  readonly count: Int32Array;
  /** By member: the sum of its counts. */
  readonly load: Int32Array;
}

/** With all that is held. */
export function countsOf({ names, pools, owners }: Board): Counts {
  const firstSlot = [0];
  for (const { members } of pools) firstSlot.push(firstSlot.at(-1)! + members.length);
  const member = new Int32Array(firstSlot.at(-1)!);
  const held = new Int32Array(member.length);
  const load = new Int32Array(names.length);
  const slotOf = new Int32Array(names.length);
  for (const [p, pool] of pools.entries()) {
    for (const [i, one] of pool.members.entries()) {
      slotOf[one] = firstSlot[p]! + i;
      member[slotOf[one]!] = one;
    }
    for (const partition of partitionsOf(pool)) {
      const owner = owners[partition]!;
      if (owner === NOBODY) continue;
      held[slotOf[owner]!]!++;
      load[owner]!++;
    }
  }
  return { firstSlot, member, held, count: held.slice(), load };
}
