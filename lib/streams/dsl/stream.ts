import * as stateless from '../operators/stateless.ts';
import { tableSource } from '../operators/table.ts';
import type { ProcessorSupplier } from '../processor/processor.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { StreamRecord } from '../record.ts';
import { TopologyError } from '../topology/topologyError.ts';
import type { JoinWindows } from '../windows/joinWindows.ts';
import type { GlobalTable } from './globalTable.ts';
import { type Graph, type Place, repartition, requireSerde } from './graph.ts';
import { GroupedStream } from './groupedStream.ts';
import type { GlobalJoined, Joined, StreamJoined, ValueJoiner } from './joins/options.ts';
import { joinStream } from './joins/stream.ts';
import { tableStore } from './materialized.ts';
import type { Grouped, Materialized, Named, Produced, Repartitioned, Typed } from './options.ts';
import { Table } from './table.ts';

// biome-ignore lint/suspicious/noExplicitAny: joins are told apart by what they are with; their overloads give the types.
type Any = any;

/** Where `split` sends a record. */
export interface Branch<K, V> {
  readonly name: string;
  /** Left out: whatever none before has taken. */
  readonly when?: (key: K, value: V) => boolean;
}

/** Kafka's KStream: each record is an event of its own. Its methods and their meaning are Kafka's. */
export class Stream<K, V> {
  readonly graph: Graph;
  readonly place: Place;

  constructor(graph: Graph, place: Place) {
    this.graph = graph;
    this.place = place;
  }

  filter(predicate: (key: K, value: V) => boolean, { name }: Named = {}): Stream<K, V> {
    return this.#add('KSTREAM-FILTER-', name, stateless.filter(predicate));
  }

  filterNot(predicate: (key: K, value: V) => boolean, named: Named = {}): Stream<K, V> {
    return this.filter((key, value) => !requireSync(predicate(key, value)), named);
  }

