import type { HttpResponse } from './operation.ts';

export const JSON_TYPE = 'application/json';
/** REST Proxy v2's and Strimzi Bridge's media type for everything but records. */
export const V2_TYPE = 'application/vnd.kafka.v2+json';

const JSON_HEADERS = { 'content-type': JSON_TYPE };
const V2_HEADERS = { 'content-type': V2_TYPE };

export function json(status: number, value: unknown): HttpResponse {
  return { status, headers: JSON_HEADERS, body: JSON.stringify(value) };
}

export function v2json(status: number, value: unknown): HttpResponse {
  return { status, headers: V2_HEADERS, body: JSON.stringify(value) };
}

export const NO_CONTENT: HttpResponse = { status: 204 };
