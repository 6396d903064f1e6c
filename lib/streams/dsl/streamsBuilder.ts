import { tableSource } from '../operators/table.ts';
import type { StateStore, StoreBuilder } from '../state/store.ts';
import type { Topology } from '../topology/topology.ts';
import { type GlobalTable, globalTable } from './globalTable.ts';
import { createGraph, type Graph, type Place } from './graph.ts';
import { tableStore } from './materialized.ts';
import type { Consumed, Materialized } from './options.ts';
import { Stream } from './stream.ts';
import { Table } from './table.ts';

/** Kafka's StreamsBuilder: begins streams and tables, and ends with a topology. */
export class StreamsBuilder {
  readonly #graph: Graph = createGraph();

  stream<K, V>(topics: string | readonly string[], consumed: Consumed<K, V>): Stream<K, V> {
    return new Stream(this.#graph, this.#source('KSTREAM-SOURCE-', [topics].flat(), consumed));
  }

  table<K, V>(topic: string, consumed: Consumed<K, V>, materialized: Materialized<K, V> = {}): Table<K, V> {
    const store = `${topic}-${this.#graph.newName('STATE-STORE-')}`;
    const source = this.#source('KSTREAM-SOURCE-', [topic], { ...consumed, name: undefined });
    const { storeName, place } = tableStore(this.#graph, source, store, materialized);
    const name = consumed.name ?? this.#graph.newName('KTABLE-SOURCE-');
    const table = this.#graph.add(place, name, tableSource(storeName), { stores: [storeName] });
    return new Table(this.#graph, table, storeName);
  }

  /** To look rows up in from any task: whoever runs the topology keeps all of the topic where the tasks are. */
  globalTable<K, V>(
    topic: string,
    consumed: Consumed<K, V>,
    materialized: Pick<Materialized<K, V>, 'storeName'> = {},
  ): GlobalTable<K, V> {
    return globalTable(this.#graph, topic, consumed, materialized);
  }

  /** Of `process` and `processValues`, which name it. */
  addStateStore<S extends StateStore>(builder: StoreBuilder<S>): this {
    this.#graph.addStore(builder);
    return this;
  }

  build(): Topology {
    return this.#graph.topology;
  }

  #source<K, V>(
    prefix: string,
    topics: readonly string[],
    consumed: Omit<Consumed<K, V>, 'name'> & { readonly name?: string | undefined },
  ): Place {
    const { keySerde, valueSerde, timestampExtractor } = consumed;
    const name = consumed.name ?? this.#graph.newName(prefix);
    this.#graph.topology.addSource(name, topics, {
      ...{ keySerde, valueSerde },
      ...(timestampExtractor && { timestampExtractor }),
    });
    return { node: name, sources: [name], keySerde, valueSerde, isRekeyed: false };
  }
}
