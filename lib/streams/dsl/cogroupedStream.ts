import { aggregate } from '../operators/aggregate.ts';
import { mapValues } from '../operators/stateless.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { SessionWindows } from '../windows/sessionWindows.ts';
import type { SlidingWindows } from '../windows/slidingWindows.ts';
import type { TimeWindows } from '../windows/timeWindows.ts';
import type { Windowed } from '../windows/windowed.ts';
import { type Graph, repartition } from './graph.ts';
import type { GroupedStream } from './groupedStream.ts';
import { tableStore } from './materialized.ts';
import type { Materialized, Windowing, WindowMaterialized } from './options.ts';
import { Table } from './table.ts';
import { type Keyed, sessionWindowedTable, timeWindowedTable } from './windowedTable.ts';

// biome-ignore lint/suspicious/noExplicitAny: each of the streams has values of its own type, which its aggregator takes.
type Any = any;

interface Input<K, A> {
  readonly grouped: GroupedStream<K, Any>;
  readonly aggregator: (key: K, value: Any, aggregate: A) => A;
}

/** A value, and which stream it is of. */
interface Tagged {
  readonly input: number;
  readonly value: unknown;
}

const PREFIX = 'COGROUPKSTREAM-AGGREGATE-';

/**
 * Kafka's CogroupedKStream (https://cwiki.apache.org/confluence/display/KAFKA/KIP-150+-+Kafka-Streams+Cogroup). Of all streams there is one processor,
 * and so one observed stream time: Kafka has one for each.
 */
export class CogroupedStream<K, A> {
  readonly #graph: Graph;
  readonly #inputs: readonly Input<K, A>[];

  constructor(graph: Graph, inputs: readonly Input<K, A>[]) {
    this.#graph = graph;
    this.#inputs = inputs;
  }

  cogroup<V>(
    grouped: GroupedStream<K, V>,
    aggregator: (key: K, value: V, aggregate: A) => A,
  ): CogroupedStream<K, A> {
    return new CogroupedStream(this.#graph, [...this.#inputs, { grouped, aggregator }]);
  }

  aggregate(initializer: () => A, materialized: Materialized<K, A> = {}): Table<K, A> {
    const { parents, node, ...keyed } = this.#keyed(materialized.storeName);
    const { storeName, place } = tableStore(this.#graph, keyed.place, keyed.defaultStore, materialized);
    const supplier = aggregate(storeName, this.#add(initializer));
    const kept = this.#graph.add(place, node, supplier, { stores: [storeName], parents });
    return new Table(this.#graph, kept, storeName);
  }

  windowedBy(windows: SessionWindows, windowing?: Windowing): SessionWindowedCogroup<K, A>;
  windowedBy(windows: TimeWindows | SlidingWindows, windowing?: Windowing): TimeWindowedCogroup<K, A>;
  windowedBy(
    windows: TimeWindows | SlidingWindows | SessionWindows,
    { emit = 'on-window-update' }: Windowing = {},
  ): SessionWindowedCogroup<K, A> | TimeWindowedCogroup<K, A> {
    if (windows.kind === 'session') {
      const cogroup: SessionWindowedCogroup<K, A> = {
        aggregate: (initial, merger, materialized = {}) => {
          const add = this.#add(initial);
          const merge = (key: K, one: A | undefined, other: A) => merger(key, one as A, other);
          const keyed = this.#keyed(materialized.storeName);
          return sessionWindowedTable(keyed, windows, emit, { initial, add, merge }, materialized);
        },
      };
      return cogroup;
    }
    const cogroup: TimeWindowedCogroup<K, A> = {
      aggregate: (initial, materialized = {}) => {
        const keyed = this.#keyed(materialized.storeName);
        return timeWindowedTable(keyed, windows, emit, this.#add(initial), materialized);
      },
    };
    return cogroup;
  }

  #add(initializer: () => A) {
    return (key: K, { input, value }: Tagged, before: A | undefined): A =>
      this.#inputs[input]!.aggregator(key, value, before ?? requireSync(initializer()));
  }

  #keyed(storeName: string | undefined): Keyed & { readonly parents: readonly string[] } {
    const graph = this.#graph;
    const node = graph.newName(PREFIX);
    const defaultStore = graph.newName(`${PREFIX}STATE-STORE-`);
    const topic = storeName ?? defaultStore;
    const places = this.#inputs.map(({ grouped: { place, name } }, input) => {
      const numbered = input === 0 ? topic : `${topic}-${input}`;
      return place.isRekeyed ? repartition(graph, place, name ?? numbered) : place;
    });
    const sources = [...new Set(places.flatMap((place) => place.sources))];
    if (sources.length > 1) graph.topology.copartition(sources);
    const parents = places.map((place, input) => {
      const tag = mapValues((value: unknown): Tagged | null =>
        value === null || value === undefined ? null : { input, value },
      );
      return graph.add(place, graph.newName('COGROUPKSTREAM-INPUT-'), tag).node;
    });
    const keySerde = places.find((place) => place.keySerde !== undefined)?.keySerde;
    return {
      ...{ graph, node, defaultStore, parents },
      place: { node: parents[0]!, sources, keySerde, valueSerde: undefined, isRekeyed: false },
    };
  }
}

export interface TimeWindowedCogroup<K, A> {
  aggregate(initializer: () => A, materialized?: WindowMaterialized<K, A>): Table<Windowed<K>, A>;
}

export interface SessionWindowedCogroup<K, A> {
  aggregate(
    initializer: () => A,
    merger: (key: K, one: A, other: A) => A,
    materialized?: WindowMaterialized<K, A>,
  ): Table<Windowed<K>, A>;
}
