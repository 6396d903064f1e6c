import { repartition } from './graph.ts';
import type { GroupedStream } from './groupedStream.ts';
import type { Keyed } from './windowedTable.ts';

/** By way of a topic, if the key was changed. Names are Kafka's. */
export function keyedFrom<K, V>(
  { graph, place, name }: GroupedStream<K, V>,
  prefix: string,
  storeName: string | undefined,
): Keyed {
  const node = graph.newName(prefix);
  const defaultStore = graph.newName(`${prefix}STATE-STORE-`);
  const topic = name ?? storeName ?? defaultStore;
  return { graph, node, defaultStore, place: place.isRekeyed ? repartition(graph, place, topic) : place };
}
