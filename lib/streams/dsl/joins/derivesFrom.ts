import type { Topology, TopologyNode } from '../../topology/topology.ts';

/** Whether what the one node forwards may come to the other at once, not by way of a topic; of a node itself it does. */
export function derivesFrom(topology: Topology, node: string, ancestor: string): boolean {
  const nodes = new Map<string, TopologyNode>(
    topology.subtopologies.flatMap((subtopology) => subtopology.nodes.map((each) => [each.name, each])),
  );
  const seen = new Set<string>();
  const next = [node];
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    if (name === ancestor) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    const found = nodes.get(name);
    if (found !== undefined && found.kind !== 'source') next.push(...found.parents);
  }
  return false;
}
