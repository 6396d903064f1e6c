import { FormatRegistry } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { allOperations } from '../../functions/cluster.ts';
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from '../../lib/local/cluster.ts';
import { createRoutes, DEFAULT_ROUTE } from '../../lib/local/routes.ts';
import { routeKey } from '../../lib/rest/dispatch.ts';
import type { Operation } from '../../lib/rest/operation.ts';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON body; `undefined` if there is none. */
  readonly json: T;
}

export interface ErrorAnswer {
  error_code: number;
  message: string;
  kafka_error_code?: number;
  retriable: boolean;
  field?: string;
}

export interface Call {
  readonly headers?: Record<string, string>;
  /** What is neither text nor bytes is sent as JSON. */
  readonly body?: unknown;
}

export interface Api {
  readonly cluster: LocalCluster;
  /** `METHOD /path`, in which `/v3/-` stands for the path of this cluster. */
  call<T = ErrorAnswer>(route: string, call?: Call): Promise<Answer<T>>;
  /** The URL that `/v3/-` stands for. */
  readonly clusterUrl: string;
}

FormatRegistry.Set('date-time', (text) => !Number.isNaN(Date.parse(text)));

const findOperation = createRoutes<Operation | undefined>(
  new Map<string, Operation | undefined>([
    ...allOperations.map((operation) => [routeKey(operation), operation] as const),
    [DEFAULT_ROUTE, undefined],
  ]),
);

/** A local cluster in memory. Every answer is held to the schema that `openapi.json` gives for it. */
export async function startApi(options: Pick<LocalClusterOptions, 'authorizer'> = {}): Promise<Api> {
  const cluster = await startLocalCluster(options);
  return { cluster, ...callsOf(cluster.url, cluster.wadi.clusterId) };
}

/** Of what is served at a URL, by whatever brings requests there. */
export function callsOf(root: string, clusterId: string, fetch = globalThis.fetch): Omit<Api, 'cluster'> {
  const clusterUrl = `${root}/v3/clusters/${clusterId}`;
  return {
    clusterUrl,
    async call<T>(route: string, { headers = {}, body }: Call = {}): Promise<Answer<T>> {
      const [method = '', path = ''] = route.split(' ');
      const url = path.startsWith('/v3/-') ? clusterUrl + path.slice('/v3/-'.length) : root + path;
      const response = await fetch(url, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: sent(body) }),
      });
      const text = await response.text();
      const json = text === '' ? undefined : JSON.parse(text);
      requireShape(method, new URL(url).pathname, response, json);
      return { status: response.status, headers: response.headers, text, json };
    },
  };
}

function sent(body: unknown): string | Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body);
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function requireShape(method: string, path: string, { status, headers }: Response, json: unknown): void {
  const operation = findOperation(method, path).target;
  const bodies = operation?.answers[status];
  if (bodies === undefined) {
    if (status < 400 && method !== 'OPTIONS')
      throw new Error(`${method} ${path} answered an undeclared ${status}`);
    return;
  }
  if (bodies === 'empty') {
    if (json !== undefined) throw new Error(`${method} ${path} answered a body with ${status}`);
    return;
  }
  const type = headers.get('content-type') ?? '';
  const schema = bodies[type];
  if (schema === undefined) throw new Error(`${method} ${path} answered an undeclared ${type}`);
  if (schema === 'binary') return;
  const error = Value.Errors(schema, json).First();
  if (error) throw new Error(`${method} ${path} answered ${error.path}: ${error.message}`);
}
