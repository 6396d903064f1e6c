import type { LocalCluster } from '../../lib/local/cluster.ts';

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

export function startClient({ url, wadi, close }: LocalCluster): Client {
  const root = `${url}/v3/clusters/${wadi.clusterId}`;

  async function call<T>(
    method: string,
    target: string,
    type?: string,
    body?: string | Buffer,
  ): Promise<Answer<T>> {
    const response = await fetch(target, {
      method,
      ...(body !== undefined && { body }),
      ...(type !== undefined && { headers: { 'content-type': type } }),
    });
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
    clusterId: wadi.clusterId,
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
