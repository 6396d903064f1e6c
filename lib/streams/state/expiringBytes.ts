import { TIME_BYTES, timeFromEnd, withTimes } from '../windows/windowed.ts';
import { compareBytes, justBehind, memoryByteStore } from './byteStore.ts';
import type { ByteStore } from './store.ts';

/** Expired entries that a put takes away at most: more than the one that it adds, so that all are gone in the end. */
const EXPIRED_AT_ONCE = 4;

const NOTHING = new Uint8Array();

type Entry = readonly [Uint8Array, Uint8Array];

/**
 * Bytes whose keys have a time, which are there no more when the latest time of all is more than the retention later. So what is there depends on
 * nothing but what was put, in a worker that has just been restored, too.
 */
export interface ExpiringBytes {
  get(key: Uint8Array): Uint8Array | undefined;
  /** `undefined`: deletes. What would have expired already is not put. */
  put(key: Uint8Array, value: Uint8Array | undefined): void;
  /** As ByteStore's. */
  range(from?: Uint8Array, to?: Uint8Array, reverse?: boolean): Iterable<Entry>;
  /** Both bounds included; in the order of time, then of keys. `startAt`: a key of a time between, with which it begins. */
  byTime(fromMs: number, toMs: number, reverse?: boolean, startAt?: Uint8Array): Iterable<Entry>;
}

export function expiringBytes(
  bytes: ByteStore,
  timeOf: (key: Uint8Array) => number,
  retentionMs: number,
): ExpiringBytes {
  /** Time, then the key: made of the keys alone, so it needs no changelog. */
  const index = memoryByteStore('by time');
  const indexed = (key: Uint8Array): Uint8Array => {
    const time = withTimes(NOTHING, timeOf(key));
    const out = new Uint8Array(time.length + key.length);
    out.set(time);
    out.set(key, time.length);
    return out;
  };
  const keyOf = (entry: Uint8Array) => entry.subarray(TIME_BYTES);
  const timeOfEntry = (entry: Uint8Array) => timeFromEnd(entry.subarray(0, TIME_BYTES), 1);
  /** `undefined`: to be looked up. */
  let latest: number | undefined = -1;

  bytes.watch((key, isThere) => {
    index.restore(indexed(key), isThere ? NOTHING : null);
    const time = timeOf(key);
    if (isThere && latest !== undefined) latest = Math.max(latest, time);
    else if (time === latest) latest = undefined;
  });

  function leastLive(): number {
    if (latest === undefined) {
      const [last] = index.range(undefined, undefined, true);
      latest = last === undefined ? -1 : timeOfEntry(last[0]);
    }
    return latest - retentionMs;
  }

  function expire(): void {
    const expired = [];
    for (const [entry] of index.range(undefined, withTimes(NOTHING, leastLive()))) {
      expired.push(keyOf(entry));
      if (expired.length === EXPIRED_AT_ONCE) break;
    }
    for (const key of expired) bytes.delete(key);
  }

  return {
    get: (key) => (timeOf(key) < leastLive() ? undefined : bytes.get(key)),
    put(key, value) {
      if (timeOf(key) < leastLive()) return;
      if (value !== undefined) bytes.put(key, value);
      else if (bytes.get(key) !== undefined) bytes.delete(key);
      expire();
    },
    *range(from, to, reverse) {
      for (const entry of bytes.range(from, to, reverse)) if (timeOf(entry[0]) >= leastLive()) yield entry;
    },
    *byTime(fromMs, toMs, reverse = false, startAt) {
      if (toMs < 0) return;
      const start = startAt && indexed(startAt);
      const from = withTimes(NOTHING, Math.max(fromMs, leastLive()));
      const to = withTimes(NOTHING, Math.min(toMs, Number.MAX_SAFE_INTEGER - 1) + 1);
      const entries =
        start === undefined
          ? index.range(from, to, reverse)
          : reverse
            ? index.range(from, justBehind(start), true)
            : index.range(compareBytes(from, start) < 0 ? start : from, to);
      for (const [entry] of entries) {
        const key = keyOf(entry);
        yield [key, bytes.get(key)!];
      }
    },
  };
}
