import type { RecordHeader } from '../record/record.ts';

/** A record as a topology sees it. `timestamp`: event time, in ms since the Unix epoch. */
export interface StreamRecord<K, V> {
  readonly key: K;
  readonly value: V;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

/** A record as a topic has it. */
export interface RawRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

/** What becomes of a table's row: `undefined` where there is none. */
export interface Change<V> {
  readonly newValue: V | undefined;
  readonly oldValue: V | undefined;
}
