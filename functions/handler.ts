import middy from '@middy/core';
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { asWadiError } from '../lib/log/commit.ts';
import { createDispatch, formOf, routeKey, type Unserved } from '../lib/rest/dispatch.ts';
import { errorResponse } from '../lib/rest/errors.ts';
import type { HttpRequest, HttpResponse, Operation } from '../lib/rest/operation.ts';
import { type HttpAuthorizer, principalOf } from '../lib/rest/principal.ts';
import type { Wadi } from '../lib/wadi.ts';

/** API Gateway's event (HTTP API, payload format 2.0), as far as it is read here. */
export type HttpEvent = Pick<
  APIGatewayProxyEventV2,
  'routeKey' | 'rawPath' | 'rawQueryString' | 'headers' | 'pathParameters' | 'body' | 'isBase64Encoded'
> & {
  requestContext: {
    domainName: string;
    /** Of the API below its domain, `/stage`; none unless given. */
    basePath?: string;
    http: { method: string; sourceIp: string };
    /** Who API Gateway found the caller to be. */
    authorizer?: HttpAuthorizer;
  };
  /** What the local server adds: the body as bytes, without a detour over base64, and what only it knows. */
  local?: {
    readonly body: Uint8Array;
    readonly baseUrl: string;
    readonly principal: string;
    readonly signal: AbortSignal;
  };
};

/** An answer before Lambda's encoding of it: the body may be bytes. */
export interface HttpResult {
  statusCode: number;
  headers: Record<string, string>;
  body?: string | Uint8Array;
  isBase64Encoded?: boolean;
}

export type HttpHandler = middy.MiddyfiedHandler<HttpEvent, HttpResult, Error, Context>;
export interface CreateHandler {
  (wadi: Wadi): HttpHandler;
  /** `METHOD /path/{param}` of all that it serves. */
  readonly routes: ReadonlySet<string>;
}

/** Makes the handler of a function that serves these operations. It never rejects. */
export function handlerOf(operations: readonly Operation[], unserved?: Unserved): CreateHandler {
  const dispatch = createDispatch(operations, unserved);
  // Every wait of an operation ends before the function's time does, so Middy need not race a timer.
  const createHandler = (wadi: Wadi) =>
    middy<HttpEvent, HttpResult, Error, Context>({ timeoutEarlyInMillis: 0 }).handler(
      async (event: HttpEvent) => result(await dispatch(wadi, event.routeKey, httpRequest(event))),
    );
  return Object.assign(createHandler, { routes: new Set(operations.map(routeKey)) });
}

/**
 * The answer where there is no Wadi to ask: nobody is home, say, while a region takes over. Throws what is not of storage.
 * @param path of the request
 */
export function unopened(error: unknown, path: string): HttpResult {
  return result(errorResponse(asWadiError(error), formOf(path)));
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
    caller: {
      principal: local?.principal ?? principalOf(requestContext.authorizer),
      host: requestContext.http.sourceIp,
    },
    baseUrl: local?.baseUrl ?? `https://${requestContext.domainName}${requestContext.basePath ?? ''}`,
    ...(local && { signal: local.signal }),
  };
}

function result({ status, headers, body }: HttpResponse): HttpResult {
  return { statusCode: status, headers: { ...headers }, ...(body !== undefined && { body }) };
}
