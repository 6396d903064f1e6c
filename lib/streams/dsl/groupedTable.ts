import { aggregateTable, deltas } from '../operators/regroup.ts';
import { Serdes } from '../serdes.ts';
import { type Graph, type Place, repartition, requireSerde } from './graph.ts';
import { tableStore } from './materialized.ts';
import type { Materialized } from './options.ts';
import { Table } from './table.ts';

/** Kafka's KGroupedTable. What its rows are made of goes by way of a topic, in which the new keys decide the partitions. */
export class GroupedTable<K, V> {
  readonly graph: Graph;
  readonly place: Place;
  readonly name: string | undefined;

  constructor(graph: Graph, place: Place, name: string | undefined) {
    this.graph = graph;
    this.place = place;
    this.name = name;
  }

  count(materialized: Materialized<K, number> = {}): Table<K, number> {
    const step = (by: number) => (_key: K, _value: V, count: number) => count + by;
    const options = { ...materialized, valueSerde: materialized.valueSerde ?? Serdes.long };
    return this.aggregate(() => 0, step(1), step(-1), options);
  }

  reduce(
    adder: (aggregate: V, value: V) => V,
    subtractor: (aggregate: V, value: V) => V,
    materialized: Materialized<K, V> = {},
  ): Table<K, V> {
    type Maybe = V | undefined;
    const { valueSerde = requireSerde<V>(this.place.valueSerde, 'values to reduce') } = materialized;
    return this.aggregate<Maybe>(
      () => undefined,
      (_key, value, before) => (before === undefined ? value : adder(before, value)),
      (_key, value, before) => (before === undefined ? undefined : subtractor(before, value)),
      { ...materialized, valueSerde } as Materialized<K, Maybe>,
    ) as Table<K, V>;
  }

  aggregate<A>(
    initializer: () => A,
    adder: (key: K, value: V, aggregate: A) => A,
    subtractor: (key: K, value: V, aggregate: A) => A,
    materialized: Materialized<K, A> = {},
  ): Table<K, A> {
    const node = this.graph.newName('KTABLE-AGGREGATE-');
    const defaultStore = this.graph.newName('KTABLE-AGGREGATE-STATE-STORE-');
    const topic = this.name ?? materialized.storeName ?? defaultStore;
    const valueSerde = deltas(requireSerde<V>(this.place.valueSerde, `values of ${topic}-repartition`));
    const place = repartition(this.graph, this.place, topic, { valueSerde });
    const typed = { ...place, valueSerde: materialized.valueSerde };
    const { storeName, place: kept } = tableStore(this.graph, typed, defaultStore, materialized);
    const supplier = aggregateTable(storeName, initializer, adder, subtractor);
    return new Table(this.graph, this.graph.add(kept, node, supplier, { stores: [storeName] }), storeName);
  }
}
