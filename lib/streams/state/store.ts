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

export interface StoreBuilder<S extends StateStore = StateStore> {
  readonly name: string;
  /** Whether there is a changelog topic, from which it is restored: true unless given. */
  readonly logged: boolean;
  /** Configs of that topic, beside `cleanup.policy`. */
  readonly changelogConfigs: Readonly<Record<string, string>>;
  /** `cleanup.policy` of its changelog, and how long at least it is to keep a record that was not deleted. */
  readonly retentionMs: number | undefined;
  build(bytes: ByteStore): S;
}