  /** A new key goes by way of a topic before anything is grouped or joined by it. */
  map<KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR], typed: Typed<KR, VR> = {}): Stream<KR, VR> {
    return this.#add('KSTREAM-MAP-', typed.name, stateless.map(mapper), rekeyed(typed));
  }

  mapValues<VR>(
    mapper: (value: V, key: K) => VR,
    { name, valueSerde }: Omit<Typed<K, VR>, 'keySerde'> = {},
  ): Stream<K, VR> {
    return this.#add('KSTREAM-MAPVALUES-', name, stateless.mapValues(mapper), { valueSerde });
  }

  flatMap<KR, VR>(
    mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>,
    typed: Typed<KR, VR> = {},
  ): Stream<KR, VR> {
    return this.#add('KSTREAM-FLATMAP-', typed.name, stateless.flatMap(mapper), rekeyed(typed));
  }

  flatMapValues<VR>(
    mapper: (value: V, key: K) => Iterable<VR>,
    { name, valueSerde }: Omit<Typed<K, VR>, 'keySerde'> = {},
  ): Stream<K, VR> {
    return this.#add('KSTREAM-FLATMAPVALUES-', name, stateless.flatMapValues(mapper), { valueSerde });
  }

  selectKey<KR>(
    mapper: (key: K, value: V) => KR,
    { name, keySerde }: Omit<Typed<KR, V>, 'valueSerde'> = {},
  ): Stream<KR, V> {
    const supplier = stateless.map((key: K, value: V) => [mapper(key, value), value] as const);
    return this.#add('KSTREAM-KEY-SELECT-', name, supplier, { keySerde, isRekeyed: true });
  }

  peek(action: (key: K, value: V) => void, { name }: Named = {}): Stream<K, V> {
    return this.#add('KSTREAM-PEEK-', name, stateless.peek(action));
  }

  foreach(action: (key: K, value: V) => void, { name }: Named = {}): void {
    this.#add('KSTREAM-FOREACH-', name, stateless.peek(action));
  }

  /** Each record goes to the first branch that takes it, or to none. By the names of the branches. */
  split<Name extends string>(
    branches: readonly (Branch<K, V> & { readonly name: Name })[],
    { name = this.graph.newName('KSTREAM-BRANCH-') }: Named = {},
  ): Record<Name, Stream<K, V>> {
    const otherwise = branches.findIndex(({ when }) => when === undefined);
    if (otherwise >= 0 && otherwise < branches.length - 1)
      throw new TopologyError(`behind branch ${branches[otherwise]!.name} nothing is left`);
    const children = branches.map((branch) => `${name}-${branch.name}`);
    const predicates = branches.flatMap(({ when }) => (when === undefined ? [] : [when]));
    const place = this.graph.add(this.place, name, stateless.branch(predicates, children));
    const streams = branches.map((branch, i): [Name, Stream<K, V>] => {
      const child = this.graph.add(place, children[i]!, stateless.passThrough());
      return [branch.name, new Stream(this.graph, child)];
    });
    return Object.fromEntries(streams) as Record<Name, Stream<K, V>>;
  }

  /** The records of both, in no order between them. */
  merge(other: Stream<K, V>, { name = this.graph.newName('KSTREAM-MERGE-') }: Named = {}): Stream<K, V> {
    const place = this.graph.add(this.place, name, stateless.passThrough(), {
      parents: [this.place.node, other.place.node],
      place: {
        sources: [...new Set([...this.place.sources, ...other.place.sources])],
        isRekeyed: this.place.isRekeyed || other.place.isRekeyed,
        keySerde: this.place.keySerde ?? other.place.keySerde,
        valueSerde: this.place.valueSerde ?? other.place.valueSerde,
      },
    });
    return new Stream(this.graph, place);
  }

  /** Whatever cannot be said otherwise. It may change the key; `processValues` may not. */
  process<KR, VR>(
    supplier: ProcessorSupplier<K, V, KR, VR>,
    { name, stores = [], ...typed }: Typed<KR, VR> & { readonly stores?: readonly string[] } = {},
  ): Stream<KR, VR> {
    return this.#add('KSTREAM-PROCESSOR-', name, supplier, rekeyed(typed), stores);
  }

  processValues<VR>(
    supplier: ProcessorSupplier<K, V, K, VR>,
    {
      name,
      stores = [],
      valueSerde,
    }: Omit<Typed<K, VR>, 'keySerde'> & { readonly stores?: readonly string[] } = {},
  ): Stream<K, VR> {
    return this.#add('KSTREAM-PROCESSVALUES-', name, supplier, { valueSerde }, stores);
  }

  to(topic: string | ((record: StreamRecord<K, V>) => string), produced: Produced<K, V> = {}): void {
    const { name = this.graph.newName('KSTREAM-SINK-'), partitioner } = produced;
    const told = typeof topic === 'string' ? topic : 'its topics';
    this.graph.topology.addSink(name, topic, [this.place.node], {
      keySerde: requireSerde(produced.keySerde ?? this.place.keySerde, `keys of ${told}`),
      valueSerde: requireSerde(produced.valueSerde ?? this.place.valueSerde, `values of ${told}`),
      ...(partitioner && { partitioner }),
    });
  }

  /** By way of a topic of the application's own, in which keys decide the partitions anew; without a key it is any (KIP-962). */
  repartition({ name, ...options }: Repartitioned<K, V> = {}): Stream<K, V> {
    const topic = name ?? this.graph.newName('KSTREAM-REPARTITION-');
    return new Stream(
      this.graph,
      repartition(this.graph, this.place, topic, { ...options, keepsNullKeys: true }),
    );
  }

  groupByKey(grouped: Grouped<K, V> = {}): GroupedStream<K, V> {
    return new GroupedStream(this.graph, withSerdes(this.place, grouped), grouped.name);
  }

  groupBy<KR>(selector: (key: K, value: V) => KR, grouped: Grouped<KR, V> = {}): GroupedStream<KR, V> {
    const { keySerde, valueSerde = this.place.valueSerde, name } = grouped;
    const place = { ...this.selectKey(selector).place, keySerde, valueSerde };
    return new GroupedStream(this.graph, place, name);
  }

  /** The last value of each key. */
  toTable(materialized: Materialized<K, V> = {}): Table<K, V> {
    const name = this.graph.newName('KSTREAM-TOTABLE-');
    const place = this.place.isRekeyed ? repartition(this.graph, this.place, name, materialized) : this.place;
    const store = this.graph.newName('KSTREAM-TOTABLE-STATE-STORE-');
    const known = tableStore(this.graph, withSerdes(place, materialized), store, materialized);
    const made = this.graph.add(known.place, name, tableSource(known.storeName), {
      stores: [known.storeName],
    });
    return new Table(this.graph, made, known.storeName);
  }

  /** Each record with those of the same key that are within its window. */
  join<VO, VR>(
    other: Stream<K, VO>,
    joiner: ValueJoiner<V, VO, K, VR>,
    windows: JoinWindows,
    options?: StreamJoined<K, V, VO, VR>,
  ): Stream<K, VR>;
  /** Each record with the row of its key, as that is when the record comes. */
  join<VO, VR>(
    table: Table<K, VO>,
    joiner: ValueJoiner<V, VO, K, VR>,
    options?: Joined<K, V, VR>,
  ): Stream<K, VR>;
  /** Each record with the row that the mapper names: null for none. */
  join<KG, VG, VR>(
    table: GlobalTable<KG, VG>,
    mapper: (key: K, value: V) => KG | null,
    joiner: ValueJoiner<V, VG, K, VR>,
    options?: GlobalJoined<VR>,
  ): Stream<K, VR>;
  join(...args: Any[]): Stream<K, Any> {
    return joinStream('inner', this, args);
  }

  /** As `join`; and each record that met none of the other stream, alone, when its window has closed. */
  leftJoin<VO, VR>(
    other: Stream<K, VO>,
    joiner: ValueJoiner<V, VO | undefined, K, VR>,
    windows: JoinWindows,
    options?: StreamJoined<K, V, VO, VR>,
  ): Stream<K, VR>;
  /** As `join`; and each record that has no row. */
  leftJoin<VO, VR>(
    table: Table<K, VO>,
    joiner: ValueJoiner<V, VO | undefined, K, VR>,
    options?: Joined<K, V, VR>,
  ): Stream<K, VR>;
  leftJoin<KG, VG, VR>(
    table: GlobalTable<KG, VG>,
    mapper: (key: K, value: V) => KG | null,
    joiner: ValueJoiner<V, VG | undefined, K, VR>,
    options?: GlobalJoined<VR>,
  ): Stream<K, VR>;
  leftJoin(...args: Any[]): Stream<K, Any> {
    return joinStream('left', this, args);
  }

  /** As `join`; and each record, of either stream, that met none of the other, alone, when its window has closed. */
  outerJoin<VO, VR>(
    other: Stream<K, VO>,
    joiner: ValueJoiner<V | undefined, VO | undefined, K, VR>,
    windows: JoinWindows,
    options: StreamJoined<K, V, VO, VR> = {},
  ): Stream<K, VR> {
    return joinStream('outer', this, [other, joiner, windows, options]);
  }

  #add<KR, VR>(
    prefix: string,
    name: string | undefined,
    supplier: ProcessorSupplier<K, V, KR, VR>,
    changed: Partial<Place> = {},
    stores: readonly string[] = [],
  ): Stream<KR, VR> {
    const options = { stores, place: changed };
    return new Stream(
      this.graph,
      this.graph.add(this.place, name ?? this.graph.newName(prefix), supplier, options),
    );
  }
}

function rekeyed<K, V>({ keySerde, valueSerde }: Typed<K, V>): Partial<Place> {
  return { keySerde, valueSerde, isRekeyed: true };
}

/** What was given counts more than what was known. */
export function withSerdes<K, V>(
  place: Place,
  { keySerde = place.keySerde, valueSerde = place.valueSerde }: Typed<K, V>,
): Place {
  return { ...place, keySerde, valueSerde };
}
