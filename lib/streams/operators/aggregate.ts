import type { ProcessorContext, ProcessorSupplier } from '../processor/processor.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { Change } from '../record.ts';
import type { KeyValueStore } from '../state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../state/timestamped.ts';

/** `undefined`: there is none (any more). */
export type Aggregator<K, V, A> = (key: K, value: V, aggregate: A | undefined) => A | undefined;

/**
 * One aggregate for each key, of all its records. Its time is the greatest of theirs. Kafka's: records without a key or a value are passed
 * over.
 */
export function aggregate<K, V, A>(
  storeName: string,
  aggregator: Aggregator<K, V, A>,
): ProcessorSupplier<K | null, V | null, K, Change<A>> {
  return () => {
    let context: ProcessorContext<K, Change<A>>;
    let store: KeyValueStore<K, ValueAndTimestamp<A>>;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(storeName);
      },
      process(record) {
        const { key, value } = record;
        if (key === null || key === undefined || value === null || value === undefined) return;
        const before = store.get(key);
        const newValue = requireSync(aggregator(key, value, before?.value));
        const timestamp = Math.max(before?.timestamp ?? -1, record.timestamp);
        if (newValue === undefined) store.delete(key);
        else store.put(key, { value: newValue, timestamp });
        if (newValue === undefined && before === undefined) return;
        context.forward({ ...record, key, timestamp, value: { newValue, oldValue: before?.value } });
      },
    };
  };
}
