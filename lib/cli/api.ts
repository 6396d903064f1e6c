import { setTimeout as sleep } from 'node:timers/promises';
import { KAFKA_ERRORS, type KafkaErrorName } from '../errors.ts';
import { topicNameProblem } from '../topic/topicName.ts';
import { CliError, Unreachable } from './cliError.ts';

/** Longer than the 30 s that API Gateway waits. */
const TIMEOUT_MS = 40_000;
/** Of a GET that is answered with "try again". */
const ATTEMPTS = 5;
const PAUSE_MS = 200;

/** The HTTP API of one cluster. Every call throws CliError, in the server's words if it answered. */
export interface Api {
  readonly url: string;
  /** The cluster's own paths; `path` begins below `/v3/clusters/{cluster_id}`. */
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>;
  /** The elements of a list, whatever the number of its pages. */
  list<T>(path: string): AsyncGenerator<T>;
  send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: string, query?: Query): Promise<T>;
}

export type Query = Readonly<Record<string, string | number>>;

class ApiError extends CliError {
  readonly kafkaErrorCode: number | undefined;

  constructor(message: string, kafkaErrorCode: number | undefined) {
    super(message);
    this.kafkaErrorCode = kafkaErrorCode;
  }
}

export function isKafkaError(error: unknown, name: KafkaErrorName): boolean {
  return error instanceof ApiError && error.kafkaErrorCode === KAFKA_ERRORS[name].code;
}

export async function createApi(url: string): Promise<Api> {
  const root = url.replace(/\/+$/, '');
  if (!URL.canParse(root) || !/^https?:/.test(root)) throw new CliError(`'${url}' is not an HTTP URL`);
  const cluster = `${root}/v3/clusters/${await clusterIdAt(root)}`;
  return {
    url: root,
    get: (path, query, signal) => getJson(withQuery(`${cluster}${path}`, query), signal),
    async *list<T>(path: string) {
      for (let next: string | null | undefined = `${cluster}${path}`; next; ) {
        const page: { data: T[]; metadata: { next?: string | null } } = await getJson(next);
        yield* page.data;
        next = page.metadata.next;
      }
    },
    async send(method, path, body, query) {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const response = await call(withQuery(`${cluster}${path}`, query), {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      return read(response);
    },
  };
}

/** Throws for a server that speaks of no cluster, or not in JSON. */
async function clusterIdAt(root: string): Promise<string> {
  const url = `${root}/v3/clusters`;
  const response = await get(url);
  const text = await textOf(response);
  const document = parse(text);
  const { data, message } = (document ?? {}) as { data?: { cluster_id?: unknown }[]; message?: unknown };
  const id = Array.isArray(data) ? data[0]?.cluster_id : undefined;
  if (response.ok && typeof id === 'string') return id;
  const { status } = response;
  const told = typeof message === 'string' ? `: ${message}` : '';
  if (status === 401 || status === 403) throw new CliError(`${root} refuses unsigned requests${told}`);
  if (status === 429 || status >= 500) throw new CliError(`HTTP ${status} from ${url}${told}`);
  const type = response.headers.get('content-type') ?? 'no content type';
  throw new CliError(`${root} is no Wadi: GET /v3/clusters answers ${status}, ${type}${told}`);
}

/** Of a topic, below the cluster's. A name that no topic can have must not lead elsewhere, as '..' would. */
export function topicPath(topic: string): string {
  const problem = topicNameProblem(topic);
  if (problem !== undefined) throw new CliError(`Topic name is invalid: ${problem}`);
  return `/topics/${encodeURIComponent(topic)}`;
}

function withQuery(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search}`;
}

async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  return read(await get(url, signal));
}

/** Reading may be repeated: a server that asks for it is given some time. */
async function get(url: string, signal?: AbortSignal): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await call(url, { ...(signal && { signal }) });
    if ((response.status !== 503 && response.status !== 429) || attempt === ATTEMPTS) return response;
    await response.body?.cancel();
    await sleep(PAUSE_MS * attempt, undefined, { ...(signal && { signal }) });
  }
}

async function call(url: string, init: RequestInit): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  try {
    return await fetch(url, { ...init, signal });
  } catch (error) {
    throw unreachable(url, error);
  }
}

async function read<T>(response: Response): Promise<T> {
  const text = await textOf(response);
  const document = parse(text);
  if (response.ok && (document !== undefined || text === '')) return document as T;
  const { message, kafka_error_code } = (document ?? {}) as { message?: string; kafka_error_code?: number };
  throw new ApiError(message ?? `HTTP ${response.status} from ${response.url}`, kafka_error_code);
}

function textOf(response: Response): Promise<string> {
  return response.text().catch((error) => {
    throw unreachable(response.url, error);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(url: string, error: unknown): unknown {
  const { name, message, cause } = error as Error & { cause?: Partial<NodeJS.ErrnoException> };
  if (name === 'AbortError') return error;
  return new Unreachable(
    `No answer from ${new URL(url).origin}: ${cause?.message || cause?.code || message}`,
  );
}
