import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from 'aws-lambda';
import type { HttpHandler, HttpResult } from '../../functions/handler.ts';
import { bodyTooLarge } from '../rest/dispatch.ts';
import { errorResponse, HttpError, logError } from '../rest/errors.ts';
import { readBody } from './readBody.ts';
import { createRoutes } from './routes.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Functions by their routes. */
  readonly functions: ReadonlyMap<string, { readonly handler: HttpHandler; readonly context: Context }>;
}

export interface Server {
  readonly url: string;
  /** Takes no new requests and ends those that wait; resolves when the last is answered. */
  close(): Promise<void>;
}

/** As API Gateway, which gives a request 30 s. */
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
const CLOSE_TIMEOUT_MS = 10_000;

/** Stands in for API Gateway: finds the function of a route, hands it the event, sends what it answers. */
export async function startServer({ host, port, functions }: ServerOptions): Promise<Server> {
  const findRoute = createRoutes(functions);
  const requests = new Set<AbortController>();
  let url = '';

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [rawPath, rawQueryString] = splitUrl(request.url ?? '/');
    const method = request.method ?? 'GET';
    const body = await readBody(request);
    if (body === undefined) {
      const refusal = errorResponse(
        new HttpError(413, bodyTooLarge),
        rawPath.startsWith('/v3') ? 'v3' : 'v2',
      );
      return send(response, {
        statusCode: refusal.status,
        headers: { ...refusal.headers, connection: 'close' },
        body: refusal.body!,
      });
    }
    const { routeKey, params, target } = findRoute(method, rawPath);
    const gone = new AbortController();
    requests.add(gone);
    response.on('close', () => {
      requests.delete(gone);
      if (!response.writableFinished) gone.abort();
    });
    const domainName = request.headers.host ?? '';
    const result = await target.handler(
      {
        routeKey,
        rawPath,
        rawQueryString,
        headers: request.headers as Record<string, string>,
        pathParameters: params,
        isBase64Encoded: false,
        requestContext: { domainName, http: { method } },
        local: { body, baseUrl: domainName === '' ? url : `http://${domainName}`, signal: gone.signal },
      },
      target.context,
    );
    send(response, result);
  }

  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      serve(request, response).catch((error) => {
        // The client went away while it sent its body; anything else is a fault of ours.
        if (!request.errored) logError(error);
        response.destroy();
      });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;

  return {
    url,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const waiting of requests) waiting.abort();
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function splitUrl(url: string): [path: string, query: string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}

function send(response: ServerResponse, { statusCode, headers, body }: HttpResult): void {
  // Node would send a body of unknown length in chunks.
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  else if (statusCode !== 204) headers['content-length'] = '0';
  response.writeHead(statusCode, headers).end(body);
}
