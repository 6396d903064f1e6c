import type { ProcessorContext, ProcessorSupplier } from '../../processor/processor.ts';
import { requireSync } from '../../processor/requireSync.ts';
import type { Change } from '../../record.ts';
import type { KeyValueStore } from '../../state/keyValueStore.ts';
import type { ValueAndTimestamp } from '../../state/timestamped.ts';
import type { JoinSide } from '../../state/unmatchedStore.ts';

/** A row made of two: `undefined` for none. */
export type RowJoiner<K, L, R, VR> = (left: L | undefined, right: R | undefined, key: K) => VR | undefined;

/** Which sides a row needs, so that there is one of the join's. */
export interface NeededSides {
  readonly left: boolean;
  readonly right: boolean;
}

/** Without either side there is no row; nor without one that is needed. */
export function rowJoiner<K, L, R, VR>(
  needed: NeededSides,
  joiner: (left: L | undefined, right: R | undefined, key: K) => VR | null | undefined,
): RowJoiner<K, L, R, VR> {
  return (left, right, key) => {
    if (left === undefined && (needed.left || right === undefined)) return undefined;
    if (right === undefined && needed.right) return undefined;
    return requireSync(joiner(left, right, key)) ?? undefined;
  };
}

/**
 * One side of Kafka's joins of tables (KTableKTableInnerJoin, …LeftJoin, …OuterJoin): a change, with the other side's row as it is, is a change
 * of the join's row, of the later of both times.
 */
export function joinChange<K, L, R, VR>(
  side: JoinSide,
  otherStore: string,
  joiner: RowJoiner<K, L, R, VR>,
): ProcessorSupplier<K, Change<L | R>, K, Change<VR>> {
  return () => {
    let context: ProcessorContext<K, Change<VR>>;
    let store: KeyValueStore<K, ValueAndTimestamp<L | R>>;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(otherStore);
      },
      process(record) {
        const { key, value } = record;
        const other = store.get(key);
        const joined = (row: L | R | undefined): VR | undefined =>
          side === 'left'
            ? joiner(row as L | undefined, other?.value as R | undefined, key)
            : joiner(other?.value as L | undefined, row as R | undefined, key);
        const newValue = joined(value.newValue);
        const oldValue = joined(value.oldValue);
        if (newValue === undefined && oldValue === undefined) return;
        const timestamp = Math.max(record.timestamp, other?.timestamp ?? -1);
        context.forward({ ...record, timestamp, value: { newValue, oldValue } });
      },
    };
  };
}
