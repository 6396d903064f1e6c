/** Remembers what was used last, as long as there is room for it. By default each value takes 1 of the room. */
export class LruCache<Key, Value> {
  /** In the order of their last use. */
  readonly #values = new Map<Key, Value>();
  readonly #sizeOf: (value: Value) => number;
  readonly #capacity: number;
  #room: number;

  constructor(capacity: number, sizeOf: (value: Value) => number = () => 1) {
    this.#capacity = capacity;
    this.#room = capacity;
    this.#sizeOf = sizeOf;
  }

  has(key: Key): boolean {
    return this.#values.has(key);
  }

  get(key: Key): Value | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  /** As `get`, but does not count as a use. */
  peek(key: Key): Value | undefined {
    return this.#values.get(key);
  }

  /** What is larger than all the room is not kept. */
  set(key: Key, value: Value): void {
    this.delete(key);
    const size = this.#sizeOf(value);
    if (size > this.#capacity) return;
    this.#values.set(key, value);
    this.#room -= size;
    for (const oldest of this.#values.keys()) {
      if (this.#room >= 0) return;
      this.delete(oldest);
    }
  }

  delete(key: Key): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#room += this.#sizeOf(value);
  }
}
