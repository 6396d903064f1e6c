import type { Serde } from '../serdes.ts';
import { afterPrefix, justBehind } from './byteStore.ts';
import { type StateStore, type StoreBuilder, storeShape } from './store.ts';

export interface KeyValue<K, V> {
  readonly key: K;
  readonly value: V;
}

/** Kafka's KeyValueStore. Keys are in the order of their bytes. */
export interface KeyValueStore<K, V> extends StateStore {
  get(key: K): V | undefined;
  /** Without a value: deletes, as in Kafka. */
  put(key: K, value: V | null | undefined): void;
  /** What was there, and stays; else puts, and returns `undefined`. */
  putIfAbsent(key: K, value: V): V | undefined;
  /** What was there. */
  delete(key: K): V | undefined;
  /** Both bounds included, as in Kafka. */
  range(from: K | undefined, to: K | undefined): Iterable<KeyValue<K, V>>;
  reverseRange(from: K | undefined, to: K | undefined): Iterable<KeyValue<K, V>>;
  /** Whose bytes begin with these. */
  prefixScan(prefix: Uint8Array): Iterable<KeyValue<K, V>>;
  all(): Iterable<KeyValue<K, V>>;
  approximateNumEntries(): number;
}

export interface StoreOptions {
  /** False: it has no changelog, and begins empty wherever the task goes. */
  readonly logged?: boolean;
  readonly changelogConfigs?: Readonly<Record<string, string>>;
}

export function keyValueStoreBuilder<K, V>(
  name: string,
  keySerde: Serde<K>,
  valueSerde: Serde<V>,
  { logged = true, changelogConfigs = {} }: StoreOptions = {},
): StoreBuilder<KeyValueStore<K, V>> {
  return {
    ...{ name, logged, changelogConfigs, retentionMs: undefined },
    shape: storeShape('key-value', keySerde, valueSerde),
    build(bytes) {
      const decode = ([key, value]: readonly [Uint8Array, Uint8Array]): KeyValue<K, V> => ({
        key: keySerde.deserialize(key),
        value: valueSerde.deserialize(value),
      });
      function* decoded(pairs: Iterable<readonly [Uint8Array, Uint8Array]>) {
        for (const pair of pairs) yield decode(pair);
      }
      const get = (key: K): V | undefined => {
        const stored = bytes.get(keySerde.serialize(key));
        return stored && valueSerde.deserialize(stored);
      };
      const between = (from: K | undefined, to: K | undefined, reverse: boolean) =>
        decoded(
          bytes.range(
            from === undefined ? undefined : keySerde.serialize(from),
            to === undefined ? undefined : justBehind(keySerde.serialize(to)),
            reverse,
          ),
        );
      return {
        name,
        get,
        put(key, value) {
          if (value === null || value === undefined) bytes.delete(keySerde.serialize(key));
          else bytes.put(keySerde.serialize(key), valueSerde.serialize(value));
        },
        putIfAbsent(key, value) {
          const before = get(key);
          if (before === undefined) bytes.put(keySerde.serialize(key), valueSerde.serialize(value));
          return before;
        },
        delete(key) {
          const before = get(key);
          bytes.delete(keySerde.serialize(key));
          return before;
        },
        range: (from, to) => between(from, to, false),
        reverseRange: (from, to) => between(from, to, true),
        prefixScan: (prefix) => decoded(bytes.range(prefix, afterPrefix(prefix))),
        all: () => decoded(bytes.range()),
        approximateNumEntries: () => bytes.size,
      };
    },
  };
}
