import type { ProcessorContext, ProcessorSupplier } from '../../processor/processor.ts';
import { requireSync } from '../../processor/requireSync.ts';
import type { Change, StreamRecord } from '../../record.ts';
import type { SessionStore } from '../../state/sessionStore.ts';
import type { SessionWindows } from '../../windows/sessionWindows.ts';
import type { Window, Windowed } from '../../windows/windowed.ts';
import type { Aggregator } from '../aggregate.ts';
import { hasKeyAndValue, type WindowedAggregateOptions } from './windowedAggregate.ts';

export interface SessionAggregation<K, V, A> {
  /** What a session begins with. */
  readonly initial: () => A | undefined;
  readonly add: Aggregator<K, V, A>;
  readonly merge: (key: K, one: A | undefined, other: A) => A | undefined;
}

/**
 * One aggregate for each key and session. Those that a record joins are merged, the earliest first, before it is added; rows of the former sessions
 * are then no more, unless the new one is the same. Its time is the session's end. A session is closed when observed stream time is later than its
 * end + gap + grace: Kafka's KStreamSessionWindowAggregate. A record whose own session would be closed is dropped, and counted; it joins none that
 * is closed, even if that can still be looked up.
 */
export function sessionWindowAggregate<K, V, A>(
  { inactivityGapMs, graceMs }: SessionWindows,
  { storeName, emit }: WindowedAggregateOptions,
  { initial, add, merge }: SessionAggregation<K, V, A>,
): ProcessorSupplier<K | null, V | null, Windowed<K>, Change<A>> {
  return () => {
    let context: ProcessorContext<Windowed<K>, Change<A>>;
    let store: SessionStore<K, A>;

    function tell(record: StreamRecord<K, unknown>, session: Windowed<K>, newValue?: A, oldValue?: A): void {
      if (newValue === undefined && oldValue === undefined) return;
      const value = { newValue, oldValue };
      context.forward({ ...record, key: session, value, timestamp: session.window.endMs });
    }

    return {
      init(given) {
        context = given;
        store = given.getStateStore(storeName);
      },
      process(record) {
        if (!hasKeyAndValue(record)) return context.drop();
        const { key, value, timestamp } = record;
        const before = context.observe(-1) - graceMs - inactivityGapMs;
        const closeMs = context.observe(timestamp) - graceMs - inactivityGapMs;
        // Before the record is put: what it makes expire may be what it closes.
        if (emit === 'on-window-close' && closeMs > before)
          for (const session of [...store.findSessionsEnding(before, closeMs - 1)])
            tell(record, session.key, session.value);

        const earliestEnd = Math.max(timestamp - inactivityGapMs, closeMs);
        const joined = [...store.findSessions(key, earliestEnd, timestamp + inactivityGapMs)];
        const window: Window = {
          startMs: Math.min(timestamp, ...joined.map((session) => session.key.window.startMs)),
          endMs: Math.max(timestamp, ...joined.map((session) => session.key.window.endMs)),
        };
        if (window.endMs < closeMs) return context.drop();
        const isUpdate = emit === 'on-window-update';
        let aggregate = requireSync(initial());
        let oldValue: A | undefined;
        for (const session of joined) {
          aggregate = requireSync(merge(key, aggregate, session.value));
          const { startMs, endMs } = session.key.window;
          if (startMs === window.startMs && endMs === window.endMs) {
            oldValue = session.value;
            continue;
          }
          store.remove(session.key);
          if (isUpdate) tell(record, session.key, undefined, session.value);
        }
        const newValue = requireSync(add(key, value, aggregate));
        store.put({ key, window }, newValue);
        if (isUpdate) tell(record, { key, window }, newValue, oldValue);
      },
    };
  };
}
