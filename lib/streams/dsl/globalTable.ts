import { keyValueStoreBuilder } from '../state/keyValueStore.ts';
import type { Graph } from './graph.ts';
import type { Consumed, Materialized } from './options.ts';

/**
 * Kafka's GlobalKTable: all of a topic, whatever its partitions, at every task; a record's key is that of its row, whose store has the topic's own
 * bytes. It has no time of its own: rows are as they are when they are looked up.
 */
export class GlobalTable<K, V> {
  readonly queryableStoreName: string;
  /** Says of which key and value it is; never there. */
  declare readonly row?: readonly [K, V];

  constructor(storeName: string) {
    this.queryableStoreName = storeName;
  }
}

/** Serdes are those of `consumed`, and its times are not asked for: there are none. The topic is its own changelog. */
export function globalTable<K, V>(
  graph: Graph,
  topic: string,
  { keySerde, valueSerde }: Consumed<K, V>,
  { storeName = `${topic}-${graph.newName('GLOBAL-STATE-STORE-')}` }: Pick<Materialized<K, V>, 'storeName'>,
): GlobalTable<K, V> {
  const builder = keyValueStoreBuilder(storeName, keySerde, valueSerde, { logged: false });
  graph.topology.addGlobalStore(builder, { topic, keySerde, valueSerde });
  return new GlobalTable(storeName);
}
