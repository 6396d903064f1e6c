import type { ProcessorSupplier } from '../processor/processor.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { Change } from '../record.ts';
import type { Serde } from '../serdes.ts';
import { type Aggregator, aggregate } from './aggregate.ts';
import { stateless } from './stateless.ts';

/** What a row's change takes from, or adds to, the aggregate of the key that it is grouped by. */
export interface Delta<V> {
  readonly is: 'subtracted' | 'added';
  readonly value: V;
}

/** One byte that says which, then the value. */
export function deltas<V>(serde: Serde<V>): Serde<Delta<V>> {
  return {
    serialize({ is, value }) {
      const bytes = serde.serialize(value);
      const out = new Uint8Array(1 + bytes.length);
      out[0] = is === 'added' ? 1 : 0;
      out.set(bytes, 1);
      return out;
    },
    deserialize: (bytes) => ({
      is: bytes[0] === 1 ? 'added' : 'subtracted',
      value: serde.deserialize(bytes.subarray(1)),
    }),
  };
}

/** Kafka's order: what was is subtracted first. A row whose new key is null is in no group. */
export const regroup = <K, V, KR, VR>(selector: (key: K, value: V) => readonly [KR | null, VR]) =>
  stateless<K, Change<V>, KR, Delta<VR>>((record, forward) => {
    const { key, value } = record;
    const tell = (is: Delta<VR>['is'], row: V | undefined): void => {
      if (row === undefined) return;
      const [group, grouped] = requireSync(selector(key, row));
      if (group !== null) forward({ ...record, key: group, value: { is, value: grouped } });
    };
    tell('subtracted', value.oldValue);
    tell('added', value.newValue);
  });

export function aggregateTable<K, V, A>(
  storeName: string,
  initializer: () => A,
  adder: (key: K, value: V, aggregate: A) => A,
  subtractor: (key: K, value: V, aggregate: A) => A,
): ProcessorSupplier<K | null, Delta<V> | null, K, Change<A>> {
  const aggregator: Aggregator<K, Delta<V>, A> = (key, { is, value }, before) => {
    const change = is === 'added' ? adder : subtractor;
    return change(key, value, before ?? requireSync(initializer()));
  };
  return aggregate(storeName, aggregator);
}
