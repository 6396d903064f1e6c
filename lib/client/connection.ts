import { ClientError, kafkaName, ofUnknownOutcome, refusal } from './clientError.ts';
import { startTimer, webClock } from './clock.ts';

/** Of every part of the client. Where Kafka has the option, it has Kafka's name and default. */
export interface ConnectionOptions {
  /**
   * `bootstrap.servers`: where the API is served, `https://….execute-api.….amazonaws.com`, `http://127.0.0.1:8080`. Of a cluster of several
   * regions a list, the nearest first: when one does not answer, or says that it cannot serve now, the next is asked, and so on round.
   */
  readonly url: string | readonly string[];
  /** For every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Returns more headers, for each attempt anew: a signature, a token. */
  readonly requestSigner?: (request: SignableRequest) => Promise<Readonly<Record<string, string>>>;
  /** `request.timeout.ms`, of one attempt; 30,000 as API Gateway's. */
  readonly requestTimeoutMs?: number;
  /** `default.api.timeout.ms`, of a call with all its attempts. */
  readonly apiTimeoutMs?: number;
  /** `retry.backoff.ms`: before the second attempt; it doubles up to `retryBackoffMaxMs`. */
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

export interface SignableRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the URL of the connection. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is no bytes is sent as JSON. */
  readonly body?: unknown;
  /** JSON's by default. */
  readonly type?: string;
  /** Is not repeated where it may have been carried out: twice would be more than once. */
  readonly once?: boolean;
}

