/**
 * The two ports through which Wadi sees the world: objects (S3) and items (DynamoDB). Conditions and updates are
 * typed values, so that every adapter means the same by them; `test/contract` holds them all to it.
 */

// ---------------------------------------------------------------- objects

export interface ObjectStore {
  /** Stores the chunks as one object, whole or not at all. A second put replaces the first. */
  put(key: string, chunks: readonly Uint8Array[], options?: PutOptions): Promise<void>;
  /**
   * The bytes, the caller's own, or `undefined` if there is no such object. A range that runs past the end is cut
   * short.
   */
  get(key: string, range?: { position: number; length: number }): Promise<Uint8Array | undefined>;
  /** Up to `limit` (at most 1,000) objects in key order, beginning after `after`. `next` is set if there may be more. */
  list(prefix: string, options: { after?: string; limit: number }): Promise<ObjectPage>;
  /** Deletes up to 1,000 objects; missing ones are no error. */
  delete(keys: readonly string[]): Promise<void>;
}

export interface PutOptions {
  /** Of a store in one region: its bucket is to bring the object to the other regions, in its own time. */
  readonly replicate?: boolean;
  /** Of a store over several regions: where the object has to be before the put resolves. Everywhere unless given. */
  readonly replicas?: readonly string[];
  /** So many of these at least must be in sync, or the put is refused: NOT_ENOUGH_REPLICAS. */
  readonly minInsyncReplicas?: number;
}

export interface ObjectPage {
  objects: { key: string; bytes: number }[];
  /** To be passed as `after`. */
  next?: string;
}

// ---------------------------------------------------------------- items

/**
 * What an attribute can hold. Numbers are safe integers or doubles: NaN and infinities are refused, -0 becomes 0. Names
 * are not empty. A byte array is not copied everywhere: neither side changes it after handing it over.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [name: string]: Value };

/** `pk` groups items, `sk` orders them (by UTF-8 bytes) within the group; both are non-empty. */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}

export type Item = Key & { readonly [attribute: string]: Value };

/** An attribute, then map keys or list indexes inside it: `['base', 3]`. */
export type Path = readonly [string, ...(string | number)[]];

/** As in DynamoDB, a comparison whose path is missing, or whose types differ, is false. */
export type Condition =
  | { exists: Path }
  | { missing: Path }
  | { path: Path; is: '=' | '<' | '<=' | '>' | '>='; value: number | string | Uint8Array }
  /** The list at `path` has an element equal to `value`. */
  | { path: Path; contains: number | string | Uint8Array }
  | { not: Condition }
  | { all: readonly Condition[] }
  | { any: readonly Condition[] };

/**
 * One change of an item. The paths of an update must not overlap, and a path's parents must exist. All actions see
 * the item as it was before the update. DynamoDB takes 4 KB of update expression: about 300 removes of list elements.
 */
export type Action =
  | { set: Path; to: Value }
  /** Adds to a number that must exist. */
  | { add: Path; value: number }
  /** Appends to a list that must exist. */
  | { append: Path; values: readonly Value[] }
  | { remove: Path };

/** `item`: after the write if it was applied; as it stands if the condition refused it (`undefined`: there is none). */
export type WriteOutcome = { applied: true; item: Item } | { applied: false; item: Item | undefined };

export interface Query {
  pk: string;
  /** Inclusive bounds of `sk`. */
  from?: string;
  to?: string;
  descending?: boolean;
  /** At most this many items (and 1 MB of them, as in DynamoDB). */
  limit: number;
}

export interface ItemPage {
  items: Item[];
  /** Set if there may be more: the `sk` of the last item, beyond which to go on. */
  lastSk?: string;
}

/** Of `getMany`, as of DynamoDB's BatchGetItem. */
export const MAX_KEYS_PER_READ = 100;

/** Every read is strongly consistent; every write of one item is atomic. There are no transactions. */
export interface ItemStore {
  get(key: Key): Promise<Item | undefined>;
  /** Up to MAX_KEYS_PER_READ items, in the order asked for. */
  getMany(keys: readonly Key[]): Promise<(Item | undefined)[]>;
  query(query: Query): Promise<ItemPage>;
  put(item: Item, condition?: Condition): Promise<WriteOutcome>;
  /** Creates the item if there is none and the condition allows it, as DynamoDB does. */
  update(key: Key, actions: readonly Action[], condition?: Condition): Promise<WriteOutcome>;
  delete(key: Key, condition?: Condition): Promise<WriteOutcome | { applied: true; item: undefined }>;
}

export interface ScanOptions {
  /** The key of the last item of the page before. */
  readonly after?: Key;
  readonly limit: number;
}

export interface ScanPage {
  readonly items: Item[];
  /** Set if there may be more: to be passed as `after`. */
  readonly next?: Key;
}

/** An item store that can be read from end to end, in an order of its own, by whoever copies it. */
export interface ScannableItems extends ItemStore {
  scan(options: ScanOptions): Promise<ScanPage>;
}

// ---------------------------------------------------------------- both

/**
 * A call that did not answer. `applied: 'no'` when it is known that nothing was written (throttled, refused);
 * `'unknown'` when it may have been, or may still be (timeout, lost response, 5xx).
 */
export class StorageError extends Error {
  readonly applied: 'no' | 'unknown';

  constructor(message: string, applied: 'no' | 'unknown', cause?: unknown) {
    super(message, { cause });
    this.name = 'StorageError';
    this.applied = applied;
  }
}

/** What a deployment rests on. Only what produces and fetches touches `log`. */
export interface Storage {
  readonly objects: ObjectStore;
  /** Heads, index, inline batches and producers. */
  readonly log: ItemStore;
  /** The cluster's identity, topics and their configs. */
  readonly metadata: ItemStore;
  /** Members, positions and divisions of consumer groups. */
  readonly groups: ItemStore;
  close(): Promise<void>;
}

export const TABLES = ['log', 'metadata', 'groups'] as const;

/** The items alone, in one region's copy. */
export type ItemTables = Readonly<Record<(typeof TABLES)[number], ScannableItems>>;

export type ScannableStorage = Storage & ItemTables;
