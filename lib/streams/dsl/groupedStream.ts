import { aggregate } from '../operators/aggregate.ts';
import { requireSync } from '../processor/requireSync.ts';
import { Serdes } from '../serdes.ts';
import type { SessionWindows } from '../windows/sessionWindows.ts';
import type { SlidingWindows } from '../windows/slidingWindows.ts';
import type { TimeWindows } from '../windows/timeWindows.ts';
import { CogroupedStream } from './cogroupedStream.ts';
import { type Graph, type Place, repartition, requireSerde } from './graph.ts';
import { tableStore } from './materialized.ts';
import type { Materialized, Windowing } from './options.ts';
import { SessionWindowedStream } from './sessionWindowedStream.ts';
import { Table } from './table.ts';
import { TimeWindowedStream } from './timeWindowedStream.ts';

/** Kafka's KGroupedStream. If the key was changed, records go by way of a topic, in which it decides the partitions. */
export class GroupedStream<K, V> {
  readonly graph: Graph;
  readonly place: Place;
  readonly name: string | undefined;

  constructor(graph: Graph, place: Place, name: string | undefined) {
    this.graph = graph;
    this.place = place;
    this.name = name;
  }

  count(materialized: Materialized<K, number> = {}): Table<K, number> {
    const options = { ...materialized, valueSerde: materialized.valueSerde ?? Serdes.long };
    return this.aggregate(
      () => 0,
      (_key, _value, count) => count + 1,
      options,
    );
  }

  /** A value of the same type, of two. */
  reduce(reducer: (aggregate: V, value: V) => V, materialized: Materialized<K, V> = {}): Table<K, V> {
    const { valueSerde = requireSerde<V>(this.place.valueSerde, 'values to reduce') } = materialized;
    const combine = (_key: K, value: V, before: V | undefined) =>
      before === undefined ? value : reducer(before, value);
    return this.#aggregate('KSTREAM-REDUCE-', combine, { ...materialized, valueSerde });
  }

  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    materialized: Materialized<K, A> = {},
  ): Table<K, A> {
    const combine = (key: K, value: V, before: A | undefined) =>
      aggregator(key, value, before ?? requireSync(initializer()));
    return this.#aggregate('KSTREAM-AGGREGATE-', combine, materialized);
  }

  /** Each key has an aggregate for each window, of the records whose times are in it. */
  windowedBy(windows: SessionWindows, windowing?: Windowing): SessionWindowedStream<K, V>;
  windowedBy(windows: TimeWindows | SlidingWindows, windowing?: Windowing): TimeWindowedStream<K, V>;
  windowedBy(
    windows: TimeWindows | SlidingWindows | SessionWindows,
    { emit = 'on-window-update' }: Windowing = {},
  ): TimeWindowedStream<K, V> | SessionWindowedStream<K, V> {
    if (windows.kind === 'session') return new SessionWindowedStream(this, windows, emit);
    return new TimeWindowedStream(this, windows, emit);
  }

  /** One aggregate of several streams' records, each of which has its own way to add one (KIP-150). */
  cogroup<A>(aggregator: (key: K, value: V, aggregate: A) => A): CogroupedStream<K, A> {
    return new CogroupedStream<K, A>(this.graph, []).cogroup(this, aggregator);
  }

  #aggregate<A>(
    prefix: string,
    combine: (key: K, value: V, before: A | undefined) => A,
    materialized: Materialized<K, A>,
  ): Table<K, A> {
    const node = this.graph.newName(prefix);
    const defaultStore = this.graph.newName(`${prefix}STATE-STORE-`);
    const topic = this.name ?? materialized.storeName ?? defaultStore;
    const place = this.place.isRekeyed ? repartition(this.graph, this.place, topic) : this.place;
    const typed = { ...place, valueSerde: materialized.valueSerde };
    const { storeName, place: kept } = tableStore(this.graph, typed, defaultStore, materialized);
    const supplier = aggregate(storeName, combine);
    return new Table(this.graph, this.graph.add(kept, node, supplier, { stores: [storeName] }), storeName);
  }
}
