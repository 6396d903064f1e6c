import { lookUpTable } from '../../operators/joins/streamTable.ts';
import type { KeyValueStore } from '../../state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../../state/timestamped.ts';
import { Stream } from '../stream.ts';
import type { Table } from '../table.ts';
import type { Joined, JoinKind, ValueJoiner } from './options.ts';
import { copartitioned, partitionedByKey } from './partitioned.ts';
import { storedTable } from './storedTable.ts';

/** Kafka's join of a stream and a table. */
export function joinTable<K, V, VO, VR>(
  kind: Exclude<JoinKind, 'outer'>,
  stream: Stream<K, V>,
  table: Table<K, VO>,
  joiner: ValueJoiner<V, VO | undefined, K, VR>,
  options: Joined<K, V, VR> = {},
): Stream<K, VR> {
  const { graph } = stream;
  const isLeft = kind === 'left';
  const { keySerde = stream.place.keySerde, thisValueSerde, valueSerde } = options;
  const typed = { ...stream.place, keySerde, valueSerde: thisValueSerde ?? stream.place.valueSerde };
  const left = partitionedByKey(graph, typed, {
    name: options.name && `${options.name}-left`,
    keepsNullKeys: isLeft,
  });
  const { table: right, storeName } = storedTable(graph, table);
  copartitioned(graph, left, right.place);
  const supplier = lookUpTable<K, V, K, VO, VR>({
    ...{ storeName, isLeft, joiner },
    keyOf: (key) => key,
    lookUp: (store, key) => (store as KeyValueStore<K, ValueAndTimestamp<VO>>).get(key)?.value,
  });
  const name = options.name ?? graph.newName(isLeft ? 'KSTREAM-LEFTJOIN-' : 'KSTREAM-JOIN-');
  // What the stream comes from alone decides its partitions: the table's topics have as many.
  const place = graph.add(left, name, supplier, { stores: [storeName], place: { valueSerde } });
  return new Stream(graph, place);
}
