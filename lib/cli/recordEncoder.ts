import { isUtf8 } from 'node:buffer';
import { CliError } from './cliError.ts';

/** `string`: as it stands; `json`: JSON text; `binary`: base64. */
export type DataType = 'string' | 'json' | 'binary';

export interface RecordOptions {
  readonly keySeparator: string | undefined;
  /** For every record. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly partition: number | undefined;
  readonly type: DataType;
  readonly keyType: DataType;
  /** What stands for Kafka's null. */
  readonly nullMarker: string | undefined;
}

/** An entry of `records:batch`, as JSON text. */
export interface EncodedRecord {
  readonly entry: string;
  readonly bytes: number;
}

/** Makes an entry of a line; `id` is its number from 1. Throws CliError for a line that is no such record. */
export function recordEncoder(options: RecordOptions): (line: Buffer, id: number) => EncodedRecord {
  const separator = options.keySeparator === undefined ? undefined : Buffer.from(options.keySeparator);
  const nullMarker = options.nullMarker === undefined ? undefined : Buffer.from(options.nullMarker);
  const headers = options.headers.map(([name, value]) => ({
    name,
    value: Buffer.from(value).toString('base64'),
  }));
  const shared = [
    options.partition === undefined ? '' : `,"partition_id":${options.partition}`,
    headers.length === 0 ? '' : `,"headers":${JSON.stringify(headers)}`,
  ].join('');

  function data(type: DataType, bytes: Buffer, id: number): string {
    return nullMarker?.equals(bytes) ? 'null' : encode(type, bytes, id);
  }

  return (line, id) => {
    let key = '';
    let value = line;
    if (separator !== undefined) {
      const at = line.indexOf(separator);
      if (at < 0) throw new CliError(`Line ${id} has no key: '${separator}' is not in it`);
      key = `,"key":${data(options.keyType, line.subarray(0, at), id)}`;
      value = line.subarray(at + separator.length);
    }
    const entry = `{"id":"${id}"${shared}${key},"value":${data(options.type, value, id)}}`;
    return { entry, bytes: Buffer.byteLength(entry) };
  };
}

function encode(type: DataType, bytes: Buffer, id: number): string {
  switch (type) {
    case 'string':
      // Text that is not UTF-8 would not come through JSON as it is.
      return isUtf8(bytes)
        ? `{"type":"STRING","data":${JSON.stringify(bytes.toString())}}`
        : `{"type":"BINARY","data":"${bytes.toString('base64')}"}`;
    case 'json':
      return `{"type":"JSON","data":${requireJson(bytes, id)}}`;
    case 'binary':
      return `{"type":"BINARY","data":${JSON.stringify(bytes.toString().trim())}}`;
  }
}

function requireJson(bytes: Buffer, id: number): string {
  const text = bytes.toString();
  if (!isUtf8(bytes)) throw new CliError(`Line ${id} is not UTF-8, so it is not JSON`);
  try {
    JSON.parse(text);
  } catch (error) {
    throw new CliError(`Line ${id} is not JSON: ${(error as Error).message}`);
  }
  return text;
}
