import { sided, streamJoin } from '../../operators/joins/streamStream.ts';
import { joinStoreBuilder } from '../../state/joinStore.ts';
import { unmatchedStoreBuilder } from '../../state/unmatchedStore.ts';
import type { JoinWindows } from '../../windows/joinWindows.ts';
import { type Graph, type Place, requireSerde } from '../graph.ts';
import { Stream } from '../stream.ts';
import type { JoinKind, StreamJoined, ValueJoiner } from './options.ts';
import { copartitioned, partitionedByKey } from './partitioned.ts';

/**
 * Kafka's join of two streams. Nodes have Kafka's names, except that one takes the place of its two joins and the merge behind them, under the
 * merge's name.
 */
export function joinStreams<K, V, VO, VR>(
  kind: JoinKind,
  stream: Stream<K, V>,
  other: Stream<K, VO>,
  joiner: ValueJoiner<V | undefined, VO | undefined, K, VR>,
  windows: JoinWindows,
  options: StreamJoined<K, V, VO, VR> = {},
): Stream<K, VR> {
  const { graph } = stream;
  const isToldAlone = { left: kind !== 'inner', right: kind === 'outer' };
  const left = sideOf(graph, stream.place, options, 'left', isToldAlone.left);
  const right = sideOf(graph, other.place, options, 'right', isToldAlone.right);
  const sources = copartitioned(graph, left, right);

  const names = namesOf(graph, kind, options);
  const stores = addStores(graph, kind, { left, right }, names, options);
  const lefts = graph.add(left, names.leftWindowed, sided('left'));
  const rights = graph.add(right, names.rightWindowed, sided('right'));
  const { keySerde } = left;
  const supplier = streamJoin({ windows, isToldAlone, joiner, ...stores });
  const place = graph.add(left, names.merge, supplier, {
    stores: Object.values({ ...stores.stores, unmatched: stores.unmatchedStore }).filter(
      (name) => name !== undefined,
    ),
    parents: [lefts.node, rights.node],
    place: { sources, keySerde, valueSerde: options.valueSerde, isRekeyed: false },
  });
  return new Stream(graph, place);
}

function sideOf<K, V, VO, VR>(
  graph: Graph,
  place: Place,
  options: StreamJoined<K, V, VO, VR>,
  side: 'left' | 'right',
  keepsNullKeys: boolean,
): Place {
  const given = side === 'left' ? options.thisValueSerde : options.otherValueSerde;
  const { keySerde = place.keySerde, name } = options;
  const typed = { ...place, keySerde, valueSerde: given ?? place.valueSerde };
  return partitionedByKey(graph, typed, { name: name && `${name}-${side}`, keepsNullKeys });
}

interface Names {
  readonly leftWindowed: string;
  readonly rightWindowed: string;
  readonly left: string;
  readonly right: string;
  readonly shared: string;
  readonly merge: string;
}

function namesOf(graph: Graph, kind: JoinKind, { name, storeName }: NamedJoin): Names {
  const shape = kind === 'inner' ? 'JOIN' : 'OUTER';
  const counted = {
    leftWindowed: graph.newName('KSTREAM-WINDOWED-'),
    rightWindowed: graph.newName('KSTREAM-WINDOWED-'),
    left: `${graph.newName(`KSTREAM-${shape}THIS-`)}-store`,
    right: `${graph.newName(`KSTREAM-${kind === 'outer' ? 'OUTER' : 'JOIN'}OTHER-`)}-store`,
    shared: kind === 'inner' ? '' : `${graph.newName('KSTREAM-OUTERSHARED-')}-store`,
    merge: graph.newName('KSTREAM-MERGE-'),
  };
  const stores = storeName ?? name;
  return {
    ...counted,
    ...(name && {
      leftWindowed: `${name}-this-windowed`,
      rightWindowed: `${name}-other-windowed`,
      merge: `${name}-merge`,
    }),
    ...(stores && {
      left: `${stores}-this-join-store`,
      right: `${stores}-other-join-store`,
      shared: `${stores}-${kind}-shared-join-store`,
    }),
  };
}

interface NamedJoin {
  readonly name?: string;
  readonly storeName?: string;
}

function addStores<K, V, VO, VR>(
  graph: Graph,
  kind: JoinKind,
  places: { readonly left: Place; readonly right: Place },
  names: Names,
  { logged = true, changelogConfigs = {} }: StreamJoined<K, V, VO, VR>,
) {
  const options = { logged, changelogConfigs };
  for (const side of ['left', 'right'] as const) {
    const name = names[side];
    const keySerde = requireSerde(places.left.keySerde, `keys of store ${name}`);
    const valueSerde = requireSerde(places[side].valueSerde, `values of store ${name}`);
    graph.addStore(joinStoreBuilder(name, keySerde, valueSerde, options));
  }
  if (kind !== 'inner') graph.addStore(unmatchedStoreBuilder(names.shared, options));
  return {
    stores: { left: names.left, right: names.right },
    unmatchedStore: kind === 'inner' ? undefined : names.shared,
  };
}
