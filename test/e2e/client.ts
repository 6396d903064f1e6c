import type { ConnectionOptions } from '../../lib/client/connection.ts';
import { type LocalClusterOptions, startLocalCluster } from '../../lib/local/cluster.ts';

interface Data {
  type: string;
  data: unknown;
}

export interface PageRecord {
  offset: number;
  key: Data | null;
  value: Data | null;
  headers: { name: string; value: string | null }[];
}

export interface Page {
  records: PageRecord[];
  next_offset: number;
  high_watermark: number;
}

export interface Report {
  error_code: number;
  partition_id: number;
  offset: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly json: T;
}

/** Speaks to one process of Wadi over HTTP. Paths are below `/v3/clusters/{cluster_id}`. */
export interface Client {
  readonly clusterId: string;
  send<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>>;
  post<T = unknown>(path: string, body: unknown): Promise<Answer<T>>;
  postV2(path: string, body: unknown): Promise<Answer<{ offsets: { partition: number; offset: number }[] }>>;
  postBatches(topic: string, partition: number, batches: Uint8Array): Promise<Answer<unknown>>;
  /** One record, which must be acknowledged. */
  produce(topic: string, record: object): Promise<Report>;
  fetch(topic: string, partition: number, query: string): Promise<Page>;
  readAll(topic: string, partition: number): Promise<PageRecord[]>;
  close(): Promise<void>;
}

/** A process of its own, and a client that speaks to it alone. */
export async function startClient(options: LocalClusterOptions): Promise<Client> {
  const { url, wadi, close } = await startLocalCluster(options);
  return clientOf(url, wadi.clusterId, { close });
}

/** A client of a deployment that is there already. */
export async function connectClient(url: string, requestSigner?: RequestSigner): Promise<Client> {
  const target = `${url}/v3/clusters`;
  const headers = await requestSigner?.({ method: 'GET', url: target, headers: {}, body: undefined });
  const response = await fetch(target, { ...(headers && { headers }) });
  if (!response.ok) throw new Error(`${target} answered ${response.status} ${await response.text()}`);
  const { data } = (await response.json()) as { data: [{ cluster_id: string }] };
  return clientOf(url, data[0].cluster_id, { ...(requestSigner && { requestSigner }) });
}

type RequestSigner = NonNullable<ConnectionOptions['requestSigner']>;

interface Connection {
  readonly requestSigner?: RequestSigner;
  readonly close?: () => Promise<void>;
}

function clientOf(url: string, clusterId: string, connection: Connection): Client {
  const { requestSigner, close = async () => undefined } = connection;
  const root = `${url}/v3/clusters/${clusterId}`;

  async function call<T>(
    method: string,
    target: string,
    type?: string,
    body?: string | Buffer,
  ): Promise<Answer<T>> {
    const plain = { ...(type !== undefined && { 'content-type': type }) };
    const bytes = body === undefined ? undefined : Uint8Array.from(Buffer.from(body));
    const headers = requestSigner
      ? await requestSigner({ method, url: target, headers: plain, body: bytes })
      : plain;
    const response = await fetch(target, { method, headers, ...(bytes && { body: bytes }) });
    const text = await response.text();
    return { status: response.status, json: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  const send = <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
    body === undefined
      ? call(method, root + path)
      : call(method, root + path, 'application/json', JSON.stringify(body));

  async function fetchPage(topic: string, partition: number, query: string): Promise<Page> {
    const { status, json } = await send<Page>(
      'GET',
      `/topics/${topic}/partitions/${partition}/records?${query}`,
    );
    if (status !== 200) throw new Error(`fetch answered ${status} ${JSON.stringify(json)}`);
    return json;
  }

  return {
    clusterId,
    send,
    post: (path, body) => send('POST', path, body),
    postV2: (path, body) =>
      call('POST', url + path, 'application/vnd.kafka.json.v2+json', JSON.stringify(body)),
    postBatches: (topic, partition, batches) =>
      call(
        'POST',
        `${root}/topics/${topic}/partitions/${partition}/records`,
        'application/vnd.wadi.recordbatch',
        Buffer.from(batches),
      ),
    async produce(topic, record) {
      const { json } = await send<Report>('POST', `/topics/${topic}/records`, record);
      if (json.error_code !== 200) throw new Error(`produce answered ${JSON.stringify(json)}`);
      return json;
    },
    fetch: fetchPage,
    async readAll(topic, partition) {
      const found: PageRecord[] = [];
      for (let offset = 0; ; ) {
        const { records, next_offset } = await fetchPage(topic, partition, `offset=${offset}`);
        if (next_offset === offset) return found;
        found.push(...records);
        offset = next_offset;
      }
    },
    close,
  };
}