export interface Answer<T> {
  readonly headers: Headers;
  /** `undefined` if there is none. */
  readonly body: T;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Instead of `apiTimeoutMs`, or of one attempt `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** All throw ClientError, or the signal's reason. */
export interface Connection {
  attempt<T>(request: ApiRequest, options?: CallOptions): Promise<Answer<T>>;
  /** As many attempts as there is time for, while errors say that it may help. */
  call<T>(request: ApiRequest, options?: CallOptions): Promise<T>;
  /** The same, with the headers of the answer. */
  ask<T>(request: ApiRequest, options?: CallOptions): Promise<Answer<T>>;
  /** The same for whatever makes one attempt, in the time that it is given. */
  repeat<T>(attempt: (remainingMs: number) => Promise<T>, options?: CallOptions): Promise<T>;
}

export const JSON_TYPE = 'application/json';

/** `options` may have more than those of a connection. Throws INVALID_CONFIG for a number that is none. */
export function connect(options: ConnectionOptions): Connection {
  checkNumbers(options);
  const {
    headers: always = {},
    requestSigner,
    requestTimeoutMs = 30_000,
    apiTimeoutMs = 60_000,
    retryBackoffMs = 100,
    retryBackoffMaxMs = 1_000,
    fetch = (url, init) => globalThis.fetch(url, init),
  } = options;
  const roots = rootsOf(options.url);
  let at = 0;

  /** From here on the next is asked, if nobody has said so already. */
  function leave(root: string): void {
    if (roots[at] === root) at = (at + 1) % roots.length;
  }

  async function attempt<T>(
    { method, path, query, headers, body: content, type = JSON_TYPE }: ApiRequest,
    { signal, timeoutMs = requestTimeoutMs }: CallOptions = {},
  ): Promise<Answer<T>> {
    const root = roots[at]!;
    const url = `${root}${path}${searchOf(query)}`;
    const body = bytesOf(content);
    const fields: Record<string, string> = { ...always, ...(body && { 'content-type': type }), ...headers };
    const answer = withTimeout(timeoutMs, signal, async (ended) => {
      const signed = await requestSigner?.({ method, url, headers: fields, body });
      const response = await fetch(url, {
        method,
        headers: { ...fields, ...signed },
        signal: ended,
        ...(body && { body }),
      });
      return read<T>(response, await response.text());
    });
    return answer.catch((error) => {
      if (error instanceof ClientError && isOfTheRegion(error)) leave(root);
      throw error;
    });
  }

  async function repeat<T>(
    once: (remainingMs: number) => Promise<T>,
    { signal, timeoutMs = apiTimeoutMs }: CallOptions = {},
    onlyRefused = false,
  ): Promise<T> {
    const endMs = webClock.now() + timeoutMs;
    let unknown = false;
    for (let failures = 0; ; failures++) {
      try {
        return await once(Math.max(1, endMs - webClock.now()));
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        unknown ||= error.outcome === 'unknown';
        const pauseMs = backoffMs(failures) + (error.retryAfterMs ?? 0);
        const mayRepeat = error.retriable && !(onlyRefused && unknown);
        if (!mayRepeat || webClock.now() + pauseMs >= endMs) {
          throw unknown ? ofUnknownOutcome(error) : error;
        }
        await webClock.sleep(pauseMs, signal);
        signal?.throwIfAborted();
      }
    }
  }

  /** Half of it by chance, so that those who failed together do not return together. */
  function backoffMs(failures: number): number {
    const full = Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** failures);
    return full / 2 + (Math.random() * full) / 2;
  }

  function ask<T>(request: ApiRequest, options: CallOptions = {}): Promise<Answer<T>> {
    const once = (remainingMs: number) =>
      attempt<T>(request, { ...options, timeoutMs: Math.min(requestTimeoutMs, remainingMs) });
    return repeat(once, options, request.once);
  }

  return {
    attempt,
    repeat,
    ask,
    call: async <T>(request: ApiRequest, options?: CallOptions) => (await ask<T>(request, options)).body,
  };
}

/** Times and sizes. Of one that is no number, a text from the environment perhaps, timers and sums would make anything. */
function checkNumbers(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (!/(Ms|Bytes|Size|InFlight)$/.test(name) || value === undefined) continue;
    if (typeof value === 'number' && value >= 0) continue;
    throw refusal('INVALID_CONFIG', `${name} must be a number of at least 0`, name);
  }
}

/** That another region may answer better. Which regions are in sync is the same for all. */
function isOfTheRegion({ status, kafka }: ClientError): boolean {
  return (status === 0 || status >= 500) && kafka !== 'NOT_ENOUGH_REPLICAS';
}

function rootsOf(url: string | readonly string[]): string[] {
  const urls = typeof url === 'string' ? url.split(',') : url;
  if (urls.length === 0) throw refusal('INVALID_REQUEST', 'there is no URL', 'url');
  return urls.map((each) => rootOf(each.trim()));
}

function rootOf(url: string): string {
  const root = url.replace(/\/+$/, '');
  if (URL.canParse(root) && /^https?:/.test(root)) return root;
  throw refusal('INVALID_REQUEST', `'${url}' is not an HTTP URL`, 'url');
}

function searchOf(query: ApiRequest['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? '' : `?${search}`;
}

const utf8 = new TextEncoder();

function bytesOf(content: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (content === undefined || content instanceof Uint8Array) return content as Uint8Array<ArrayBuffer>;
  return utf8.encode(JSON.stringify(content)) as Uint8Array<ArrayBuffer>;
}

/** Without an answer nobody knows what became of the request. */
async function withTimeout<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  run: (ended: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const ended = new AbortController();
  const abort = () => ended.abort();
  const timer = startTimer(abort, timeoutMs);
  signal?.addEventListener('abort', abort);
  try {
    return await run(ended.signal);
  } catch (error) {
    if (error instanceof ClientError) throw error;
    signal?.throwIfAborted();
    const message = ended.signal.aborted ? `No answer within ${Math.round(timeoutMs)} ms` : 'No answer';
    throw new ClientError(message, { kafka: 'REQUEST_TIMED_OUT', outcome: 'unknown', cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

interface ErrorBody {
  readonly message?: unknown;
  readonly kafka_error_code?: unknown;
  readonly retriable?: unknown;
  readonly field?: unknown;
}

function read<T>(response: Response, text: string): Answer<T> {
  const { status, headers } = response;
  const body = parse(text);
  if (response.ok && (body !== undefined || text === '')) return { headers, body: body as T };
  const { message, kafka_error_code, retriable, field } = (body ?? {}) as ErrorBody;
  throw new ClientError(typeof message === 'string' ? message : `HTTP ${status}`, {
    kafka: kafkaName(kafka_error_code),
    status,
    // Proxies and API Gateway answer without a word of their own.
    retriable: typeof retriable === 'boolean' ? retriable : isWeather(status),
    outcome: status >= 400 && status < 500 && status !== 408 ? 'refused' : 'unknown',
    field: typeof field === 'string' ? field : undefined,
    retryAfterMs: retryAfterMs(headers),
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Also a 200 that is no answer of the API's: something on the way has cut it off, or spoken for it. */
const isWeather = (status: number): boolean =>
  status < 300 || status === 408 || status === 429 || status >= 500;

/** RFC 9110, 10.2.3: seconds, or a date. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - webClock.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
