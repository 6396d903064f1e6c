import { isUtf8 } from 'node:buffer';
import type { DecodedRecord } from '../../record/record.ts';
import { formatBase64 } from '../records/data.ts';

/** How an instance's records are written. */
export interface ConsumerFormat {
  readonly mediaType: string;
  /** What a key or a value is to be. */
  readonly content: string;
  /** Its JSON; `undefined` if it is not that. */
  readonly write: (bytes: Uint8Array) => string | undefined;
}

/** By their names in `format`: REST Proxy's, and Strimzi Bridge's `text`. */
export const FORMATS: ReadonlyMap<string, ConsumerFormat> = new Map<string, ConsumerFormat>([
  [
    'binary',
    {
      mediaType: 'application/vnd.kafka.binary.v2+json',
      content: 'bytes',
      write: (bytes) => `"${formatBase64(bytes)}"`,
    },
  ],
  ['json', { mediaType: 'application/vnd.kafka.json.v2+json', content: 'JSON', write: writeJson }],
  ['text', { mediaType: 'application/vnd.kafka.text.v2+json', content: 'UTF-8', write: writeText }],
]);

/** As it stands, so that numbers beyond 2^53 survive. */
function writeJson(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = textOf(bytes);
  try {
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}

/** Bytes that are no text are not told as such: replacement characters would change what was produced. */
function writeText(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? JSON.stringify(textOf(bytes)) : undefined;
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();

/** A record as REST Proxy writes it, with Strimzi Bridge's timestamp and headers; `undefined` if it is not of the format. */
export function formatRecord(
  format: ConsumerFormat,
  topicName: string,
  partition: number,
  { key, value, offset, timestamp, headers }: DecodedRecord,
): string | undefined {
  const keyText = key === null ? 'null' : format.write(key);
  const valueText = value === null ? 'null' : format.write(value);
  if (keyText === undefined || valueText === undefined) return undefined;
  return `{"topic":${JSON.stringify(topicName)},"key":${keyText},"value":${valueText},"partition":${partition},"offset":${offset},"timestamp":${timestamp}${formatHeaders(headers)}}`;
}

/** Left out if there are none, as the bridge does. */
function formatHeaders(headers: DecodedRecord['headers']): string {
  if (headers.length === 0) return '';
  const written = headers.map(({ key, value }) => ({ key, value: value && formatBase64(value) }));
  return `,"headers":${JSON.stringify(written)}`;
}
