import type { ProcessorContext, ProcessorSupplier } from '../../processor/processor.ts';
import { requireSync } from '../../processor/requireSync.ts';
import type { Change } from '../../record.ts';
import type { ValueAndTimestamp } from '../../state/timestamped.ts';
import type { WindowStore } from '../../state/windowStore.ts';
import { startsOf, type TimeWindows } from '../../windows/timeWindows.ts';
import type { Windowed } from '../../windows/windowed.ts';
import type { Aggregator } from '../aggregate.ts';
import { forwardClosed, hasKeyAndValue, type WindowedAggregateOptions } from './windowedAggregate.ts';

/**
 * One aggregate for each key and window. Its time is the greatest of its records'. A window is closed when observed stream time is its end + grace:
 * Kafka's KStreamWindowAggregate. A record that no window takes is dropped, and counted.
 */
export function timeWindowAggregate<K, V, A>(
  windows: TimeWindows,
  { storeName, emit }: WindowedAggregateOptions,
  add: Aggregator<K, V, A>,
): ProcessorSupplier<K | null, V | null, Windowed<K>, Change<A>> {
  const { sizeMs, graceMs } = windows;
  return () => {
    let context: ProcessorContext<Windowed<K>, Change<A>>;
    let store: WindowStore<K, ValueAndTimestamp<A>>;
    return {
      init(given) {
        context = given;
        store = given.getStateStore(storeName);
      },
      process(record) {
        if (!hasKeyAndValue(record)) return context.drop();
        const { key, value, timestamp } = record;
        const before = context.observe(-1);
        const now = context.observe(timestamp);
        // Before the record is put: what it makes expire may be what it closes.
        if (emit === 'on-window-close')
          forwardClosed(context, record, store, before - graceMs - sizeMs + 1, now - graceMs - sizeMs);
        const open = startsOf(windows, timestamp).filter((start) => start + sizeMs > now - graceMs);
        if (open.length === 0) return context.drop();
        for (const startMs of open) {
          const old = store.fetch(key, startMs);
          const newValue = requireSync(add(key, value, old?.value));
          const time = Math.max(timestamp, old?.timestamp ?? -1);
          store.put(key, newValue === undefined ? undefined : { value: newValue, timestamp: time }, startMs);
          if (emit === 'on-window-close' || (newValue === undefined && old === undefined)) continue;
          const windowed = { key, window: { startMs, endMs: startMs + sizeMs } };
          context.forward({
            ...record,
            key: windowed,
            value: { newValue, oldValue: old?.value },
            timestamp: time,
          });
        }
      },
    };
  };
}
