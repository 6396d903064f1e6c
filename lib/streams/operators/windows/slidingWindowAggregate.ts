import type { ProcessorContext, ProcessorSupplier } from '../../processor/processor.ts';
import { requireSync } from '../../processor/requireSync.ts';
import type { Change, StreamRecord } from '../../record.ts';
import type { ValueAndTimestamp } from '../../state/timestamped.ts';
import type { WindowStore } from '../../state/windowStore.ts';
import type { SlidingWindows } from '../../windows/slidingWindows.ts';
import type { Windowed } from '../../windows/windowed.ts';
import type { Aggregator } from '../aggregate.ts';
import { forwardClosed, hasKeyAndValue, type WindowedAggregateOptions } from './windowedAggregate.ts';

/**
 * One aggregate for each key and sliding window: Kafka's KStreamSlidingWindowAggregate (KIP-450). A record goes into each window that has its time;
 * a window that is new begins with what an older one has: the window that ends at the record (its left one) with the nearest one before, the
 * window that begins behind it (its right one) with the nearest that the record is in. So neither needs the records themselves. A record earlier
 * than the difference has `[0, difference]` for its left window, as there is none that begins before the epoch.
 *
 * A window is closed when observed stream time is later than its end + grace. As in Kafka, a record is dropped when its right window is closed; if
 * that is not, but its left one is, then it is in those windows only that there were, and those that are made of them.
 */
export function slidingWindowAggregate<K, V, A>(
  { timeDifferenceMs, graceMs }: SlidingWindows,
  { storeName, emit }: WindowedAggregateOptions,
  add: Aggregator<K, V, A>,
): ProcessorSupplier<K | null, V | null, Windowed<K>, Change<A>> {
  interface Found extends ValueAndTimestamp<A> {
    readonly startMs: number;
  }

  return () => {
    let context: ProcessorContext<Windowed<K>, Change<A>>;
    let store: WindowStore<K, ValueAndTimestamp<A>>;

    function put(
      record: StreamRecord<K, V>,
      startMs: number,
      { value: newValue, timestamp }: { readonly value: A | undefined; readonly timestamp: number },
      oldValue?: A,
    ): void {
      const { key } = record;
      store.put(key, newValue === undefined ? undefined : { value: newValue, timestamp }, startMs);
      if (emit === 'on-window-close' || (newValue === undefined && oldValue === undefined)) return;
      const windowed = { key, window: { startMs, endMs: startMs + timeDifferenceMs } };
      context.forward({ ...record, key: windowed, value: { newValue, oldValue }, timestamp });
    }

    /** Whether any window took it. */
    function place(record: StreamRecord<K, V>, closeMs: number): boolean {
      const { key, value, timestamp } = record;
      const leftStart = Math.max(0, timestamp - timeDifferenceMs);
      const earliest = Math.max(0, timestamp - 2 * timeDifferenceMs);
      const found = new Map<number, Found>();
      // The latest first, and none before the nearest that ends before the record.
      for (const { key: windowed, value: aggregate } of store.backwardFetch(key, earliest, timestamp + 1)) {
        const { startMs } = windowed.window;
        found.set(startMs, { ...aggregate, startMs });
        if (startMs < leftStart) break;
      }
      const left = found.get(leftStart);
      const around = [...found.values()].filter(({ startMs }) => startMs > leftStart && startMs <= timestamp);
      const earlier = [...found.values()].find(({ startMs }) => startMs < leftStart);
      let isTaken = false;

      /** A closed one stays as it is. */
      const addTo = (startMs: number, before: A | undefined, time: number, old?: A): void => {
        if (startMs + timeDifferenceMs < closeMs) return;
        isTaken = true;
        put(record, startMs, { value: requireSync(add(key, value, before)), timestamp: time }, old);
      };
      const addToFound = (window: Found): void =>
        addTo(window.startMs, window.value, Math.max(window.timestamp, timestamp), window.value);

      for (const window of around) addToFound(window);
      if (left !== undefined) addToFound(left);

      const previous = left ?? earlier;
      if (previous !== undefined && previous.timestamp < timestamp) {
        // A left window that is closed may lack the nearest record before: then one around has it.
        const times = around.map((window) => window.timestamp).filter((time) => time < timestamp);
        const start = Math.max(previous.timestamp, ...times) + 1;
        const isNew = !found.has(start) && start !== leftStart;
        if (isNew && start + timeDifferenceMs >= timestamp) addTo(start, undefined, timestamp);
      }
      if (left === undefined) {
        const isNear = earlier !== undefined && earlier.timestamp >= leftStart;
        addTo(leftStart, isNear ? earlier.value : undefined, timestamp);
      }
      const right = around[0] ?? left;
      if (right !== undefined && right.timestamp > timestamp && !found.has(timestamp + 1)) {
        isTaken = true;
        put(record, timestamp + 1, right);
      }
      return isTaken;
    }

    return {
      init(given) {
        context = given;
        store = given.getStateStore(storeName);
      },
      process(record) {
        if (!hasKeyAndValue(record)) return context.drop();
        const before = context.observe(-1) - graceMs;
        const closeMs = context.observe(record.timestamp) - graceMs;
        // Before the record is put: what it makes expire may be what it closes.
        if (emit === 'on-window-close')
          forwardClosed(context, record, store, before - timeDifferenceMs, closeMs - timeDifferenceMs - 1);
        const isOpen = record.timestamp + timeDifferenceMs >= closeMs;
        if (!isOpen || !place(record, closeMs)) context.drop();
      },
    };
  };
}
