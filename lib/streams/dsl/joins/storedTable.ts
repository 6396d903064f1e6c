import type { Graph } from '../graph.ts';
import { materializedTable, type Table } from '../table.ts';

export interface StoredTable<K, V> {
  readonly table: Table<K, V>;
  readonly storeName: string;
}

/** The same table with a store, in which a join looks up its rows: one is added where it has none. Throws TopologyError if its serdes are not known. */
export function storedTable<K, V>(graph: Graph, table: Table<K, V>): StoredTable<K, V> {
  const { queryableStoreName } = table;
  return queryableStoreName === undefined ? ownStore(graph, table) : { table, storeName: queryableStoreName };
}

/** With one that is only changed when the change comes by there, though the table may have another. */
export function ownStore<K, V>(graph: Graph, table: Table<K, V>): StoredTable<K, V> {
  const storeName = graph.newName('KTABLE-MATERIALIZE-STATE-STORE-');
  return { table: materializedTable(graph, table.place, { storeName }), storeName };
}
