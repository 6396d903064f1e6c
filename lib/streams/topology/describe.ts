import type { Topology, TopologyNode } from './topology.ts';

/** See `Topology.describe`. */
export function describe(topology: Topology): string {
  const lines = ['Topologies:'];
  const isGlobal = (name: string) => topology.globalStores.some(({ store }) => store === name);
  for (const { id, nodes } of topology.subtopologies) {
    lines.push(`   Sub-topology: ${id}`);
    for (const node of nodes) {
      lines.push(`    ${headOf(node, isGlobal)}`);
      if (node.kind !== 'sink') lines.push(`      --> ${names(childrenOf(node, nodes))}`);
      if (node.kind !== 'source') lines.push(`      <-- ${names(node.parents)}`);
    }
    lines.push('');
  }
  for (const { topic, store } of topology.globalStores) {
    lines.push(`   Global table of topic ${topic} (stores: [${store}])`, '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** As Kafka has it, a store of a global table is nobody's. */
function headOf(node: TopologyNode, isGlobal: (store: string) => boolean): string {
  switch (node.kind) {
    case 'source':
      return `Source: ${node.name} (topics: [${node.topics.join(', ')}])`;
    case 'processor':
      return `Processor: ${node.name} (stores: [${node.stores.filter((store) => !isGlobal(store)).join(', ')}])`;
    case 'sink':
      return `Sink: ${node.name} (topic: ${topicOf(node.topic)})`;
  }
}

const topicOf = (topic: unknown): string => (typeof topic === 'string' ? topic : 'told by each record');

function childrenOf({ name }: TopologyNode, nodes: readonly TopologyNode[]): string[] {
  return nodes.flatMap((node) => (node.kind !== 'source' && node.parents.includes(name) ? [node.name] : []));
}

const names = (all: readonly string[]): string => (all.length === 0 ? 'none' : all.join(', '));

/** See `Topology.draw`. */
export function draw(topology: Topology): string {
  const lines = ['flowchart TD'];
  const ids = new Map<string, string>();
  const idOf = (name: string): string => {
    const id = ids.get(name) ?? `n${ids.size}`;
    ids.set(name, id);
    return id;
  };
  for (const { id, nodes, stores } of topology.subtopologies) {
    lines.push(`  subgraph s${id} ["Sub-topology ${id}"]`);
    for (const { name } of stores) lines.push(`    ${idOf(`store ${name}`)}[("${name}")]`);
    for (const node of nodes) {
      lines.push(`    ${idOf(node.name)}["${node.name}"]`);
      if (node.kind === 'processor')
        for (const store of node.stores) lines.push(`    ${idOf(node.name)} -.- ${idOf(`store ${store}`)}`);
      if (node.kind !== 'source')
        for (const parent of node.parents) lines.push(`    ${idOf(parent)} --> ${idOf(node.name)}`);
    }
    lines.push('  end');
    for (const node of nodes) {
      if (node.kind === 'source')
        for (const topic of node.topics)
          lines.push(`  ${idOf(`topic ${topic}`)}[/"${topic}"/] --> ${idOf(node.name)}`);
      if (node.kind === 'sink')
        lines.push(
          `  ${idOf(node.name)} --> ${idOf(`topic ${topicOf(node.topic)}`)}[/"${topicOf(node.topic)}"/]`,
        );
    }
  }
  for (const { topic, store } of topology.globalStores)
    lines.push(`  ${idOf(`topic ${topic}`)}[/"${topic}"/] --> ${idOf(`store ${store}`)}[("${store}")]`);
  return `${lines.join('\n')}\n`;
}
