import type { HttpResponse } from './operation.ts';

export const JSON_TYPE = 'application/json';
/** REST Proxy v2's and Strimzi Bridge's media type for everything but records. */
export const V2_TYPE = 'application/vnd.kafka.v2+json';
/** Those with an embedded format may be named in its place, as REST Proxy's clients do, of what has no records. */
const EMBEDDED_FORMATS = ['binary', 'json', 'text', 'avro', 'jsonschema', 'protobuf'];
export const V2_TYPES = [
  V2_TYPE,
  ...EMBEDDED_FORMATS.map((format) => `application/vnd.kafka.${format}.v2+json`),
];

const JSON_HEADERS = { 'content-type': JSON_TYPE };
const V2_HEADERS = { 'content-type': V2_TYPE };

export function json(status: number, value: unknown): HttpResponse {
  return { status, headers: JSON_HEADERS, body: JSON.stringify(value) };
}

export function v2json(status: number, value: unknown): HttpResponse {
  return { status, headers: V2_HEADERS, body: JSON.stringify(value) };
}

export const NO_CONTENT: HttpResponse = { status: 204 };

/** Lambda's 6 MB for an answer as JSON, less what is not the body: headers, and two URLs of a page. */
export const MAX_ANSWER_BYTES = 6 * 1024 * 1024 - 100_000;

/** The bytes of a text in that JSON, as a string. */
export const escapedBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text));

/** The same, or as base64 where the escapes would take more: a third on top, whatever the text. */
export function encodedBytes(text: string): { readonly bytes: number; readonly base64: boolean } {
  const asString = escapedBytes(text);
  const asBase64 = Math.ceil(Buffer.byteLength(text) / 3) * 4;
  return { bytes: Math.min(asString, asBase64), base64: asBase64 < asString };
}
