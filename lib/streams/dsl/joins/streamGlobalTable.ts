import { lookUpTable } from '../../operators/joins/streamTable.ts';
import type { KeyValueStore } from '../../state/keyValueStore.ts';
import type { GlobalTable } from '../globalTable.ts';
import { Stream } from '../stream.ts';
import type { GlobalJoined, JoinKind, ValueJoiner } from './options.ts';

/** Kafka's join of a stream and a global table: neither needs to be partitioned as the other is, and the key stays the stream's. */
export function joinGlobalTable<K, V, KG, VG, VR>(
  kind: Exclude<JoinKind, 'outer'>,
  stream: Stream<K, V>,
  { queryableStoreName: storeName }: GlobalTable<KG, VG>,
  keyOf: (key: K, value: V) => KG | null | undefined,
  joiner: ValueJoiner<V, VG | undefined, K, VR>,
  { name, valueSerde }: GlobalJoined<VR> = {},
): Stream<K, VR> {
  const { graph } = stream;
  const isLeft = kind === 'left';
  const supplier = lookUpTable<K, V, KG, VG, VR>({
    ...{ storeName, keyOf, isLeft, joiner },
    lookUp: (store, key) => (store as KeyValueStore<KG, VG>).get(key),
  });
  const node = name ?? graph.newName(isLeft ? 'KSTREAM-LEFTJOIN-' : 'KSTREAM-JOIN-');
  const options = { stores: [storeName], place: { valueSerde } };
  return new Stream(graph, graph.add(stream.place, node, supplier, options));
}
