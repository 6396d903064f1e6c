import type { Serde } from '../serdes.ts';
import { TIME_BYTES, timeFromEnd, timeWindowedSerde, type Windowed, withTimes } from '../windows/windowed.ts';
import { compareBytes, justBehind } from './byteStore.ts';
import { type ExpiringBytes, expiringBytes } from './expiringBytes.ts';
import type { KeyValue, StoreOptions } from './keyValueStore.ts';
import { type ByteStore, type StateStore, type StoreBuilder, storeShape } from './store.ts';

/**
 * Kafka's WindowStore: values of keys, each of a window, which is known by its start. Bounds of times are of starts, and included. A window whose
 * start is more than the retention earlier than the latest is there no more. What is fetched is read before anything is put.
 */
export interface WindowStore<K, V> extends StateStore {
  /** `undefined`: deletes. */
  put(key: K, value: V | null | undefined, windowStartMs: number): void;
  /** The row of a windowed table, as joins look it up. */
  get(windowed: Windowed<K>): V | undefined;
  fetch(key: K, windowStartMs: number): V | undefined;
  fetch(key: K, fromMs: number, toMs: number): Iterable<KeyValue<Windowed<K>, V>>;
  backwardFetch(key: K, fromMs: number, toMs: number): Iterable<KeyValue<Windowed<K>, V>>;
  /** Of all keys: in the order of time, then of the bytes of keys. */
  fetchAll(fromMs: number, toMs: number): Iterable<KeyValue<Windowed<K>, V>>;
  backwardFetchAll(fromMs: number, toMs: number): Iterable<KeyValue<Windowed<K>, V>>;
  all(): Iterable<KeyValue<Windowed<K>, V>>;
  backwardAll(): Iterable<KeyValue<Windowed<K>, V>>;
}

export interface WindowStoreOptions extends StoreOptions {
  readonly windowSizeMs: number;
  /** By stream time. */
  readonly retentionMs: number;
}

export function windowStoreBuilder<K, V>(
  name: string,
  keySerde: Serde<K>,
  valueSerde: Serde<V>,
  { windowSizeMs, retentionMs, logged = true, changelogConfigs = {} }: WindowStoreOptions,
): StoreBuilder<WindowStore<K, V>> {
  const windowed = timeWindowedSerde(keySerde, windowSizeMs);
  return {
    // What expires is deleted, in the changelog too. Nothing in that may be deleted for its age: time may stand still for long.
    ...{ name, logged, changelogConfigs, retentionMs: undefined },
    shape: { ...storeShape('window', keySerde, valueSerde), windowSizeMs, retentionMs },
    build(stored) {
      const bytes = windowBytes(stored, retentionMs);
      function* decoded(entries: Iterable<readonly [Uint8Array, Uint8Array]>) {
        for (const [key, value] of entries)
          yield { key: windowed.deserialize(key), value: valueSerde.deserialize(value) };
      }
      const ofKey = (key: K, fromMs: number, toMs: number, reverse: boolean) =>
        decoded(windowsOfKey(bytes, keySerde.serialize(key), fromMs, toMs, reverse));
      const all = (reverse: boolean) => decoded(bytes.byTime(0, Number.MAX_SAFE_INTEGER, reverse));

      function fetch(key: K, windowStartMs: number): V | undefined;
      function fetch(key: K, fromMs: number, toMs: number): Iterable<KeyValue<Windowed<K>, V>>;
      function fetch(key: K, fromMs: number, toMs?: number): unknown {
        if (toMs !== undefined) return ofKey(key, fromMs, toMs, false);
        const value = bytes.get(withTimes(keySerde.serialize(key), fromMs));
        return value && valueSerde.deserialize(value);
      }

      return {
        name,
        fetch,
        get: ({ key, window }) => fetch(key, window.startMs),
        put: (key, value, windowStartMs) =>
          bytes.put(
            withTimes(keySerde.serialize(key), windowStartMs),
            value === undefined || value === null ? undefined : valueSerde.serialize(value),
          ),
        backwardFetch: (key, fromMs, toMs) => ofKey(key, fromMs, toMs, true),
        fetchAll: (fromMs, toMs) => decoded(bytes.byTime(fromMs, toMs)),
        backwardFetchAll: (fromMs, toMs) => decoded(bytes.byTime(fromMs, toMs, true)),
        all: () => all(false),
        backwardAll: () => all(true),
      };
    },
  };
}

/** Of a window store: keys end with their window's start. */
export const windowBytes = (stored: ByteStore, retentionMs: number): ExpiringBytes =>
  expiringBytes(stored, (key) => timeFromEnd(key, 1), retentionMs);

/** The windows of a key that start between, both included. */
export function* windowsOfKey(
  bytes: ExpiringBytes,
  key: Uint8Array,
  fromMs: number,
  toMs: number,
  reverse: boolean,
): Generator<readonly [Uint8Array, Uint8Array]> {
  if (toMs < 0) return;
  for (const entry of bytes.range(withTimes(key, fromMs), justBehind(withTimes(key, toMs)), reverse)) {
    const [found] = entry;
    // Longer keys are among them whose next bytes are as small as a time.
    if (found.length !== key.length + TIME_BYTES) continue;
    if (compareBytes(found.subarray(0, key.length), key) === 0) yield entry;
  }
}
