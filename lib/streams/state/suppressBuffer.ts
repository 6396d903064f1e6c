import type { Change, StreamRecord } from '../record.ts';
import type { Serde } from '../serdes.ts';
import { TIME_BYTES, timeFromEnd, withTimes } from '../windows/windowed.ts';
import { memoryByteStore } from './byteStore.ts';
import type { StoreOptions } from './keyValueStore.ts';
import type { StateStore, StoreBuilder } from './store.ts';

/** Rows that are held back, each since a time: what they were before that, and what they are now. The order is of times, then of keys' bytes. */
export interface SuppressBuffer<K, V> extends StateStore {
  /** What is held back of the key already keeps its time, and what it was. */
  put(timeMs: number, record: StreamRecord<K, Change<V>>): void;
  /** Of the first. */
  firstTimeMs(): number | undefined;
  takeFirst(): StreamRecord<K, Change<V>> | undefined;
  readonly size: number;
}

/** Stored by the time and the key; which time a key has is an index, made of these keys alone. */
export function suppressBufferBuilder<K, V>(
  name: string,
  keySerde: Serde<K>,
  valueSerde: Serde<V>,
  { logged = true, changelogConfigs = {} }: StoreOptions = {},
): StoreBuilder<SuppressBuffer<K, V>> {
  const rows = rowSerde(valueSerde);
  return {
    ...{ name, logged, changelogConfigs, retentionMs: undefined },
    build(bytes) {
      const times = memoryByteStore('by key');
      bytes.watch((stored, isThere) =>
        times.restore(stored.subarray(TIME_BYTES), isThere ? stored.subarray(0, TIME_BYTES) : null),
      );
      const first = () => bytes.range()[Symbol.iterator]().next().value ?? undefined;
      return {
        name,
        put(timeMs, record) {
          const key = keySerde.serialize(record.key);
          const stored = Buffer.concat([times.get(key) ?? withTimes(new Uint8Array(), timeMs), key]);
          const before = bytes.get(stored);
          const { newValue } = record.value;
          const oldValue =
            before === undefined ? record.value.oldValue : rows.deserialize(before).value.oldValue;
          bytes.put(stored, rows.serialize({ ...record, value: { newValue, oldValue } }));
        },
        firstTimeMs() {
          const found = first();
          return found && timeFromEnd(found[0].subarray(0, TIME_BYTES), 1);
        },
        takeFirst() {
          const found = first();
          if (found === undefined) return undefined;
          const [stored, row] = found;
          bytes.delete(stored);
          return { ...rows.deserialize(row), key: keySerde.deserialize(stored.subarray(TIME_BYTES)) };
        },
        get size() {
          return bytes.size;
        },
      };
    },
  };
}

type Row<V> = Omit<StreamRecord<unknown, Change<V>>, 'key'>;

/** JSON: `t`, the time; `n` and `o`, the values, and `h`, the headers, with bytes in base64. */
function rowSerde<V>(valueSerde: Serde<V>): Serde<Row<V>> {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const textOf = (value: V | undefined) =>
    value === undefined ? undefined : base64(valueSerde.serialize(value));
  const valueFrom = (text: string | undefined) =>
    text === undefined ? undefined : valueSerde.deserialize(Buffer.from(text, 'base64'));
  interface Stored {
    readonly t: number;
    readonly n?: string;
    readonly o?: string;
    readonly h: readonly (readonly [string, string | null])[];
  }
  return {
    serialize: ({ timestamp, value, headers }) =>
      Buffer.from(
        JSON.stringify({
          t: timestamp,
          n: textOf(value.newValue),
          o: textOf(value.oldValue),
          h: headers.map((header) => [header.key, header.value && base64(header.value)]),
        }),
      ),
    deserialize(bytes) {
      const { t, n, o, h } = JSON.parse(Buffer.from(bytes).toString()) as Stored;
      const headers = h.map(([key, value]) => ({
        key,
        value: value === null ? null : Buffer.from(value, 'base64'),
      }));
      return { timestamp: t, value: { newValue: valueFrom(n), oldValue: valueFrom(o) }, headers };
    },
  };
}
