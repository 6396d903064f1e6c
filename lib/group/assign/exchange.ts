import type { Counts } from './counts.ts';

/**
 * What is left to improve once `evenOut` is done are exchanges through several members: A gives of one pool to B, who gives of
 * another to C. Counts are the best there are (the smallest sum of squares of loads, and of those with it the fewest moves)
 * if and only if no exchange makes them better: they are a flow of least cost, members and pools its nodes, and exchanges are the cycles
 * of its residual network (Klein 1967). `exchanger` finds one at a time with Bellman and Ford's algorithm, and carries it out.
 *
 * `work`: slots that it may look at, over all calls. Then it finds no more.
 */
export function exchanger(counts: Counts, work: number): () => boolean {
  const { firstSlot, member, held, count, load } = counts;
  const pools = firstSlot.length - 1;
  const members = load.length;
  /** The node after members and pools: whoever gives to it ends with one less, whoever takes from it with one more. */
  const rest = members + pools;
  const nodes = rest + 1;
  /** A step towards evenness outweighs all the moves of an exchange, which passes each node once at most. */
  const weight = nodes + 1;
  const cost = new Float64Array(nodes);
  const parent = new Int32Array(nodes);
  /** The slot through which a node was reached, between a member and a pool. */
  const via = new Int32Array(nodes);
  const seen = new Int32Array(nodes);
  let left = work;

  function relax(from: number, to: number, by: number, slot: number): boolean {
    if (cost[from]! + by >= cost[to]!) return false;
    cost[to] = cost[from]! + by;
    parent[to] = from;
    via[to] = slot;
    return true;
  }

  function relaxAll(): boolean {
    let changed = false;
    for (let m = 0; m < members; m++) {
      if (load[m]! > 0) changed = relax(rest, m, weight * (1 - 2 * load[m]!), -1) || changed;
    }
    for (let pool = 0; pool < pools; pool++) {
      for (let slot = firstSlot[pool]!; slot < firstSlot[pool + 1]!; slot++) {
        if (count[slot] === 0) continue;
        const by = count[slot]! > held[slot]! ? -1 : 0;
        changed = relax(member[slot]!, members + pool, by, slot) || changed;
      }
      for (let slot = firstSlot[pool]!; slot < firstSlot[pool + 1]!; slot++) {
        const by = count[slot]! < held[slot]! ? 0 : 1;
        changed = relax(members + pool, member[slot]!, by, slot) || changed;
      }
    }
    for (let m = 0; m < members; m++) changed = relax(m, rest, weight * (1 + 2 * load[m]!), -1) || changed;
    return changed;
  }

  /** A node of a cycle of parents, which costs less than nothing; -1 if there is none. */
  function nodeOfCycle(): number {
    seen.fill(0);
    for (let start = 0; start < nodes; start++) {
      let node = start;
      for (; node >= 0 && seen[node] === 0; node = parent[node]!) seen[node] = start + 1;
      if (node >= 0 && seen[node] === start + 1) return node;
    }
    return -1;
  }

  function carryOut(start: number): void {
    let node = start;
    do {
      const from = parent[node]!;
      if (from === rest) load[node]!--;
      else if (node === rest) load[from]!++;
      else if (from < members) count[via[node]!]!--;
      else count[via[node]!]!++;
      node = from;
    } while (node !== start);
  }

  return () => {
    cost.fill(0);
    parent.fill(-1);
    while (left > 0) {
      left -= 2 * (member.length + members);
      if (!relaxAll()) return false;
      const node = nodeOfCycle();
      if (node < 0) continue;
      carryOut(node);
      return true;
    }
    return false;
  };
}
