import type { ProcessorContext } from '../../processor/processor.ts';
import type { Change, StreamRecord } from '../../record.ts';
import type { ValueAndTimestamp } from '../../state/timestamped.ts';
import type { WindowStore } from '../../state/windowStore.ts';
import type { Windowed } from '../../windows/windowed.ts';

export interface WindowedAggregateOptions {
  readonly storeName: string;
  readonly emit: 'on-window-update' | 'on-window-close';
}

/** Kafka's: other records belong to no group, or add nothing to it. */
export function hasKeyAndValue<K, V>(record: StreamRecord<K | null, V | null>): record is StreamRecord<K, V> {
  const { key, value } = record;
  return key !== null && key !== undefined && value !== null && value !== undefined;
}

/** Windows that begin between these, both included: those that a record has closed. Each once, since stream time passes each but once. */
export function forwardClosed<K, A>(
  { forward }: ProcessorContext<Windowed<K>, Change<A>>,
  record: StreamRecord<K, unknown>,
  store: WindowStore<K, ValueAndTimestamp<A>>,
  fromMs: number,
  toMs: number,
): void {
  if (toMs < 0 || toMs < fromMs) return;
  for (const { key, value } of [...store.fetchAll(fromMs, toMs)]) {
    const { value: newValue, timestamp } = value;
    forward({ ...record, key, value: { newValue, oldValue: undefined }, timestamp });
  }
}
