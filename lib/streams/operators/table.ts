import type { ProcessorContext, ProcessorSupplier } from '../processor/processor.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { Change } from '../record.ts';
import type { KeyValueStore } from '../state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../state/timestamped.ts';
import { stateless } from './stateless.ts';

type TableStore<K, V> = KeyValueStore<K, ValueAndTimestamp<V>>;

/** A changelog's records as changes of a table. Kafka's: one without a key is passed over. */
export function tableSource<K, V>(storeName: string): ProcessorSupplier<K | null, V | null, K, Change<V>> {
  return () => {
    let context: ProcessorContext<K, Change<V>>;
    let store: TableStore<K, V>;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(storeName);
      },
      process(record) {
        const { key, value, timestamp } = record;
        if (key === null || key === undefined) return;
        const oldValue = store.get(key)?.value;
        const newValue = value ?? undefined;
        if (newValue === undefined) store.delete(key);
        else store.put(key, { value: newValue, timestamp });
        if (newValue === undefined && oldValue === undefined) return;
        context.forward({ ...record, key, value: { newValue, oldValue } });
      },
    };
  };
}

/** Rows made of a table's, each of one: `undefined` for none. Nothing is told of a row that was not, and is not. */
export const mapTable = <K, V, VR>(mapper: (key: K, value: V) => VR | undefined) =>
  stateless<K, Change<V>, K, Change<VR>>((record, forward) => {
    const { key, value } = record;
    const newValue = value.newValue === undefined ? undefined : requireSync(mapper(key, value.newValue));
    const oldValue = value.oldValue === undefined ? undefined : requireSync(mapper(key, value.oldValue));
    if (newValue === undefined && oldValue === undefined) return;
    forward({ ...record, value: { newValue, oldValue } });
  });

/** Keeps a table's rows in a store, to be looked up. */
export function materialize<K, V>(storeName: string): ProcessorSupplier<K, Change<V>, K, Change<V>> {
  return () => {
    let context: ProcessorContext<K, Change<V>>;
    let store: TableStore<K, V>;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(storeName);
      },
      process(record) {
        const { key, value, timestamp } = record;
        if (value.newValue === undefined) store.delete(key);
        else store.put(key, { value: value.newValue, timestamp });
        context.forward(record);
      },
    };
  };
}

/** A table's changes as records: a row that is gone is one without a value. */
export const toStream = <K, V>() =>
  stateless<K, Change<V>, K, V | null>((record, forward) =>
    forward({ ...record, value: record.value.newValue ?? null }),
  );
