import { joinChange, rowJoiner } from '../../operators/joins/tableTable.ts';
import { passThrough } from '../../operators/stateless.ts';
import type { Graph } from '../graph.ts';
import type { Materialized, Named } from '../options.ts';
import { materializedTable, type Table } from '../table.ts';
import { derivesFrom } from './derivesFrom.ts';
import type { JoinKind, ValueJoiner } from './options.ts';
import { copartitioned } from './partitioned.ts';
import { ownStore, type StoredTable, storedTable } from './storedTable.ts';

/** Kafka's join of two tables by their keys. */
export function joinTables<K, V, VO, VR>(
  kind: JoinKind,
  table: Table<K, V>,
  other: Table<K, VO>,
  joiner: ValueJoiner<V | undefined, VO | undefined, K, VR | null | undefined>,
  materialized: Materialized<K, VR> & Named = {},
): Table<K, VR> {
  const { graph } = table;
  const { name, keySerde = table.place.keySerde, valueSerde } = materialized;
  const left = keptBehind(graph, table, other);
  const right = keptBehind(graph, other, table);
  const sources = copartitioned(graph, left.table.place, right.table.place);

  const merge = name ?? graph.newName('KTABLE-MERGE-');
  const thisName = name ? `${name}-join-this` : graph.newName('KTABLE-JOINTHIS-');
  const otherName = name ? `${name}-join-other` : graph.newName('KTABLE-JOINOTHER-');
  const needed = { left: kind !== 'outer', right: kind === 'inner' };
  const rows = rowJoiner(needed, joiner);
  const lefts = graph.add(left.table.place, thisName, joinChange('left', right.storeName, rows), {
    stores: [right.storeName],
  });
  const rights = graph.add(right.table.place, otherName, joinChange('right', left.storeName, rows), {
    stores: [left.storeName],
  });
  const place = graph.add(lefts, merge, passThrough(), {
    parents: [lefts.node, rights.node],
    place: { sources, keySerde, valueSerde },
  });
  return materializedTable(graph, place, materialized);
}

/**
 * A table whose changes come by the other, too, needs a store of the join's own: else a change of the other's would be joined with a row whose
 * change is still to come, and the old value of what is told be none that was told before.
 */
function keptBehind<K, V, VO>(graph: Graph, table: Table<K, V>, other: Table<K, VO>): StoredTable<K, V> {
  const isAhead = derivesFrom(graph.topology, other.place.node, table.place.node);
  return isAhead ? ownStore(graph, table) : storedTable(graph, table);
}
