import middy, { type MiddyfiedHandler } from '@middy/core';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { createDispatch, type Unserved } from '../lib/rest/dispatch.ts';
import type { HttpRequest, HttpResponse, Operation } from '../lib/rest/operation.ts';
import type { Wadi } from '../lib/wadi.ts';

/** API Gateway's event (HTTP API, payload format 2.0), as far as it is read here. */
export type HttpEvent = Pick<
  APIGatewayProxyEventV2,
  'routeKey' | 'rawPath' | 'rawQueryString' | 'headers' | 'pathParameters' | 'body' | 'isBase64Encoded'
> & {
  requestContext: { domainName: string; http: { method: string } };
  /** What the local server hands over instead: bytes, without a detour over base64. */
  local?: { readonly body: Uint8Array; readonly baseUrl: string; readonly signal: AbortSignal };
};

/** An answer before Lambda's encoding of it: the body may be bytes. */
export interface HttpResult {
  statusCode: number;
  headers: Record<string, string>;
  body?: string | Uint8Array;
}

export type HttpHandler = MiddyfiedHandler<HttpEvent, HttpResult>;
export type CreateHandler = (wadi: () => Promise<Wadi>) => HttpHandler;

/** A function that serves `operations`, on the Wadi that it asks for with each request. */
export function handlerOf(operations: readonly Operation[], unserved?: Unserved): CreateHandler {
  const dispatch = createDispatch(operations, unserved);
  // Every wait of an operation is bounded below the function's timeout, so that Middy need not race a timer.
  return (wadi) =>
    middy<HttpEvent, HttpResult>({ timeoutEarlyInMillis: 0 }).handler(async (event: HttpEvent) =>
      result(await dispatch(await wadi(), event.routeKey, httpRequest(event))),
    );
}

function httpRequest(event: HttpEvent): HttpRequest {
  const { requestContext, local } = event;
  return {
    method: requestContext.http.method,
    path: event.rawPath,
    params: (event.pathParameters ?? {}) as Record<string, string>,
    query: new URLSearchParams(event.rawQueryString),
    headers: event.headers,
    body: local?.body ?? Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    baseUrl: local?.baseUrl ?? `https://${requestContext.domainName}`,
    ...(local && { signal: local.signal }),
  };
}

function result({ status, headers, body }: HttpResponse): HttpResult {
  return { statusCode: status, headers: { ...headers }, ...(body !== undefined && { body }) };
}
