import type { Aggregator } from '../operators/aggregate.ts';
import {
  type SessionAggregation,
  sessionWindowAggregate,
} from '../operators/windows/sessionWindowAggregate.ts';
import { slidingWindowAggregate } from '../operators/windows/slidingWindowAggregate.ts';
import { timeWindowAggregate } from '../operators/windows/timeWindowAggregate.ts';
import type { Serde } from '../serdes.ts';
import { sessionStoreBuilder } from '../state/sessionStore.ts';
import { timestamped } from '../state/timestamped.ts';
import { windowStoreBuilder } from '../state/windowStore.ts';
import { TopologyError } from '../topology/topologyError.ts';
import type { SessionWindows } from '../windows/sessionWindows.ts';
import type { SlidingWindows } from '../windows/slidingWindows.ts';
import type { TimeWindows } from '../windows/timeWindows.ts';
import { sessionWindowedSerde, timeWindowedSerde, type Windowed } from '../windows/windowed.ts';
import { type Graph, type Place, requireSerde } from './graph.ts';
import type { Windowing, WindowMaterialized } from './options.ts';
import { Table } from './table.ts';

type Emit = NonNullable<Windowing['emit']>;

/** Where records come from that already are where their keys belong, and what the nodes are called. */
export interface Keyed {
  readonly graph: Graph;
  readonly place: Place;
  readonly parents?: readonly string[];
  readonly node: string;
  readonly defaultStore: string;
}

interface Known<K, A> {
  readonly storeName: string;
  readonly keySerde: Serde<K>;
  readonly valueSerde: Serde<A>;
  readonly options: {
    readonly logged: boolean;
    readonly changelogConfigs: Readonly<Record<string, string>>;
    readonly retentionMs: number;
  };
}

function known<K, A>(
  { place, defaultStore }: Keyed,
  materialized: WindowMaterialized<K, A>,
  leastMs: number,
): Known<K, A> {
  const { storeName = defaultStore, logged = true, changelogConfigs = {} } = materialized;
  const { retentionMs = leastMs } = materialized;
  if (retentionMs < leastMs)
    throw new TopologyError(`windows of ${storeName} can change for ${leastMs} ms, and are kept for less`);
  return {
    storeName,
    keySerde: requireSerde<K>(materialized.keySerde ?? place.keySerde, `keys of store ${storeName}`),
    valueSerde: requireSerde<A>(materialized.valueSerde, `values of store ${storeName}`),
    options: { logged, changelogConfigs, retentionMs },
  };
}

export function timeWindowedTable<K, V, A>(
  keyed: Keyed,
  windows: TimeWindows | SlidingWindows,
  emit: Emit,
  add: Aggregator<K, V, A>,
  materialized: WindowMaterialized<K, A>,
): Table<Windowed<K>, A> {
  const isSliding = windows.kind === 'sliding';
  const windowSizeMs = isSliding ? windows.timeDifferenceMs : windows.sizeMs;
  // Kafka's: a sliding window that is new is made of one that ends before it begins.
  const leastMs = (isSliding ? 2 : 1) * windowSizeMs + windows.graceMs;
  const { storeName, keySerde, valueSerde, options } = known(keyed, materialized, leastMs);
  const { graph, place, parents = [place.node], node } = keyed;
  graph.addStore(
    windowStoreBuilder(storeName, keySerde, timestamped(valueSerde), { ...options, windowSizeMs }),
  );
  const supplier = isSliding
    ? slidingWindowAggregate(windows, { storeName, emit }, add)
    : timeWindowAggregate(windows, { storeName, emit }, add);
  const kept = graph.add(place, node, supplier, {
    stores: [storeName],
    parents,
    place: {
      keySerde: timeWindowedSerde(keySerde, windowSizeMs),
      valueSerde,
      // The end of a sliding window is part of it.
      windowClosesAfterMs: windows.graceMs + (isSliding ? 1 : 0),
    },
  });
  return new Table(graph, kept, storeName);
}

export function sessionWindowedTable<K, V, A>(
  keyed: Keyed,
  windows: SessionWindows,
  emit: Emit,
  aggregation: SessionAggregation<K, V, A>,
  materialized: WindowMaterialized<K, A>,
): Table<Windowed<K>, A> {
  const leastMs = windows.inactivityGapMs + windows.graceMs;
  const { storeName, keySerde, valueSerde, options } = known(keyed, materialized, leastMs);
  const { graph, place, parents = [place.node], node } = keyed;
  graph.addStore(sessionStoreBuilder(storeName, keySerde, valueSerde, options));
  const supplier = sessionWindowAggregate(windows, { storeName, emit }, aggregation);
  const kept = graph.add(place, node, supplier, {
    stores: [storeName],
    parents,
    place: {
      keySerde: sessionWindowedSerde(keySerde),
      valueSerde,
      // The end of a session is part of it.
      windowClosesAfterMs: leastMs + 1,
    },
  });
  return new Table(graph, kept, storeName);
}
