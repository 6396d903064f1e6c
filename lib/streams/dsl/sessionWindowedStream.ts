import type { SessionAggregation } from '../operators/windows/sessionWindowAggregate.ts';
import { Serdes } from '../serdes.ts';
import type { SessionWindows } from '../windows/sessionWindows.ts';
import type { Windowed } from '../windows/windowed.ts';
import { requireSerde } from './graph.ts';
import type { GroupedStream } from './groupedStream.ts';
import { keyedFrom } from './keyedFrom.ts';
import type { Windowing, WindowMaterialized } from './options.ts';
import type { Table } from './table.ts';
import { sessionWindowedTable } from './windowedTable.ts';

/** Kafka's SessionWindowedKStream. Aggregators and mergers return a new aggregate, and leave those they are given as they are. */
export class SessionWindowedStream<K, V> {
  readonly #grouped: GroupedStream<K, V>;
  readonly #windows: SessionWindows;
  readonly #emit: NonNullable<Windowing['emit']>;

  constructor(grouped: GroupedStream<K, V>, windows: SessionWindows, emit: NonNullable<Windowing['emit']>) {
    this.#grouped = grouped;
    this.#windows = windows;
    this.#emit = emit;
  }

  count(materialized: WindowMaterialized<K, number> = {}): Table<Windowed<K>, number> {
    return this.aggregate(
      () => 0,
      (_key, _value, count) => count + 1,
      (_key, one, other) => one + other,
      { ...materialized, valueSerde: materialized.valueSerde ?? Serdes.long },
    );
  }

  /** The reducer merges sessions, too. */
  reduce(
    reducer: (aggregate: V, value: V) => V,
    materialized: WindowMaterialized<K, V> = {},
  ): Table<Windowed<K>, V> {
    const { valueSerde = requireSerde<V>(this.#grouped.place.valueSerde, 'values to reduce') } = materialized;
    const add = (before: V | undefined, value: V) => (before === undefined ? value : reducer(before, value));
    const aggregation: SessionAggregation<K, V, V> = {
      initial: () => undefined,
      add: (_key, value, before) => add(before, value),
      merge: (_key, one, other) => add(one, other),
    };
    return this.#aggregate('KSTREAM-REDUCE-', aggregation, { ...materialized, valueSerde });
  }

  /** As in Kafka, a session begins with `initializer()`, and what it joins is merged into that: so that is to be a merge's neutral element. */
  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    merger: (key: K, one: A, other: A) => A,
    materialized: WindowMaterialized<K, A> = {},
  ): Table<Windowed<K>, A> {
    const aggregation: SessionAggregation<K, V, A> = {
      initial: initializer,
      add: (key, value, before) => aggregator(key, value, before as A),
      merge: (key, one, other) => merger(key, one as A, other),
    };
    return this.#aggregate('KSTREAM-AGGREGATE-', aggregation, materialized);
  }

  #aggregate<A>(
    prefix: string,
    aggregation: SessionAggregation<K, V, A>,
    materialized: WindowMaterialized<K, A>,
  ): Table<Windowed<K>, A> {
    const keyed = keyedFrom(this.#grouped, prefix, materialized.storeName);
    return sessionWindowedTable(keyed, this.#windows, this.#emit, aggregation, materialized);
  }
}
