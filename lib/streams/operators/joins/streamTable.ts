import type { ProcessorContext, ProcessorSupplier } from '../../processor/processor.ts';
import { requireSync } from '../../processor/requireSync.ts';
import type { StateStore } from '../../state/store.ts';

export interface TableLookupOptions<K, V, KO, VO, VR> {
  readonly storeName: string;
  /** A value of the store's; `undefined`: the table has no such row. */
  readonly lookUp: (store: StateStore, key: KO) => VO | undefined;
  /** Of the row that belongs to a record; null: none does. */
  readonly keyOf: (key: K, value: V) => KO | null | undefined;
  /** Whether a record that has no row is told. */
  readonly isLeft: boolean;
  readonly joiner: (value: V, other: VO | undefined, key: K) => VR;
}

/**
 * Kafka's KStreamKTableJoinProcessor: each record with the row as it is now; nothing is told when the row changes. A record without a value is
 * dropped, and so is one that names no row, unless it is a left join (KIP-962): that tells those that have none, too.
 */
export function lookUpTable<K, V, KO, VO, VR>(
  options: TableLookupOptions<K, V, KO, VO, VR>,
): ProcessorSupplier<K, V | null, K, VR> {
  const { storeName, lookUp, keyOf, isLeft, joiner } = options;
  return () => {
    let context: ProcessorContext<K, VR>;
    let store: StateStore;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(storeName);
      },
      process(record) {
        const { key, value } = record;
        if (value === null || value === undefined) return context.drop();
        const row = requireSync(keyOf(key, value));
        const hasKey = row !== null && row !== undefined;
        if (!hasKey && !isLeft) return context.drop();
        const other = hasKey ? lookUp(store, row) : undefined;
        if (other === undefined && !isLeft) return;
        context.forward({ ...record, value: requireSync(joiner(value, other, key)) });
      },
    };
  };
}
