import type { Format, Serde } from '../serdes.ts';

/** What every store of state has in common. */
export interface StateStore {
  readonly name: string;
}

/** A change of a store, as its changelog has it. */
export interface StoreChange {
  readonly store: string;
  readonly key: Uint8Array;
  /** `null`: deleted. */
  readonly value: Uint8Array | null;
}

/** The bytes below a store, in the order of their keys. Nothing of it is copied: neither side changes what it hands over. */
export interface ByteStore {
  get(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  /** From `from` (inclusive) to `to` (exclusive), each left out meaning the end; read before the store is changed again. */
  range(from?: Uint8Array, to?: Uint8Array, reverse?: boolean): Iterable<readonly [Uint8Array, Uint8Array]>;
  /** Told of each key that comes or goes, restored ones too; asked for while there are none. */
  watch(told: (key: Uint8Array, isThere: boolean) => void): void;
  readonly size: number;
}

/** What is needed to look into a store without the application's code. */
export interface StoreShape {
  readonly kind: 'key-value' | 'window' | 'session';
  /** `null`: one of the application's own. */
  readonly keyFormat: Format | null;
  readonly valueFormat: Format | null;
  /** Whether eight bytes of time are in front of a value: see `timestamped`. */
  readonly isTimestamped: boolean;
  /** Of a window store. */
  readonly windowSizeMs?: number;
  /** Of windows and sessions: what is older than the latest by more is there no more. */
  readonly retentionMs?: number;
}

type Formatted = Pick<Serde<unknown>, 'format'>;

export function storeShape(
  kind: StoreShape['kind'],
  key: Formatted,
  value: Formatted & { readonly inner?: Formatted },
): StoreShape {
  const { inner } = value;
  return {
    kind,
    keyFormat: key.format ?? null,
    valueFormat: (inner ?? value).format ?? null,
    isTimestamped: inner !== undefined,
  };
}

export interface StoreBuilder<S extends StateStore = StateStore> {
  readonly name: string;
  /** Whether there is a changelog topic, from which it is restored: true unless given. */
  readonly logged: boolean;
  /** Configs of that topic, beside `cleanup.policy`. */
  readonly changelogConfigs: Readonly<Record<string, string>>;
  /** `cleanup.policy` of its changelog, and how long at least it is to keep a record that was not deleted. */
  readonly retentionMs: number | undefined;
  /** None of an operator's own, which nobody else looks into. */
  readonly shape?: StoreShape;
  build(bytes: ByteStore): S;
}
