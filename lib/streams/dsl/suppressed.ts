import { suppress } from '../operators/windows/suppress.ts';
import { suppressBufferBuilder } from '../state/suppressBuffer.ts';
import { TopologyError } from '../topology/topologyError.ts';
import { requireDuration } from '../windows/duration.ts';
import type { Windowed } from '../windows/windowed.ts';
import { type Graph, type Place, requireSerde } from './graph.ts';

interface Buffered {
  readonly name?: string;
  /** Of the rows that are held back. */
  readonly storeName?: string;
  /** How many rows may be held back: as many as there are unless given. */
  readonly maxRecords?: number;
  readonly logged?: boolean;
  readonly changelogConfigs?: Readonly<Record<string, string>>;
}

/**
 * Kafka's Suppressed (https://cwiki.apache.org/confluence/display/KAFKA/KIP-328). `untilWindowCloses`: each window once, when it is final; none is
 * told of early, so with too many rows processing fails. `untilTimeLimitMs`: the last change of a row that long after the first, by stream time;
 * with too many rows, the earliest sooner (unless `onFull` says otherwise). Both depend on records that come later: without any, nothing is told.
 */
export type Suppressed = Buffered &
  (
    | { readonly untilWindowCloses: true; readonly onFull?: 'shut-down' }
    | { readonly untilTimeLimitMs: number; readonly onFull?: 'emit-early' | 'shut-down' }
  );

export function suppressed<K, V>(graph: Graph, place: Place, rules: Suppressed): Place {
  const name = rules.name ?? graph.newName('KTABLE-SUPPRESS-');
  const defaultStore = graph.newName('KTABLE-SUPPRESS-STATE-STORE-');
  const { storeName = defaultStore, maxRecords = Number.POSITIVE_INFINITY, logged, changelogConfigs } = rules;
  const keySerde = requireSerde<K>(place.keySerde, `keys of store ${storeName}`);
  const valueSerde = requireSerde<V>(place.valueSerde, `values of store ${storeName}`);
  graph.addStore(
    suppressBufferBuilder(storeName, keySerde, valueSerde, {
      ...(logged !== undefined && { logged }),
      ...(changelogConfigs && { changelogConfigs }),
    }),
  );
  const stores = { stores: [storeName] };
  if ('untilTimeLimitMs' in rules) {
    const forMs = requireDuration('the time limit', rules.untilTimeLimitMs, 0);
    const { onFull = 'emit-early' } = rules;
    const since = ({ timestamp }: { timestamp: number }) => timestamp;
    const supplier = suppress<K, V>({ storeName, since, forMs, maxRecords, onFull });
    return graph.add(place, name, supplier, stores);
  }
  const { windowClosesAfterMs: forMs } = place;
  if (forMs === undefined) throw new TopologyError(`the rows of ${name} are not of windows: none closes`);
  const supplier = suppress<Windowed<unknown>, V>({
    ...{ storeName, forMs, maxRecords, onFull: 'shut-down' },
    since: ({ key }) => key.window.endMs,
  });
  return graph.add(place, name, supplier, stores);
}
