import type { ProcessorSupplier } from '../processor/processor.ts';
import type { Serde } from '../serdes.ts';
import type { StateStore, StoreBuilder } from '../state/store.ts';
import { Topology } from '../topology/topology.ts';
import { TopologyError } from '../topology/topologyError.ts';

// biome-ignore lint/suspicious/noExplicitAny: nodes of any types are joined here; the DSL's types see to it that they fit.
type Any = any;

/** Where a stream or table of the DSL is in the topology. */
export interface Place {
  readonly node: string;
  /** Source nodes that it comes from: what is joined with it must be partitioned as they are. */
  readonly sources: readonly string[];
  readonly keySerde: Serde<Any> | undefined;
  readonly valueSerde: Serde<Any> | undefined;
  /** The key was changed: before what goes by the key, records must go through a topic. */
  readonly isRekeyed: boolean;
  /** Of a table of windows: one is final as soon as stream time is so much later than its end. */
  readonly windowClosesAfterMs?: number | undefined;
}

/** What the DSL builds on: a topology, and the names that Kafka Streams would give its nodes. */
export interface Graph {
  readonly topology: Topology;
  /** `KSTREAM-MAP-0000000001`: counted over all of the builder. */
  newName(prefix: string): string;
  /** Adds a processor below a place. */
  add(
    place: Place,
    name: string,
    supplier: ProcessorSupplier<Any, Any, Any, Any>,
    options?: {
      readonly stores?: readonly string[];
      readonly parents?: readonly string[];
      readonly place?: Partial<Place>;
    },
  ): Place;
  addStore<S extends StateStore>(builder: StoreBuilder<S>): void;
}

const DIGITS = 10;

export function createGraph(): Graph {
  const topology = new Topology();
  let count = 0;
  return {
    topology,
    newName: (prefix) => `${prefix}${String(count++).padStart(DIGITS, '0')}`,
    add(place, name, supplier, { stores = [], parents = [place.node], place: changed = {} } = {}) {
      topology.addProcessor(name, supplier, parents, stores);
      return { ...place, node: name, ...changed };
    },
    addStore: (builder) => void topology.addStateStore(builder),
  };
}

/** Throws TopologyError where none was given and none is known: there is no default. */
export function requireSerde<T>(serde: Serde<T> | undefined, what: string): Serde<T> {
  if (serde !== undefined) return serde;
  throw new TopologyError(`the serde of ${what} is not known: give it`);
}

/**
 * The same records by way of a topic, `<application>-<name>-repartition`, in which their keys decide the partition. Its source is a new
 * sub-topology's.
 */
export function repartition(
  graph: Graph,
  place: Place,
  name: string,
  {
    keySerde = place.keySerde,
    valueSerde = place.valueSerde,
    partitions,
    partitioner,
    keepsNullKeys = false,
  }: {
    readonly keySerde?: Serde<Any> | undefined;
    readonly valueSerde?: Serde<Any> | undefined;
    readonly partitions?: number | undefined;
    readonly partitioner?: (record: Any, partitions: number) => number;
    /** KIP-962: what a left or outer join tells of them does not go by the key. Such a record goes to any partition. */
    readonly keepsNullKeys?: boolean;
  } = {},
): Place {
  const topic = `${name}-repartition`;
  const serdes = {
    keySerde: requireSerde(keySerde, `keys of ${topic}`),
    valueSerde: requireSerde(valueSerde, `values of ${topic}`),
  };
  const { topology } = graph;
  const filter = graph.newName('KSTREAM-FILTER-');
  const sink = graph.newName('KSTREAM-SINK-');
  const source = graph.newName('KSTREAM-SOURCE-');
  topology.addRepartitionTopic({ name: topic, partitions });
  // As Kafka's: a record without a key could go to no partition by it.
  const kept = keepsNullKeys ? place : graph.add(place, filter, withoutNullKeys);
  topology.addSink(sink, topic, [kept.node], { ...serdes, ...(partitioner && { partitioner }) });
  topology.addSource(source, [topic], serdes);
  return { node: source, sources: [source], ...serdes, isRekeyed: false };
}

const withoutNullKeys: ProcessorSupplier<Any, Any, Any, Any> = () => {
  let forward: (record: Any) => void;
  return {
    init(context) {
      forward = context.forward;
    },
    process(record) {
      if (record.key !== null && record.key !== undefined) forward(record);
    },
  };
};
