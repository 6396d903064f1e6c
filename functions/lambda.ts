import type { MiddlewareObj } from '@middy/core';
import { encodedBytes, MAX_ANSWER_BYTES } from '../lib/rest/response.ts';
import type { Wadi } from '../lib/wadi.ts';
import type { CreateHandler, HttpEvent, HttpHandler, HttpResult } from './handler.ts';

/** The handler with what Lambda asks of it beyond HTTP. */
export function forLambda(createHandler: CreateHandler, wadi: Wadi): HttpHandler {
  return createHandler(wadi).use([base64(), settled(wadi)]);
}

/**
 * Lambda's answers are JSON, so bytes travel as base64; API Gateway turns them back. So does long text of which escapes
 * would make more than Lambda takes.
 */
function base64(): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    after({ response }) {
      if (response?.body === undefined) return;
      const { body } = response;
      if (typeof body === 'string' && !(body.length > LONG_TEXT && encodedBytes(body).base64)) return;
      response.body = base64Of(typeof body === 'string' ? Buffer.from(body) : body);
      response.isBase64Encoded = true;
    },
  };
}

/** A character takes up to 6 bytes (`\\u0001`), so no shorter text can be too large. */
const LONG_TEXT = Math.floor(MAX_ANSWER_BYTES / 6);

const base64Of = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/** An environment is frozen when it has answered: what runs in the background must be done by then. */
function settled(wadi: Partial<Wadi>): MiddlewareObj<HttpEvent, HttpResult> {
  return { after: () => wadi.log?.settled() };
}
