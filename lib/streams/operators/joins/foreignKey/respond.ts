import type { ProcessorContext, ProcessorSupplier } from '../../../processor/processor.ts';
import type { Change } from '../../../record.ts';
import type { Serde } from '../../../serdes.ts';
import type { KeyValueStore } from '../../../state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../../../state/timestamped.ts';
import {
  type RoutedResponse,
  type Subscriber,
  type Subscription,
  subscriberKey,
  subscribersOf,
} from './subscription.ts';

export interface RespondOptions<K, KO> {
  readonly subscriberStore: string;
  readonly rightStore: string;
  readonly keySerde: Serde<K>;
  readonly foreignKeySerde: Serde<KO>;
}

type Subscribers = KeyValueStore<Uint8Array, ValueAndTimestamp<Subscriber>>;

/** The right side, told of a left row: it is noted, and told what the right row is. */
export function respondToSubscription<K, KO, VO>(
  options: RespondOptions<K, KO>,
): ProcessorSupplier<KO, Subscription<K>, K, RoutedResponse<VO>> {
  const { subscriberStore, rightStore, keySerde, foreignKeySerde } = options;
  return () => {
    let context: ProcessorContext<K, RoutedResponse<VO>>;
    let subscribers: Subscribers;
    let rows: KeyValueStore<KO, ValueAndTimestamp<VO>>;
    return {
      init(given) {
        context = given;
        subscribers = given.getStateStore(subscriberStore);
        rows = given.getStateStore(rightStore);
      },
      process(record) {
        const { is, primaryKey, hash, partition } = record.value;
        const at = subscriberKey(foreignKeySerde.serialize(record.key), keySerde.serialize(primaryKey));
        if (is === 'unsubscribed') {
          subscribers.delete(at);
          return;
        }
        subscribers.put(at, { value: { hash, partition }, timestamp: record.timestamp });
        const row = rows.get(record.key);
        const timestamp = Math.max(record.timestamp, row?.timestamp ?? -1);
        const value = { hash, partition, foreignValue: row?.value };
        context.forward({ ...record, key: primaryKey, timestamp, value });
      },
    };
  };
}

/** The right side, changed: each left row that names the row is told. */
export function respondToChange<K, KO, VO>(
  options: Omit<RespondOptions<K, KO>, 'rightStore'>,
): ProcessorSupplier<KO, Change<VO>, K, RoutedResponse<VO>> {
  const { subscriberStore, keySerde, foreignKeySerde } = options;
  return () => {
    let context: ProcessorContext<K, RoutedResponse<VO>>;
    let subscribers: Subscribers;
    return {
      init(given) {
        context = given;
        subscribers = given.getStateStore(subscriberStore);
      },
      process(record) {
        const { newValue: foreignValue } = record.value;
        const prefix = subscribersOf(foreignKeySerde.serialize(record.key));
        for (const { key, value } of subscribers.prefixScan(prefix)) {
          const { hash, partition } = value.value;
          context.forward({
            ...record,
            key: keySerde.deserialize(key.subarray(prefix.length)),
            timestamp: Math.max(record.timestamp, value.timestamp),
            value: { hash, partition, foreignValue },
          });
        }
      },
    };
  };
}
