import type { Serde } from '../../serdes.ts';
import type { Named, Typed } from '../options.ts';

/** Inner: both are there. Left: the left one is. Outer: one is. */
export type JoinKind = 'inner' | 'left' | 'outer';

/** Kafka's ValueJoiner, or ValueJoinerWithKey: the key is there to be read. */
export type ValueJoiner<V, VO, K, VR> = (value: V, other: VO, readOnlyKey: K) => VR;

/** Kafka's StreamJoined. `valueSerde` is of what the join makes. Serdes left out are as the streams have them. */
export interface StreamJoined<K, V, VO, VR> extends Typed<K, VR> {
  readonly thisValueSerde?: Serde<V>;
  readonly otherValueSerde?: Serde<VO>;
  /** `<storeName>-this-join-store`, `<storeName>-other-join-store`, and of a left or outer join `…-shared-join-store`. */
  readonly storeName?: string;
  /** False: stores have no changelogs. */
  readonly logged?: boolean;
  readonly changelogConfigs?: Readonly<Record<string, string>>;
}

/** Kafka's Joined, of a stream and a table. `valueSerde` is of what the join makes. */
export interface Joined<K, V, VR> extends Typed<K, VR> {
  /** Of the stream, if it goes by way of a topic. */
  readonly thisValueSerde?: Serde<V>;
}

/** Of a stream and a global table. */
export interface GlobalJoined<VR> extends Named {
  readonly valueSerde?: Serde<VR>;
}
