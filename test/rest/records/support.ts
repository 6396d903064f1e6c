import { createDispatch, routeKey } from '../../../lib/rest/dispatch.ts';
import { fetchRecords } from '../../../lib/rest/records/fetchRecords.ts';
import { produceOperations } from '../../../lib/rest/records/operations.ts';
import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import type { Storage } from '../../../lib/storage/ports.ts';
import { createWadi, type Wadi } from '../../../lib/wadi.ts';

export const BASE_URL = 'http://127.0.0.1:8080';
export const RAW = 'application/vnd.wadi.recordbatch';

const operations = [...produceOperations, fetchRecords];
const dispatch = createDispatch(operations);

export interface Call {
  readonly query?: string | Record<string, string>;
  readonly headers?: Record<string, string>;
  /** What is neither text nor bytes is sent as JSON. */
  readonly body?: unknown;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Of a JSON body. */
  readonly json: T;
}

export interface Report {
  error_code: number;
  message?: string;
  field?: string;
  cluster_id: string;
  topic_name: string;
  partition_id: number;
  offset: number;
  timestamp: string | null;
  key: { type: string; size: number } | null;
  value: { type: string; size: number } | null;
}

export interface RecordData {
  type: string;
  data: unknown;
}

export interface FetchPage {
  kind: string;
  metadata: { self: string; next: string | null };
  next_offset: number;
  high_watermark: number;
  log_start_offset: number;
  records: {
    partition_id: number;
    offset: number;
    timestamp: string | null;
    timestamp_ms: number;
    timestamp_type: string;
    headers: { name: string; value: string | null }[];
    key: RecordData | null;
    value: RecordData | null;
  }[];
}

export interface Api {
  readonly wadi: Wadi;
  /** `path`: METHOD /path/{param} of an operation, its parameters filled in. */
  send<T = unknown>(route: string, call?: Call): Promise<Answer<T>>;
  produce(topic: string, record: unknown, query?: string): Promise<Report>;
  fetch(topic: string, partition: number, query?: string): Promise<FetchPage>;
  highWatermark(topic: string, partition?: number): Promise<number>;
}

/** A process of Wadi on memory storage, its own or another one's, served by the operations of this folder. */
export async function startApi({ storage = memoryStorage() }: { storage?: Storage } = {}): Promise<Api> {
  return servedBy(await createWadi({ storage }));
}

export function servedBy(wadi: Wadi): Api {
  const cluster = `/v3/clusters/${wadi.clusterId}`;

  async function send<T>(route: string, { query, headers = {}, body }: Call = {}): Promise<Answer<T>> {
    const [method = '', path = ''] = route.replace('/v3/', `${cluster}/`).split(' ');
    const { operation, params } = match(method, path);
    const response = await dispatch(wadi, routeKey(operation), {
      method,
      path,
      params,
      query: new URLSearchParams(query),
      headers,
      body: bytesOf(body),
      baseUrl: BASE_URL,
      caller: { principal: 'User:ANONYMOUS', host: '192.0.2.1' },
    });
    const bytes = bytesOf(response.body);
    const text = Buffer.from(bytes).toString();
    const isJson = response.headers?.['content-type']?.endsWith('json') && !text.includes('}\n{');
    const json = (isJson ? JSON.parse(text) : undefined) as T;
    return { status: response.status, headers: response.headers ?? {}, bytes, text, json };
  }

  return {
    wadi,
    send,
    async produce(topic, record, query = '') {
      const answer = await send<Report>(`POST /v3/topics/${topic}/records`, { body: record, query });
      expect(answer).toMatchObject({ status: 200, json: { error_code: 200 } });
      return answer.json;
    },
    async fetch(topic, partition, query = '') {
      const answer = await send<FetchPage>(`GET /v3/topics/${topic}/partitions/${partition}/records`, {
        query,
      });
      expect(answer.status).toBe(200);
      return answer.json;
    },
    async highWatermark(topic, partition = 0) {
      return (await wadi.log.bounds(await wadi.topics.describe(topic), partition)).highWatermark;
    },
  };
}

function match(method: string, path: string) {
  for (const operation of operations) {
    const pattern = operation.path.replace(/\{(\w+)\}/g, '(?<$1>[^/:]+)');
    const found = operation.method === method ? new RegExp(`^${pattern}$`).exec(path) : null;
    if (found) return { operation, params: { ...found.groups } };
  }
  throw new Error(`No operation for ${method} ${path}`);
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (typeof body === 'string') return Buffer.from(body);
  return body === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(body));
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');

/** The bytes that a key or value of an answer stands for, as the API promises. */
export function bytesOfData(data: RecordData | null): Buffer | null {
  if (data === null) return null;
  if (data.type === 'JSON') return Buffer.from(JSON.stringify(data.data));
  return Buffer.from(String(data.data), data.type === 'BINARY' ? 'base64' : 'utf8');
}
