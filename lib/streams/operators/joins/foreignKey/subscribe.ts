import type { ProcessorContext, ProcessorSupplier } from '../../../processor/processor.ts';
import { requireSync } from '../../../processor/requireSync.ts';
import type { Change } from '../../../record.ts';
import type { Serde } from '../../../serdes.ts';
import { compareBytes } from '../../../state/byteStore.ts';
import type { KeyValueStore } from '../../../state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../../../state/timestamped.ts';
import { hashOf, type Subscription, type SubscriptionResponse } from './subscription.ts';

export interface SubscribeOptions<K, V, KO> {
  readonly leftStore: string;
  readonly foreignKey: (value: V, key: K) => KO | null | undefined;
  readonly foreignKeySerde: Serde<KO>;
  readonly valueSerde: Serde<V>;
  /** Children: the topic of subscriptions, and what resolves responses. */
  readonly sink: string;
  readonly resolver: string;
}

/**
 * The left side of a join by foreign key (KIP-213): a row that names another right row than before takes its subscription back, and one that names any
 * subscribes to it, anew at each change, so that the response is of its value. One that names none, or is gone, needs no response: it is resolved
 * here. Unlike Kafka's, every subscription is responded to, also by a right row that is not there: so of all responses to a value of the row the last
 * is right, even if the row was gone, and has come back, meanwhile.
 */
export function subscribe<K, V, KO>(
  options: SubscribeOptions<K, V, KO>,
): ProcessorSupplier<K, Change<V>, KO | K, Subscription<K> | SubscriptionResponse<never>> {
  const { leftStore, foreignKey, foreignKeySerde, valueSerde, sink, resolver } = options;
  const keyOf = (value: V | undefined, key: K) => {
    const found = value === undefined ? undefined : requireSync(foreignKey(value, key));
    if (found === undefined || found === null) return undefined;
    return { key: found, bytes: foreignKeySerde.serialize(found) };
  };
  return () => {
    let context: ProcessorContext<KO | K, Subscription<K> | SubscriptionResponse<never>>;
    let store: KeyValueStore<K, ValueAndTimestamp<V>>;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(leftStore);
      },
      process(record) {
        const { key: primaryKey, value } = record;
        const before = keyOf(value.oldValue, primaryKey);
        const now = keyOf(value.newValue, primaryKey);
        // Of what the store gives back, as the resolver does: a serde may not read just what it wrote.
        const hash = hashOf(valueSerde, store.get(primaryKey)?.value);
        const tell = (is: Subscription<K>['is'], key: KO): void =>
          context.forward(
            { ...record, key, value: { is, primaryKey, hash, partition: context.taskId.partition } },
            sink,
          );
        if (before !== undefined && (now === undefined || compareBytes(before.bytes, now.bytes) !== 0))
          tell('unsubscribed', before.key);
        if (now !== undefined) tell('subscribed', now.key);
        else context.forward({ ...record, value: { hash, foreignValue: undefined } }, resolver);
      },
    };
  };
}
