import { WadiError } from '../../errors.ts';
import { type Format, Serdes } from '../serdes.ts';

/** Of a store: `null` is the application's own, of which nothing is known but bytes. */
export type StoreFormat = Format | null;

/**
 * The bytes of a key that is asked for in text: a string as it is, a number in digits, JSON as `JSON.stringify` would write it, bytes in base64, of
 * either alphabet. Throws INVALID_REQUEST.
 */
export function keyFrom(format: StoreFormat, text: string, field: string): Uint8Array {
  const bytes = PARSERS[format ?? 'bytes'](text);
  if (bytes !== undefined) return bytes;
  const message = `${field} is no ${format === null || format === 'bytes' ? 'base64' : format}, which the store's keys are asked for in.`;
  throw new WadiError('INVALID_REQUEST', message, { field });
}

const PARSERS: Readonly<Record<Format, (text: string) => Uint8Array | undefined>> = {
  string: (text) => (text.isWellFormed() ? Serdes.string.serialize(text) : undefined),
  bytes(text) {
    const bytes = Buffer.from(text, 'base64');
    const isWhole = bytes.toString('base64url') === text.replace(/={1,2}$/, '').replace(/[+/]/g, toUrl);
    return isWhole ? new Uint8Array(bytes) : undefined;
  },
  integer(text) {
    const value = Number(text);
    return /^-?\d{1,10}$/.test(text) && value === (value | 0) ? Serdes.integer.serialize(value) : undefined;
  },
  long(text) {
    if (!/^-?\d{1,19}$/.test(text)) return undefined;
    const value = BigInt(text);
    if (BigInt.asIntN(64, value) !== value) return undefined;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, value);
    return bytes;
  },
  double: (text) => (DOUBLE.test(text) ? Serdes.double.serialize(Number(text)) : undefined),
  json(text) {
    try {
      return Serdes.json().serialize(JSON.parse(text));
    } catch {
      return undefined;
    }
  },
};

const DOUBLE = /^(NaN|-?(Infinity|\d+(\.\d+)?([eE][+-]?\d+)?))$/;
const toUrl = (character: string): string => (character === '+' ? '-' : '_');

/**
 * A key or value as JSON text: bytes in base64; JSON in its own words. What JSON, or JavaScript, has no number for is a string: a long beyond 2^53 in its digits, `"NaN"`,
 * `"Infinity"` and `"-Infinity"`. Throws INVALID_RECORD for bytes that are none of the format.
 */
export function jsonFrom(format: StoreFormat, bytes: Uint8Array): string {
  try {
    return WRITERS[format ?? 'bytes'](bytes);
  } catch (cause) {
    const message = `The store has ${bytes.length} bytes that are no ${format}.`;
    throw new WadiError('INVALID_RECORD', message, { cause });
  }
}

const WRITERS: Readonly<Record<Format, (bytes: Uint8Array) => string>> = {
  string: (bytes) => JSON.stringify(Serdes.string.deserialize(bytes)),
  bytes: ({ buffer, byteOffset, length }) =>
    JSON.stringify(Buffer.from(buffer, byteOffset, length).toString('base64')),
  integer: (bytes) => String(Serdes.integer.deserialize(bytes)),
  long(bytes) {
    if (Number.isSafeInteger(Serdes.long.deserialize(bytes))) return String(Serdes.long.deserialize(bytes));
    return `"${new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigInt64(0)}"`;
  },
  double(bytes) {
    const value = Serdes.double.deserialize(bytes);
    if (Object.is(value, -0)) return '-0';
    return Number.isFinite(value) ? String(value) : `"${value}"`;
  },
  json(bytes) {
    const text = Serdes.string.deserialize(bytes);
    JSON.parse(text);
    return text;
  },
};
