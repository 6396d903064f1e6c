import { isUtf8 } from 'node:buffer';
import { WadiError } from '../../errors.ts';
import type { RecordHeader } from '../../record/record.ts';

/** How a key or a value is written in JSON; the names are REST Proxy v3's. */
export type DataType = 'BINARY' | 'JSON' | 'STRING';

/**
 * The bytes of `data` as `type`; `null`, as it is or absent, is Kafka's null. `jsonText` gives the data's own text in the
 * request. Throws INVALID_REQUEST for data that the type cannot carry.
 */
export function encodeData(
  type: DataType,
  data: unknown,
  field: string,
  jsonText: () => string,
): Uint8Array | null {
  if (data === undefined || data === null) return null;
  switch (type) {
    case 'BINARY':
      return decodeBase64(data, field);
    case 'STRING':
      return Buffer.from(requireText(data, field));
    case 'JSON':
      return Buffer.from(jsonText());
  }
}

/**
 * Standard base64 with its padding (RFC 4648, section 4). What Buffer.from would skip or guess is refused, because it
 * would store other bytes than the client meant.
 */
function decodeBase64(data: unknown, field: string): Uint8Array {
  if (typeof data === 'string') {
    const bytes = Buffer.from(data, 'base64');
    if (bytes.toString('base64') === data) return bytes;
  }
  throw new WadiError('INVALID_REQUEST', `Bad Request: ${field}=${shown(data)} is not a base64 string.`, {
    field,
  });
}

/** A lone surrogate has no UTF-8 form: it would be stored as a replacement character. */
function requireText(data: unknown, field: string): string {
  if (typeof data === 'string' && data.isWellFormed()) return data;
  throw new WadiError(
    'INVALID_REQUEST',
    `Bad Request: ${field}=${shown(data)} is not a string of Unicode text.`,
    {
      field,
    },
  );
}

/** A record header from its two parts in the request, the value in base64. */
export function readHeader(
  key: string,
  value: string | null | undefined,
  keyField: string,
  valueField: string,
): RecordHeader {
  return {
    key: requireText(key, keyField),
    value: value === null || value === undefined ? null : decodeBase64(value, valueField),
  };
}

/** Enough of a wrong value to find it by. What is nested may be nested too deeply to be written. */
const shown = (data: unknown): string =>
  typeof data === 'object' ? '(an object or a list)' : JSON.stringify(data).slice(0, 40);

/** How the client wants keys or values written. */
export type DataFormat = 'auto' | 'binary' | 'string' | 'json';

/**
 * `{"type":…,"data":…}` for a key or a value, `null` for Kafka's null. Whatever the format, the bytes can be had back:
 *
 * - `auto`: JSON if the bytes are just what JSON.stringify makes of the parsed data; else STRING if they are UTF-8;
 *   else BINARY. So `JSON.stringify(data)`, the UTF-8 of `data`, or its base64 are the bytes, and what is read can be
 *   produced again as it is (which is why the text `null` is a STRING).
 * - `json`: JSON if the bytes are any JSON text, which then stands in the answer as it is, numbers beyond 2^53
 *   included; else STRING or BINARY as in `auto`.
 * - `string`: STRING if the bytes are UTF-8, else BINARY.
 * - `binary`: BINARY.
 */
export function formatData(bytes: Uint8Array | null, format: DataFormat): string {
  if (bytes === null) return 'null';
  if (format !== 'binary' && isUtf8(bytes)) {
    const text = viewOf(bytes).toString();
    if (format !== 'string' && isJson(text, format === 'auto')) return `{"type":"JSON","data":${text}}`;
    return `{"type":"STRING","data":${JSON.stringify(text)}}`;
  }
  return `{"type":"BINARY","data":"${formatBase64(bytes)}"}`;
}

export const formatBase64 = (bytes: Uint8Array): string => viewOf(bytes).toString('base64');

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function isJson(text: string, canonical: boolean): boolean {
  if (!MAY_BE_JSON.test(text)) return false;
  try {
    const value = JSON.parse(text);
    return !canonical || (value !== null && JSON.stringify(value) === text);
  } catch {
    // Not JSON, or nested deeper than JSON.stringify can follow.
    return false;
  }
}

/** Spares the exception for plain text. */
const MAY_BE_JSON = /^[\s{["\d\-tfn]/;
