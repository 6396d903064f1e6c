import type { ByteStore, StoreChange } from './store.ts';

/** Keys of a leaf at most: a split moves half of them. */
const LEAF_KEYS = 512;

interface Leaf {
  readonly keys: Uint8Array[];
  readonly values: Uint8Array[];
}

export interface MemoryByteStore extends ByteStore {
  restore(key: Uint8Array, value: Uint8Array | null): void;
  /** Of keys and values. */
  readonly bytes: number;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/**
 * In memory, sorted: a list of leaves, found by bisection. `onChange` is told of every change that a processor makes; what is restored
 * goes in by `restore`.
 */
export function memoryByteStore(store: string, onChange?: (change: StoreChange) => void): MemoryByteStore {
  const leaves: Leaf[] = [{ keys: [], values: [] }];
  const watchers: ((key: Uint8Array, isThere: boolean) => void)[] = [];
  let size = 0;
  let bytes = 0;

  /** The leaf that has the key, or would. */
  function leafOf(key: Uint8Array): number {
    let low = 0;
    let high = leaves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (compareBytes(leaves[middle]!.keys[0]!, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Of the first key of the leaf that is not below. */
  function position({ keys }: Leaf, key: Uint8Array): number {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(keys[middle]!, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function set(key: Uint8Array, value: Uint8Array): void {
    const at = leafOf(key);
    const leaf = leaves[at]!;
    const i = position(leaf, key);
    if (i < leaf.keys.length && compareBytes(leaf.keys[i]!, key) === 0) {
      bytes += value.length - leaf.values[i]!.length;
      leaf.values[i] = value;
      return;
    }
    leaf.keys.splice(i, 0, key);
    leaf.values.splice(i, 0, value);
    size++;
    bytes += key.length + value.length;
    for (const told of watchers) told(key, true);
    if (leaf.keys.length <= LEAF_KEYS) return;
    const half = leaf.keys.length >>> 1;
    leaves.splice(at + 1, 0, { keys: leaf.keys.splice(half), values: leaf.values.splice(half) });
  }

  function remove(key: Uint8Array): void {
    const at = leafOf(key);
    const leaf = leaves[at]!;
    const i = position(leaf, key);
    if (i >= leaf.keys.length || compareBytes(leaf.keys[i]!, key) !== 0) return;
    leaf.keys.splice(i, 1);
    const [value] = leaf.values.splice(i, 1);
    size--;
    bytes -= key.length + value!.length;
    if (leaf.keys.length === 0 && leaves.length > 1) leaves.splice(at, 1);
    for (const told of watchers) told(key, false);
  }

  function* forwards(from: Uint8Array | undefined, to: Uint8Array | undefined) {
    let at = from === undefined ? 0 : leafOf(from);
    let i = from === undefined ? 0 : position(leaves[at]!, from);
    for (; at < leaves.length; at++, i = 0) {
      const { keys, values } = leaves[at]!;
      for (; i < keys.length; i++) {
        if (to !== undefined && compareBytes(keys[i]!, to) >= 0) return;
        yield [keys[i]!, values[i]!] as const;
      }
    }
  }

  function* backwards(from: Uint8Array | undefined, to: Uint8Array | undefined) {
    let at = to === undefined ? leaves.length - 1 : leafOf(to);
    let i = to === undefined ? leaves[at]!.keys.length - 1 : position(leaves[at]!, to) - 1;
    for (;;) {
      const { keys, values } = leaves[at]!;
      for (; i >= 0; i--) {
        if (from !== undefined && compareBytes(keys[i]!, from) < 0) return;
        yield [keys[i]!, values[i]!] as const;
      }
      if (--at < 0) return;
      i = leaves[at]!.keys.length - 1;
    }
  }

  return {
    get(key) {
      const leaf = leaves[leafOf(key)]!;
      const i = position(leaf, key);
      return i < leaf.keys.length && compareBytes(leaf.keys[i]!, key) === 0 ? leaf.values[i] : undefined;
    },
    put(key, value) {
      set(key, value);
      onChange?.({ store, key, value });
    },
    delete(key) {
      remove(key);
      onChange?.({ store, key, value: null });
    },
    range: (from, to, reverse = false) => (reverse ? backwards(from, to) : forwards(from, to)),
    restore(key, value) {
      if (value === null) remove(key);
      else set(key, value);
    },
    watch: (told) => void watchers.push(told),
    get size() {
      return size;
    },
    get bytes() {
      return bytes;
    },
  };
}

/** The next key that there can be. */
export function justBehind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The first key that does not begin with the prefix; `undefined` if there is none. */
export function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  const end = Uint8Array.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i]!++;
      return end.subarray(0, i + 1);
    }
  }
  return undefined;
}
