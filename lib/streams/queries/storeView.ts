import { Serdes } from '../serdes.ts';
import { afterPrefix, compareBytes, justBehind } from '../state/byteStore.ts';
import type { ExpiringBytes } from '../state/expiringBytes.ts';
import { sessionBytes, sessionsOfKey } from '../state/sessionStore.ts';
import type { ByteStore, StoreShape } from '../state/store.ts';
import { timestamped } from '../state/timestamped.ts';
import { windowBytes, windowsOfKey } from '../state/windowStore.ts';
import { TIME_BYTES, timeFromEnd, type Window } from '../windows/windowed.ts';

/** What a store has of a key, or of one of its windows. */
export interface Row {
  /** Under which it has it. */
  readonly stored: Uint8Array;
  readonly key: Uint8Array;
  readonly window?: Window;
  readonly value: Uint8Array;
  /** Of a table: that of the record that made it so. */
  readonly timestampMs?: number;
}

/** Of windows: both included. Of time windows it is their starts, and of sessions all that have a part in between. */
export interface Times {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Range extends Times {
  /** Of keys' bytes, both included. */
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
  readonly prefix?: Uint8Array;
  readonly reverse: boolean;
  /** A `Row.stored`: what comes before it is passed over. */
  readonly startAt?: Uint8Array;
}

/** A store that is looked into without the application's code. What is asked for is read before the store is changed again. */
export interface StoreView {
  /** Of a key; of windows and sessions the latest first. */
  ofKey(key: Uint8Array, times: Times): Iterable<Row>;
  /** In the order of keys' bytes; of time windows, of their starts first, of sessions, of their ends. */
  range(range: Range): Iterable<Row>;
}

type Entry = readonly [Uint8Array, Uint8Array];

export function storeView(shape: StoreShape, bytes: ByteStore): StoreView {
  const rows = function* (entries: Iterable<Entry>): Generator<Row> {
    for (const [stored, value] of entries) yield { ...keyOf(shape, stored), ...valueIn(shape, value) };
  };
  if (shape.kind === 'key-value') {
    return {
      *ofKey(key) {
        const value = bytes.get(key);
        if (value !== undefined) yield* rows([[key, value]]);
      },
      range: ({ from, to, prefix, reverse, startAt }) => {
        const begin = [from, prefix, reverse ? undefined : startAt].reduce(later);
        const ends = [to && justBehind(to), prefix && afterPrefix(prefix)];
        const end = [...ends, reverse && startAt ? justBehind(startAt) : undefined].reduce(earlier);
        return rows(bytes.range(begin, end, reverse));
      },
    };
  }
  const [expiring, ofKey] =
    shape.kind === 'window'
      ? [windowBytes(bytes, shape.retentionMs!), windowsOfKey]
      : [sessionBytes(bytes, shape.retentionMs!), sessionsOfKey];
  return {
    ofKey: (key, { fromMs, toMs }) => rows(ofKey(expiring, key, fromMs, toMs, true)),
    range: (range) => filtered(rows(byTime(shape, expiring, range)), range),
  };
}

function byTime({ kind }: StoreShape, bytes: ExpiringBytes, range: Range): Iterable<Entry> {
  const { fromMs, toMs, reverse, startAt } = range;
  return bytes.byTime(fromMs, kind === 'window' ? toMs : Number.MAX_SAFE_INTEGER, reverse, startAt);
}

function* filtered(rows: Iterable<Row>, { from, to, prefix, toMs }: Range): Generator<Row> {
  for (const row of rows) {
    const { key, window } = row;
    if (window!.startMs > toMs) continue;
    if (from !== undefined && compareBytes(key, from) < 0) continue;
    if (to !== undefined && compareBytes(key, to) > 0) continue;
    if (prefix !== undefined && compareBytes(key.subarray(0, prefix.length), prefix) !== 0) continue;
    yield row;
  }
}

/** How many times a key ends with. */
const TIMES = { 'key-value': 0, window: 1, session: 2 } as const;

/** Whether there can be such a key. */
export const isStored = ({ kind }: StoreShape, stored: Uint8Array): boolean =>
  stored.length >= TIMES[kind] * TIME_BYTES;

/** The order that rows of several partitions have. */
export function compareStored({ kind }: StoreShape, a: Uint8Array, b: Uint8Array): number {
  const times = TIMES[kind];
  if (times > 0) {
    const difference = timeFromEnd(a, times) - timeFromEnd(b, times);
    if (difference !== 0) return difference;
  }
  return compareBytes(a, b);
}

function keyOf({ kind, windowSizeMs = 0 }: StoreShape, stored: Uint8Array): Omit<Row, 'value'> {
  if (kind === 'key-value') return { stored, key: stored };
  const key = stored.subarray(0, -TIMES[kind] * TIME_BYTES);
  const startMs = timeFromEnd(stored, 1);
  const endMs = kind === 'window' ? startMs + windowSizeMs : timeFromEnd(stored, 2);
  return { stored, key, window: { startMs, endMs } };
}

function valueIn({ isTimestamped }: StoreShape, stored: Uint8Array): Pick<Row, 'value' | 'timestampMs'> {
  if (!isTimestamped) return { value: stored };
  const { value, timestamp } = timestamped(Serdes.bytes).deserialize(stored);
  return { value, timestampMs: timestamp };
}

type Bound = Uint8Array | undefined;

const later = (a: Bound, b: Bound): Bound =>
  a === undefined || (b !== undefined && compareBytes(a, b) < 0) ? b : a;

const earlier = (a: Bound, b: Bound): Bound =>
  a === undefined || (b !== undefined && compareBytes(a, b) > 0) ? b : a;
