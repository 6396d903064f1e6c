import type { Serde } from '../serdes.ts';
import { memoryByteStore } from './byteStore.ts';
import type { StoreOptions } from './keyValueStore.ts';
import type { ByteStore, StateStore, StoreBuilder } from './store.ts';

/** A record of one side of a join of streams. */
export interface JoinEntry<K, V> {
  /** Names it within its store. */
  readonly id: Uint8Array;
  readonly key: K;
  readonly timestamp: number;
  readonly value: V;
}

/** What a side of a join of streams has seen: any number of records of a key and a time, kept until stream time has gone by. */
export interface JoinStore<K, V> extends StateStore {
  /** Behind others of the same key and time; returns its id. */
  put(key: K, timestamp: number, value: V): Uint8Array;
  get(id: Uint8Array): JoinEntry<K, V> | undefined;
  delete(id: Uint8Array): void;
  /** Of the key, both bounds included, by time; of the same time, in the order in which they were put. */
  fetch(key: K, fromMs: number, toMs: number): readonly JoinEntry<K, V>[];
  /** Deletes what is of a time before. */
  expire(beforeMs: number): void;
  approximateNumEntries(): number;
}

const LENGTH_BYTES = 4;
const TIMESTAMP_BYTES = 8;
const SEQUENCE_BYTES = 4;

/**
 * An id is four bytes of the key's length, the key, eight bytes of timestamp, four of a sequence number: so a key's records are together, by time,
 * and no key's are among those of another that begins with it. What is needed to find the oldest is not stored: it is made anew, of the ids, by
 * whoever first needs it.
 */
export function joinStoreBuilder<K, V>(
  name: string,
  keySerde: Serde<K>,
  valueSerde: Serde<V>,
  { logged = true, changelogConfigs = {} }: StoreOptions = {},
): StoreBuilder<JoinStore<K, V>> {
  return {
    // Its changelog is compacted only: entries are deleted by stream time, which may stand still for as long as it likes.
    ...{ name, logged, changelogConfigs, retentionMs: undefined },
    build(bytes) {
      const byTime = timeIndex(name, bytes);
      const remove = (id: Uint8Array): void => {
        byTime().delete(timeKey(id));
        bytes.delete(id);
      };
      const decode = (id: Uint8Array, stored: Uint8Array): JoinEntry<K, V> => ({
        id,
        key: keySerde.deserialize(id.subarray(LENGTH_BYTES, id.length - TIMESTAMP_BYTES - SEQUENCE_BYTES)),
        timestamp: timestampOf(id),
        value: valueSerde.deserialize(stored),
      });
      return {
        name,
        put(key, timestamp, value) {
          const keyBytes = keySerde.serialize(key);
          const [last] = bytes.range(idOf(keyBytes, timestamp, 0), idOf(keyBytes, timestamp + 1, 0), true);
          const id = idOf(keyBytes, timestamp, last === undefined ? 0 : sequenceOf(last[0]) + 1);
          const index = byTime();
          bytes.put(id, valueSerde.serialize(value));
          index.put(timeKey(id), NOTHING);
          return id;
        },
        get(id) {
          const stored = bytes.get(id);
          return stored && decode(id, stored);
        },
        delete: remove,
        fetch(key, fromMs, toMs) {
          if (toMs < 0 || fromMs > toMs) return [];
          const keyBytes = keySerde.serialize(key);
          const range = bytes.range(idOf(keyBytes, Math.max(0, fromMs), 0), idOf(keyBytes, toMs + 1, 0));
          return Array.from(range, ([id, stored]) => decode(id, stored));
        },
        expire(beforeMs) {
          if (beforeMs <= 0) return;
          const expired = Array.from(byTime().range(undefined, bytesOfTime(beforeMs)), ([key]) => key);
          for (const key of expired) remove(key.subarray(TIMESTAMP_BYTES));
        },
        approximateNumEntries: () => bytes.size,
      };
    },
  };
}

const NOTHING = new Uint8Array();

/** Made at first use, not before: what is restored goes past the store. */
function timeIndex(name: string, bytes: ByteStore): () => ByteStore {
  let index: ByteStore | undefined;
  return () => {
    if (index === undefined) {
      index = memoryByteStore(name);
      for (const [id] of bytes.range()) index.put(timeKey(id), NOTHING);
    }
    return index;
  };
}

function idOf(key: Uint8Array, timestamp: number, sequence: number): Uint8Array {
  const id = new Uint8Array(LENGTH_BYTES + key.length + TIMESTAMP_BYTES + SEQUENCE_BYTES);
  const view = new DataView(id.buffer);
  view.setUint32(0, key.length);
  id.set(key, LENGTH_BYTES);
  view.setBigUint64(LENGTH_BYTES + key.length, BigInt(timestamp));
  view.setUint32(LENGTH_BYTES + key.length + TIMESTAMP_BYTES, sequence);
  return id;
}

const viewFromEnd = (id: Uint8Array, bytes: number): DataView =>
  new DataView(id.buffer, id.byteOffset + id.length - bytes, bytes);

const timestampOf = (id: Uint8Array): number =>
  Number(viewFromEnd(id, TIMESTAMP_BYTES + SEQUENCE_BYTES).getBigUint64(0));

const sequenceOf = (id: Uint8Array): number => viewFromEnd(id, SEQUENCE_BYTES).getUint32(0);

function bytesOfTime(timestamp: number): Uint8Array {
  const out = new Uint8Array(TIMESTAMP_BYTES);
  new DataView(out.buffer).setBigUint64(0, BigInt(timestamp));
  return out;
}

/** The timestamp first, then all of the id. */
function timeKey(id: Uint8Array): Uint8Array {
  const out = new Uint8Array(TIMESTAMP_BYTES + id.length);
  out.set(id.subarray(id.length - TIMESTAMP_BYTES - SEQUENCE_BYTES, id.length - SEQUENCE_BYTES));
  out.set(id, TIMESTAMP_BYTES);
  return out;
}
