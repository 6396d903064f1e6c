import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { HttpResult } from '../../functions/handler.ts';
import { logError } from '../logError.ts';
import { BODY_TOO_LARGE, formOf } from '../rest/dispatch.ts';
import { errorResponse, HttpError } from '../rest/errors.ts';
import { MAX_BODY_BYTES } from '../rest/request.ts';
import { createCollector } from './collector.ts';
import type { LocalFunction } from './functions.ts';
import { basicPrincipal } from './principal.ts';
import { readBody } from './readBody.ts';
import { createRoutes } from './routes.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Functions by their routes. */
  readonly functions: ReadonlyMap<string, LocalFunction>;
  /** Whether requests for this path are answered by the end of their connection alone. None is, unless given. */
  readonly isCut?: (path: string) => boolean;
}

export interface Server {
  readonly url: string;
  /** Asks `isCut` of the requests that are under way. */
  cut(): void;
  /** Takes no new requests and ends those that wait; resolves when the last is answered. */
  close(): Promise<void>;
}

/** As API Gateway, which gives a request 30 s. */
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
const CLOSE_TIMEOUT_MS = 10_000;

/** Stands in for API Gateway: finds the function of a route, hands it the event, sends what it answers. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host, port, functions, isCut = () => false } = options;
  const findRoute = createRoutes(functions);
  const collect = createCollector();
  /** Those that are not answered yet, and what ends their waiting. */
  const served = new Map<IncomingMessage, AbortController>();
  let closing = false;
  let url = '';

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [rawPath, rawQueryString] = splitUrl(request.url ?? '/');
    if (isCut(rawPath)) return void request.socket.destroy();
    const method = request.method ?? 'GET';
    const gone = new AbortController();
    let bytes = 0;
    served.set(request, gone);
    response.on('close', () => {
      served.delete(request);
      if (!response.writableFinished) gone.abort();
      collect(bytes);
    });
    const body = await readBody(request);
    if (body === undefined) {
      const { status, ...refusal } = errorResponse(
        new HttpError(413, BODY_TOO_LARGE, { field: 'body' }),
        formOf(rawPath),
      );
      return send(response, { statusCode: status, headers: {}, ...refusal }, true);
    }
    bytes = body.length;
    const { routeKey, params, target } = findRoute(method, rawPath);
    const domainName = request.headers.host ?? '';
    const result = await target.handler(
      {
        routeKey,
        rawPath,
        rawQueryString,
        headers: request.headers as Record<string, string>,
        pathParameters: params,
        isBase64Encoded: false,
        requestContext: { domainName, http: { method, sourceIp: addressOf(request) } },
        local: {
          body,
          baseUrl: baseUrl(domainName),
          principal: basicPrincipal(request.headers.authorization),
          signal: gone.signal,
        },
      },
      target.context,
    );
    bytes += result.body?.length ?? 0;
    send(response, result, closing);
  }

  /** By which address the client came: its own word for it, if it makes a URL. */
  const baseUrl = (domainName: string): string => {
    const named = `http://${domainName}`;
    return named === url || URL.canParse(named) ? named : url;
  };

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
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const isTooLarge = Number(request.headers['content-length']) > MAX_BODY_BYTES;
    if (!isTooLarge && !isCut(splitUrl(request.url ?? '/')[0])) response.writeContinue();
    server.emit('request', request, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // The client would take it for the answer to the request before, which may be done all the same.
    const isServed = [...served.keys()].some((request) => request.socket === socket && request.complete);
    if (socket.writable && !isServed) socket.write(refusal(NODE_STATUSES[error.code ?? ''] ?? 400));
    socket.destroySoon();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;

  return {
    url,
    cut() {
      for (const { url: target, socket } of served.keys()) {
        if (isCut(splitUrl(target ?? '/')[0])) socket.destroy();
      }
    },
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const gone of served.values()) gone.abort();
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** Of IPv4, as ACLs have it, also on a socket that takes both. */
const addressOf = ({ socket }: IncomingMessage): string =>
  (socket.remoteAddress ?? '').replace(/^::ffff:/, '');

function splitUrl(url: string): [path: string, query: string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}

/** What Node's server answers to these by itself; 400 to all others. */
const NODE_STATUSES: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** The answer to what is no request. */
function refusal(status: number): string {
  const reason = STATUS_CODES[status];
  const { headers, body = '' } = errorResponse(new HttpError(status, `HTTP ${status} ${reason}`), 'v3');
  const fields = { ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n${body}`;
}

function send(response: ServerResponse, result: HttpResult, close: boolean): void {
  const { statusCode, headers, body } = result;
  // Node would send a body of unknown length in chunks.
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  else if (statusCode !== 204) headers['content-length'] = '0';
  if (close) headers.connection = 'close';
  response.writeHead(statusCode, headers).end(body);
}
