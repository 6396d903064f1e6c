import type { ProcessorContext, ProcessorSupplier } from '../../../processor/processor.ts';
import type { Serde } from '../../../serdes.ts';
import { compareBytes } from '../../../state/byteStore.ts';
import type { KeyValueStore } from '../../../state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../../../state/timestamped.ts';
import type { RowJoiner } from '../tableTable.ts';
import { hashOf, type SubscriptionResponse } from './subscription.ts';

/** What a response makes of the left row that it is for: none if that has another value by now, which another response is for. */
export function resolve<K, V, VO, VR>(
  leftStore: string,
  valueSerde: Serde<V>,
  joiner: RowJoiner<K, V, VO, VR>,
): ProcessorSupplier<K, SubscriptionResponse<VO>, K, VR | null> {
  return () => {
    let context: ProcessorContext<K, VR | null>;
    let store: KeyValueStore<K, ValueAndTimestamp<V>>;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(leftStore);
      },
      process(record) {
        const { hash, foreignValue } = record.value;
        const row = store.get(record.key)?.value;
        if (compareBytes(hash, hashOf(valueSerde, row)) !== 0) return;
        context.forward({ ...record, value: joiner(row, foreignValue, record.key) ?? null });
      },
    };
  };
}
