import type { Aggregator } from '../operators/aggregate.ts';
import { requireSync } from '../processor/requireSync.ts';
import { Serdes } from '../serdes.ts';
import type { SlidingWindows } from '../windows/slidingWindows.ts';
import type { TimeWindows } from '../windows/timeWindows.ts';
import type { Windowed } from '../windows/windowed.ts';
import { requireSerde } from './graph.ts';
import type { GroupedStream } from './groupedStream.ts';
import { keyedFrom } from './keyedFrom.ts';
import type { Windowing, WindowMaterialized } from './options.ts';
import type { Table } from './table.ts';
import { timeWindowedTable } from './windowedTable.ts';

/**
 * Kafka's TimeWindowedKStream. Aggregators return a new aggregate, and leave the one they are given as it is: of sliding windows several may have
 * it.
 */
export class TimeWindowedStream<K, V> {
  readonly #grouped: GroupedStream<K, V>;
  readonly #windows: TimeWindows | SlidingWindows;
  readonly #emit: NonNullable<Windowing['emit']>;

  constructor(
    grouped: GroupedStream<K, V>,
    windows: TimeWindows | SlidingWindows,
    emit: NonNullable<Windowing['emit']>,
  ) {
    this.#grouped = grouped;
    this.#windows = windows;
    this.#emit = emit;
  }

  count(materialized: WindowMaterialized<K, number> = {}): Table<Windowed<K>, number> {
    const options = { ...materialized, valueSerde: materialized.valueSerde ?? Serdes.long };
    return this.aggregate(
      () => 0,
      (_key, _value, count) => count + 1,
      options,
    );
  }

  reduce(
    reducer: (aggregate: V, value: V) => V,
    materialized: WindowMaterialized<K, V> = {},
  ): Table<Windowed<K>, V> {
    const { valueSerde = requireSerde<V>(this.#grouped.place.valueSerde, 'values to reduce') } = materialized;
    const add = (_key: K, value: V, before: V | undefined) =>
      before === undefined ? value : reducer(before, value);
    return this.#aggregate('KSTREAM-REDUCE-', add, { ...materialized, valueSerde });
  }

  aggregate<A>(
    initializer: () => A,
    aggregator: (key: K, value: V, aggregate: A) => A,
    materialized: WindowMaterialized<K, A> = {},
  ): Table<Windowed<K>, A> {
    const add = (key: K, value: V, before: A | undefined) =>
      aggregator(key, value, before ?? requireSync(initializer()));
    return this.#aggregate('KSTREAM-AGGREGATE-', add, materialized);
  }

  #aggregate<A>(
    prefix: string,
    add: Aggregator<K, V, A>,
    materialized: WindowMaterialized<K, A>,
  ): Table<Windowed<K>, A> {
    const keyed = keyedFrom(this.#grouped, prefix, materialized.storeName);
    return timeWindowedTable(keyed, this.#windows, this.#emit, add, materialized);
  }
}
