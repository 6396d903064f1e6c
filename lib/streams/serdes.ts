/** Encodings that are known without the application's code: its stores can be looked into by whoever knows them. */
export const FORMATS = ['string', 'bytes', 'integer', 'long', 'double', 'json'] as const;
export type Format = (typeof FORMATS)[number];

/** How keys or values of a type are bytes. Neither is asked for null: a key or value that is not there stays so. */
export interface Serde<T> {
  /** None of these, unless given. */
  readonly format?: Format;
  /** Throws for a value that the bytes would not be. */
  serialize(value: T): Uint8Array;
  /** Throws for bytes that are none of the type. */
  deserialize(bytes: Uint8Array): T;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true });
/** A byte order mark stays, as in Kafka: it is part of a key. */
const exactly = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const numbers = (
  format: Format,
  bytes: number,
  set: (view: DataView, value: number) => void,
  get: (view: DataView) => number,
): Serde<number> => ({
  format,
  serialize(value) {
    const out = new Uint8Array(bytes);
    const view = new DataView(out.buffer);
    set(view, value);
    const written = get(view);
    if (written !== value && !Object.is(written, value)) throw new RangeError(`${value} is no ${format}`);
    return out;
  },
  deserialize(stored) {
    if (stored.length !== bytes) throw new RangeError(`${stored.length} bytes are no ${format}`);
    return get(new DataView(stored.buffer, stored.byteOffset, bytes));
  },
});

/** Kafka's, in its encodings: numbers are big-endian, as its Integer, Long and Double serializers write them. */
export const Serdes = {
  string: {
    format: 'string',
    serialize: (value: string) => utf8.encode(value),
    deserialize: (bytes: Uint8Array) => exactly.decode(bytes),
  } satisfies Serde<string>,

  bytes: {
    format: 'bytes',
    serialize: (value: Uint8Array) => value,
    deserialize: (bytes: Uint8Array) => bytes,
  } satisfies Serde<Uint8Array>,

  // Pure, so that bundles of functions that have no streams leave them out.
  integer: /* @__PURE__ */ numbers(
    'integer',
    4,
    (view, value) => view.setInt32(0, value),
    (view) => view.getInt32(0),
  ),

  /** As a number: exact up to 2^53. */
  long: /* @__PURE__ */ numbers(
    'long',
    8,
    (view, value) => view.setBigInt64(0, BigInt(value)),
    (view) => Number(view.getBigInt64(0)),
  ),

  double: /* @__PURE__ */ numbers(
    'double',
    8,
    (view, value) => view.setFloat64(0, value),
    (view) => view.getFloat64(0),
  ),

  /** `check` throws for, or makes anew, what is not of the type: a schema's `parse`. Without it anything is taken. */
  json<T>(check: (value: unknown) => T = (value) => value as T): Serde<T> {
    return {
      format: 'json',
      serialize: (value) => utf8.encode(JSON.stringify(value)),
      deserialize: (bytes) => check(JSON.parse(fromUtf8.decode(bytes))),
    };
  },
} as const;
