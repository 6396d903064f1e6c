import { regroup } from '../operators/regroup.ts';
import { mapTable, materialize, toStream } from '../operators/table.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { Graph, Place } from './graph.ts';
import { GroupedTable } from './groupedTable.ts';
import type { ValueJoiner } from './joins/options.ts';
import { joinTableBy } from './joins/table.ts';
import { tableStore } from './materialized.ts';
import type { Grouped, Materialized, Named } from './options.ts';
import { Stream } from './stream.ts';
import { type Suppressed, suppressed } from './suppressed.ts';

// biome-ignore lint/suspicious/noExplicitAny: the two joins are told apart by their arguments; their overloads give the types.
type Any = any;

/**
 * Kafka's KTable: each record is what a key's row is from then on; one without a value, that there is none. Its methods and their meaning are
 * Kafka's; nothing is told of a row that neither was nor is.
 */
export class Table<K, V> {
  readonly graph: Graph;
  readonly place: Place;
  /** Of its rows, if they are kept. */
  readonly queryableStoreName: string | undefined;

  constructor(graph: Graph, place: Place, storeName: string | undefined) {
    this.graph = graph;
    this.place = place;
    this.queryableStoreName = storeName;
  }

  filter(
    predicate: (key: K, value: V) => boolean,
    materialized: Materialized<K, V> & Named = {},
  ): Table<K, V> {
    const mapper = (key: K, value: V) => (requireSync(predicate(key, value)) ? value : undefined);
    return this.#map('KTABLE-FILTER-', mapper, materialized);
  }

  filterNot(
    predicate: (key: K, value: V) => boolean,
    materialized: Materialized<K, V> & Named = {},
  ): Table<K, V> {
    return this.filter((key, value) => !requireSync(predicate(key, value)), materialized);
  }

  /** `undefined` for a value whose row is not to be. */
  mapValues<VR>(
    mapper: (value: V, key: K) => VR | undefined,
    materialized: Materialized<K, VR> & Named = {},
  ): Table<K, VR> {
    return this.#map('KTABLE-MAPVALUES-', (key, value) => mapper(value, key), materialized);
  }

  toStream({ name = this.graph.newName('KTABLE-TOSTREAM-') }: Named = {}): Stream<K, V> {
    return new Stream(this.graph, this.graph.add(this.place, name, toStream()));
  }

  /** Holds changes back: until a window is final, or for some time, so that several of a row become one (KIP-328). */
  suppress(rules: Suppressed): Table<K, V> {
    return new Table<K, V>(this.graph, suppressed<K, V>(this.graph, this.place, rules), undefined);
  }

  /** Rows of which others are made: a change of one takes what it was out of its group, and puts what it is in. */
  groupBy<KR, VR = V>(
    selector: (key: K, value: V) => readonly [KR | null, VR],
    { keySerde, valueSerde, name }: Grouped<KR, VR> = {},
  ): GroupedTable<KR, VR> {
    const node = this.graph.newName('KTABLE-SELECT-');
    const place = this.graph.add(this.place, node, regroup(selector), {
      place: { keySerde, valueSerde, isRekeyed: true },
    });
    return new GroupedTable(this.graph, place, name);
  }

  /** A row of each key that both have; none where the joiner gives none. */
  join<VO, VR>(
    other: Table<K, VO>,
    joiner: ValueJoiner<V, VO, K, VR | null | undefined>,
    materialized?: Materialized<K, VR> & Named,
  ): Table<K, VR>;
  /** A row of each of this table's that names one of the other, by its key: null for none. */
  join<KO, VO, VR>(
    other: Table<KO, VO>,
    foreignKey: (value: V, key: K) => KO | null | undefined,
    joiner: ValueJoiner<V, VO, K, VR | null | undefined>,
    materialized?: Materialized<K, VR> & Named,
  ): Table<K, VR>;
  join(...args: Any[]): Table<K, Any> {
    return joinTableBy('inner', this, args);
  }

  /** A row of each that this table has. */
  leftJoin<VO, VR>(
    other: Table<K, VO>,
    joiner: ValueJoiner<V, VO | undefined, K, VR | null | undefined>,
    materialized?: Materialized<K, VR> & Named,
  ): Table<K, VR>;
  leftJoin<KO, VO, VR>(
    other: Table<KO, VO>,
    foreignKey: (value: V, key: K) => KO | null | undefined,
    joiner: ValueJoiner<V, VO | undefined, K, VR | null | undefined>,
    materialized?: Materialized<K, VR> & Named,
  ): Table<K, VR>;
  leftJoin(...args: Any[]): Table<K, Any> {
    return joinTableBy('left', this, args);
  }

  /** A row of each key that either has. */
  outerJoin<VO, VR>(
    other: Table<K, VO>,
    joiner: ValueJoiner<V | undefined, VO | undefined, K, VR | null | undefined>,
    materialized: Materialized<K, VR> & Named = {},
  ): Table<K, VR> {
    return joinTableBy('outer', this, [other, joiner, materialized]);
  }

  #map<VR>(
    prefix: string,
    mapper: (key: K, value: V) => VR | undefined,
    materialized: Materialized<K, VR> & Named,
  ): Table<K, VR> {
    const name = materialized.name ?? this.graph.newName(prefix);
    const { keySerde = this.place.keySerde, valueSerde } = materialized;
    // A filter's rows are of the same serde, and it is given none.
    const serdes = {
      keySerde,
      valueSerde: valueSerde ?? (prefix === 'KTABLE-FILTER-' ? this.place.valueSerde : undefined),
    };
    const mapped = this.graph.add(this.place, name, mapTable(mapper), { place: serdes });
    return materializedTable(this.graph, mapped, materialized);
  }
}

/** Of a table whose changes come from there: with a store if one is named. */
export function materializedTable<K, V>(
  graph: Graph,
  place: Place,
  materialized: Materialized<K, V>,
): Table<K, V> {
  if (materialized.storeName === undefined) return new Table(graph, place, undefined);
  const { storeName, place: typed } = tableStore(graph, place, materialized.storeName, materialized);
  const node = graph.newName('KTABLE-MATERIALIZE-');
  const kept = graph.add(typed, node, materialize(storeName), { stores: [storeName] });
  return new Table(graph, kept, storeName);
}
