import type { Serde } from '../serdes.ts';

/** Kafka's ValueAndTimestamp: what a table has of a key, and the event time of what made it so. */
export interface ValueAndTimestamp<V> {
  readonly value: V;
  readonly timestamp: number;
}

const TIMESTAMP_BYTES = 8;

/** Eight bytes of timestamp, then the value: as Kafka's timestamped stores have it. */
export function timestamped<V>(serde: Serde<V>): Serde<ValueAndTimestamp<V>> & { readonly inner: Serde<V> } {
  return {
    inner: serde,
    serialize({ value, timestamp }) {
      const bytes = serde.serialize(value);
      const out = new Uint8Array(TIMESTAMP_BYTES + bytes.length);
      new DataView(out.buffer).setBigInt64(0, BigInt(timestamp));
      out.set(bytes, TIMESTAMP_BYTES);
      return out;
    },
    deserialize(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const value = serde.deserialize(bytes.subarray(TIMESTAMP_BYTES));
      return { value, timestamp: Number(view.getBigInt64(0)) };
    },
  };
}
