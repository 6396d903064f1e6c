import type { Serde } from '../serdes.ts';

/** Of time, in ms since the Unix epoch. Whether its end is part of it depends on its kind: of time windows it is not, of the others it is. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** A key, of which there is one for each window that it has records in. */
export interface Windowed<K> {
  readonly key: K;
  readonly window: Window;
}

export const TIME_BYTES = 8;

/** The key's bytes, then times: big-endian, so that those of a key are in their order. Times of no window are taken for the nearest that are. */
export function withTimes(key: Uint8Array, ...timesMs: readonly number[]): Uint8Array {
  const out = new Uint8Array(key.length + timesMs.length * TIME_BYTES);
  out.set(key);
  const view = new DataView(out.buffer);
  timesMs.forEach((time, i) => {
    const least = Math.min(Math.max(time, 0), Number.MAX_SAFE_INTEGER);
    view.setBigInt64(key.length + i * TIME_BYTES, BigInt(least));
  });
  return out;
}

/** The time that `back` times from the end. 1: the last. */
export function timeFromEnd(bytes: Uint8Array, back: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Number(view.getBigInt64(bytes.length - back * TIME_BYTES));
}

function requireTimes(bytes: Uint8Array, times: number): void {
  if (bytes.length < times * TIME_BYTES) throw new RangeError(`${bytes.length} bytes are no windowed key`);
}

/** Kafka's TimeWindowedSerde: the key, and eight bytes of the window's start. Its end is known by its size. */
export function timeWindowedSerde<K>(inner: Serde<K>, sizeMs: number): Serde<Windowed<K>> {
  return {
    serialize: ({ key, window }) => withTimes(inner.serialize(key), window.startMs),
    deserialize(bytes) {
      requireTimes(bytes, 1);
      const startMs = timeFromEnd(bytes, 1);
      const key = inner.deserialize(bytes.subarray(0, -TIME_BYTES));
      return { key, window: { startMs, endMs: startMs + sizeMs } };
    },
  };
}

/** Kafka's SessionWindowedSerde (SessionKeySchema): the key, and eight bytes each of the session's end and start. */
export function sessionWindowedSerde<K>(inner: Serde<K>): Serde<Windowed<K>> {
  return {
    serialize: ({ key, window }) => withTimes(inner.serialize(key), window.endMs, window.startMs),
    deserialize(bytes) {
      requireTimes(bytes, 2);
      const key = inner.deserialize(bytes.subarray(0, -2 * TIME_BYTES));
      return { key, window: { startMs: timeFromEnd(bytes, 1), endMs: timeFromEnd(bytes, 2) } };
    },
  };
}
