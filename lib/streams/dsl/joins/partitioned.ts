import { type Graph, type Place, repartition } from '../graph.ts';

/** The same, by way of a topic if its key was changed: then equal keys are in partitions of equal numbers. */
export function partitionedByKey(
  graph: Graph,
  place: Place,
  { name, keepsNullKeys }: { readonly name: string | undefined; readonly keepsNullKeys: boolean },
): Place {
  if (!place.isRekeyed) return place;
  return repartition(graph, place, name ?? unusedName(graph, place.node), { keepsNullKeys });
}

/** Kafka's name of the topic is that of the node; one that goes to several joins needs others. */
function unusedName(graph: Graph, node: string): string {
  const isUsed = graph.topology.repartitionTopics.some(({ name }) => name === `${node}-repartition`);
  return isUsed ? graph.newName(`${node}-`) : node;
}

/** What a join makes of both: its topics are to have the same number of partitions. */
export function copartitioned(graph: Graph, left: Place, right: Place): Place['sources'] {
  const sources = [...new Set([...left.sources, ...right.sources])];
  if (sources.length > 1) graph.topology.copartition(sources);
  return sources;
}
