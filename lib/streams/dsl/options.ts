import type { StreamRecord } from '../record.ts';
import type { Serde } from '../serdes.ts';

/** Kafka's Consumed. */
export interface Consumed<K, V> {
  readonly keySerde: Serde<K>;
  readonly valueSerde: Serde<V>;
  readonly name?: string;
  readonly timestampExtractor?: (record: StreamRecord<K, V>) => number;
}

/** Kafka's Produced. What is left out is as the stream has it. */
export interface Produced<K, V> {
  readonly keySerde?: Serde<K>;
  readonly valueSerde?: Serde<V>;
  readonly name?: string;
  readonly partitioner?: (record: StreamRecord<K, V>, partitions: number) => number;
}

/** Kafka's Grouped. */
export interface Grouped<K, V> {
  readonly keySerde?: Serde<K>;
  readonly valueSerde?: Serde<V>;
  /** Of the topic that records go through if their key was changed: `<application>-<name>-repartition`. */
  readonly name?: string;
}

/** Kafka's Materialized: the store of a table. */
export interface Materialized<K, V> {
  /** By which it can be looked up. */
  readonly storeName?: string;
  readonly keySerde?: Serde<K>;
  readonly valueSerde?: Serde<V>;
  /** False: without a changelog. */
  readonly logged?: boolean;
  readonly changelogConfigs?: Readonly<Record<string, string>>;
}

/** The store of a table of windows. Serdes are of the keys without their windows. */
export interface WindowMaterialized<K, V> extends Materialized<K, V> {
  /** How long, by stream time, a window can be looked up after its start (a session: its end). At least as long as it may change, which it is unless given. */
  readonly retentionMs?: number;
}

export interface Windowing {
  /** Kafka's EmitStrategy (KIP-825): what becomes of each window, or each once, when it can change no more. The former unless given. */
  readonly emit?: 'on-window-update' | 'on-window-close';
}

export interface Named {
  readonly name?: string;
}

/** Serdes of what an operation makes: known from then on, so that later ones need not be told. */
export interface Typed<K, V> extends Named {
  readonly keySerde?: Serde<K>;
  readonly valueSerde?: Serde<V>;
}

/** Kafka's Repartitioned. */
export interface Repartitioned<K, V> extends Typed<K, V> {
  readonly partitions?: number;
  readonly partitioner?: (record: StreamRecord<K, V>, partitions: number) => number;
}
