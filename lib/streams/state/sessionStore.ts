import type { Serde } from '../serdes.ts';
import {
  sessionWindowedSerde,
  TIME_BYTES,
  timeFromEnd,
  type Windowed,
  withTimes,
} from '../windows/windowed.ts';
import { compareBytes, justBehind } from './byteStore.ts';
import { type ExpiringBytes, expiringBytes } from './expiringBytes.ts';
import type { KeyValue, StoreOptions } from './keyValueStore.ts';
import { type ByteStore, type StateStore, type StoreBuilder, storeShape } from './store.ts';
import type { ValueAndTimestamp } from './timestamped.ts';

/**
 * Kafka's SessionStore: values of keys, each of a session. One whose end is more than the retention earlier than the latest is there no more. What
 * is found is read before anything is put.
 */
export interface SessionStore<K, V> extends StateStore {
  put(session: Windowed<K>, value: V | null | undefined): void;
  remove(session: Windowed<K>): void;
  /** The row of a table of sessions, as joins look it up: its time is the session's end, as in Kafka. */
  get(session: Windowed<K>): ValueAndTimestamp<V> | undefined;
  fetchSession(key: K, startMs: number, endMs: number): V | undefined;
  /** All of a key, the earliest first. */
  fetch(key: K): Iterable<KeyValue<Windowed<K>, V>>;
  backwardFetch(key: K): Iterable<KeyValue<Windowed<K>, V>>;
  /** Of a key, those that end at that time or later, and begin at that time or earlier. */
  findSessions(key: K, earliestEndMs: number, latestStartMs: number): Iterable<KeyValue<Windowed<K>, V>>;
  backwardFindSessions(
    key: K,
    earliestEndMs: number,
    latestStartMs: number,
  ): Iterable<KeyValue<Windowed<K>, V>>;
  /** Of all keys, those that end between: Kafka's `findSessions(earliestSessionEndTime, latestSessionEndTime)`. In the order of their ends. */
  findSessionsEnding(earliestMs: number, latestMs: number): Iterable<KeyValue<Windowed<K>, V>>;
}

export interface SessionStoreOptions extends StoreOptions {
  /** By stream time. */
  readonly retentionMs: number;
}

export function sessionStoreBuilder<K, V>(
  name: string,
  keySerde: Serde<K>,
  valueSerde: Serde<V>,
  { retentionMs, logged = true, changelogConfigs = {} }: SessionStoreOptions,
): StoreBuilder<SessionStore<K, V>> {
  const windowed = sessionWindowedSerde(keySerde);
  return {
    // What expires is deleted, in the changelog too. Nothing in that may be deleted for its age: time may stand still for long.
    ...{ name, logged, changelogConfigs, retentionMs: undefined },
    shape: { ...storeShape('session', keySerde, valueSerde), retentionMs },
    build(stored) {
      const bytes = sessionBytes(stored, retentionMs);
      const decode = ([key, value]: readonly [Uint8Array, Uint8Array]) => ({
        key: windowed.deserialize(key),
        value: valueSerde.deserialize(value),
      });
      function* find(key: K, earliestEndMs: number, latestStartMs: number, reverse: boolean) {
        const keyBytes = keySerde.serialize(key);
        for (const entry of sessionsOfKey(bytes, keyBytes, earliestEndMs, latestStartMs, reverse))
          yield decode(entry);
      }
      const put = (session: Windowed<K>, value: V | null | undefined): void =>
        bytes.put(
          windowed.serialize(session),
          value === undefined || value === null ? undefined : valueSerde.serialize(value),
        );
      const fetchSession = (key: K, startMs: number, endMs: number): V | undefined => {
        const value = bytes.get(windowed.serialize({ key, window: { startMs, endMs } }));
        return value && valueSerde.deserialize(value);
      };
      return {
        name,
        put,
        remove: (session) => put(session, undefined),
        get({ key, window }) {
          const value = fetchSession(key, window.startMs, window.endMs);
          return value === undefined ? undefined : { value, timestamp: window.endMs };
        },
        fetchSession,
        fetch: (key) => find(key, 0, Number.MAX_SAFE_INTEGER, false),
        backwardFetch: (key) => find(key, 0, Number.MAX_SAFE_INTEGER, true),
        findSessions: (key, earliestEndMs, latestStartMs) => find(key, earliestEndMs, latestStartMs, false),
        backwardFindSessions: (key, earliestEndMs, latestStartMs) =>
          find(key, earliestEndMs, latestStartMs, true),
        *findSessionsEnding(earliestMs, latestMs) {
          for (const entry of bytes.byTime(earliestMs, latestMs)) yield decode(entry);
        },
      };
    },
  };
}

/** Of a session store: keys end with their session's end and start. */
export const sessionBytes = (stored: ByteStore, retentionMs: number): ExpiringBytes =>
  expiringBytes(stored, (key) => timeFromEnd(key, 2), retentionMs);

/** The sessions of a key that end at that time or later, and begin at that time or earlier. */
export function* sessionsOfKey(
  bytes: ExpiringBytes,
  key: Uint8Array,
  earliestEndMs: number,
  latestStartMs: number,
  reverse: boolean,
): Generator<readonly [Uint8Array, Uint8Array]> {
  const from = withTimes(key, earliestEndMs, 0);
  const to = justBehind(withTimes(key, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER));
  for (const entry of bytes.range(from, to, reverse)) {
    const [found] = entry;
    // Longer keys are among them whose next bytes are as small as a time.
    if (found.length !== key.length + 2 * TIME_BYTES) continue;
    if (compareBytes(found.subarray(0, key.length), key) !== 0) continue;
    if (timeFromEnd(found, 1) <= latestStartMs) yield entry;
  }
}
