/** Unsigned varints (LEB128), as entries and index rows are packed with. Numbers up to 2^53, producer ids up to 2^63. */

export class ByteWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  uint(value: number): this {
    if (!(value >= 0) || !Number.isInteger(value)) throw new RangeError(`${value} is no unsigned integer`);
    let rest = value;
    while (rest >= 0x80) {
      this.#push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.#push(rest);
  }

  /** Zigzag, for values that may be negative. */
  int(value: number): this {
    return this.uint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  bigUint(value: bigint): this {
    let rest = value;
    while (rest >= 0x80n) {
      this.#push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    return this.#push(Number(rest));
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #push(byte: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
    return this;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Reads what ByteWriter wrote. Bytes that end early are a broken store, not bad input: it throws RangeError. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#position >= this.#bytes.length;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#next();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bigUint(): bigint {
    let value = 0n;
    let shift = 0n;
    for (;;) {
      const byte = this.#next();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7n;
    }
  }

  raw(length: number): Uint8Array {
    if (this.#position + length > this.#bytes.length) throw new RangeError('stored bytes end early');
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }

  #next(): number {
    const byte = this.#bytes[this.#position++];
    if (byte === undefined) throw new RangeError('stored bytes end early');
    return byte;
  }
}
