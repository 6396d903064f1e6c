import { resolve } from '../../operators/joins/foreignKey/resolve.ts';
import { respondToChange, respondToSubscription } from '../../operators/joins/foreignKey/respond.ts';
import { subscribe } from '../../operators/joins/foreignKey/subscribe.ts';
import { responses, subscribers, subscriptions } from '../../operators/joins/foreignKey/subscription.ts';
import { rowJoiner } from '../../operators/joins/tableTable.ts';
import { tableSource } from '../../operators/table.ts';
import type { StreamRecord } from '../../record.ts';
import { Serdes } from '../../serdes.ts';
import { keyValueStoreBuilder } from '../../state/keyValueStore.ts';
import { timestamped } from '../../state/timestamped.ts';
import { type Graph, type Place, requireSerde } from '../graph.ts';
import { tableStore } from '../materialized.ts';
import type { Materialized, Named } from '../options.ts';
import { Table } from '../table.ts';
import type { JoinKind, ValueJoiner } from './options.ts';
import { copartitioned } from './partitioned.ts';
import { storedTable } from './storedTable.ts';

/**
 * Kafka's join of tables by a foreign key (KIP-213): left rows go to the right rows that they name by a topic that is partitioned as the right table is,
 * and what those are comes back by another, partitioned as the left table is. Its rows are always kept, so that what is told of them has their old
 * values: so their serde must be known.
 */
export function joinOnForeignKey<K, V, KO, VO, VR>(
  kind: Exclude<JoinKind, 'outer'>,
  table: Table<K, V>,
  other: Table<KO, VO>,
  foreignKey: (value: V, key: K) => KO | null | undefined,
  joiner: ValueJoiner<V, VO | undefined, K, VR | null | undefined>,
  materialized: Materialized<K, VR> & Named = {},
): Table<K, VR> {
  const { graph } = table;
  const left = storedTable(graph, table);
  const right = storedTable(graph, other);
  const names = namesOf(graph, materialized.name);
  const keySerde = requireSerde(left.table.place.keySerde, 'keys of the left table');
  const valueSerde = requireSerde(left.table.place.valueSerde, 'values of the left table');
  const foreignKeySerde = requireSerde(right.table.place.keySerde, 'keys of the right table');
  const foreignSerde = requireSerde(right.table.place.valueSerde, 'values of the right table');
  const leftStore = left.storeName;
  const rightStore = right.storeName;

  const sent = graph.add(
    left.table.place,
    names.registration,
    subscribe<K, V, KO>({
      ...{ leftStore, foreignKey, foreignKeySerde, valueSerde },
      ...{ sink: names.registrationSink, resolver: names.resolver },
    }),
    { stores: [leftStore] },
  );
  const received = byTopic(graph, {
    topic: names.registrationTopic,
    ...{ parents: [sent.node], sink: names.registrationSink, source: names.registrationSource },
    serdes: { keySerde: foreignKeySerde, valueSerde: subscriptions(keySerde) },
    beside: right.table.place,
  });

  const subscriberStore = names.store;
  graph.addStore(keyValueStoreBuilder(subscriberStore, Serdes.bytes, timestamped(subscribers)));
  const options = { subscriberStore, rightStore, keySerde, foreignKeySerde };
  const subscribed = graph.add(received, names.subscribed, respondToSubscription<K, KO, VO>(options), {
    stores: [subscriberStore, rightStore],
  });
  const changed = graph.add(right.table.place, names.changed, respondToChange<K, KO, VO>(options), {
    stores: [subscriberStore],
  });

  const responded = byTopic(graph, {
    topic: names.responseTopic,
    ...{ parents: [subscribed.node, changed.node], sink: names.responseSink, source: names.responseSource },
    serdes: { keySerde, valueSerde: responses(foreignSerde) },
    partitioner: ({ value }) => value.partition,
    beside: left.table.place,
  });
  const sources = [...new Set([...left.table.place.sources, ...responded.sources])];
  const rows = rowJoiner<K, V, VO, VR>({ left: true, right: kind === 'inner' }, (row, foreign, key) =>
    joiner(row as V, foreign, key),
  );
  const resolved = graph.add(responded, names.resolver, resolve(leftStore, valueSerde, rows), {
    ...{ parents: [responded.node, sent.node], stores: [leftStore] },
    place: { sources, keySerde, valueSerde: undefined },
  });
  const { storeName, place } = tableStore(graph, resolved, names.resultStore, materialized);
  const node = graph.add(place, names.output, tableSource(storeName), { stores: [storeName] });
  return new Table(graph, node, storeName);
}

// biome-ignore lint/suspicious/noExplicitAny: of any of both topics.
type Any = any;

/** A topic of the application's own, of as many partitions as the place beside which it comes out. */
function byTopic(
  graph: Graph,
  {
    topic,
    parents,
    sink,
    source,
    serdes,
    partitioner,
    beside,
  }: {
    readonly topic: string;
    readonly parents: readonly string[];
    readonly sink: string;
    readonly source: string;
    readonly serdes: Pick<Required<Place>, 'keySerde' | 'valueSerde'>;
    readonly partitioner?: (record: StreamRecord<Any, Any>) => number;
    readonly beside: Place;
  },
): Place {
  const { topology } = graph;
  const keySerde = requireSerde(serdes.keySerde, `keys of ${topic}`);
  const valueSerde = requireSerde(serdes.valueSerde, `values of ${topic}`);
  const typed = { keySerde, valueSerde };
  topology.addRepartitionTopic({ name: topic, partitions: undefined, isFollower: true });
  topology.addSink(sink, topic, parents, { ...typed, ...(partitioner && { partitioner }) });
  topology.addSource(source, [topic], typed);
  const place = { node: source, sources: [source], ...typed, isRekeyed: false };
  copartitioned(graph, place, beside);
  return place;
}

/** Kafka's names. */
function namesOf(graph: Graph, name: string | undefined) {
  const prefix = 'KTABLE-FK-JOIN-SUBSCRIPTION-';
  const registration = graph.newName(`${prefix}REGISTRATION-`);
  const counted = {
    registration,
    registrationSink: graph.newName('KTABLE-SINK-'),
    registrationSource: graph.newName('KTABLE-SOURCE-'),
    store: graph.newName(`${prefix}STATE-STORE-`),
    subscribed: graph.newName(`${prefix}PROCESSOR-`),
    changed: graph.newName(`${prefix}PROCESSOR-`),
  };
  const response = graph.newName(`${prefix}RESPONSE-`);
  const named = {
    responseSink: graph.newName('KTABLE-SINK-'),
    responseSource: graph.newName('KTABLE-SOURCE-'),
    resolver: graph.newName(`${prefix}RESPONSE-RESOLVER-PROCESSOR-`),
    output: name ?? graph.newName('KTABLE-FK-JOIN-OUTPUT-'),
    resultStore: graph.newName('KTABLE-FK-JOIN-OUTPUT-STATE-STORE-'),
  };
  return {
    ...{ ...counted, ...named },
    registrationTopic: name ? `${name}-subscription-registration-topic` : `${registration}-topic`,
    responseTopic: name ? `${name}-subscription-response-topic` : `${response}-topic`,
    ...(name && { store: `${name}-subscription-store`, resultStore: `${name}-store` }),
  };
}
