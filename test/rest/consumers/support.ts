import { request } from 'node:http';
import { type Answer, type Api, type Call, type ErrorAnswer, startApi } from '../support.ts';

export const BINARY = 'application/vnd.kafka.binary.v2+json';
export const JSON_FORMAT = 'application/vnd.kafka.json.v2+json';
export const TEXT = 'application/vnd.kafka.text.v2+json';
export const V2 = 'application/vnd.kafka.v2+json';

export interface ConsumerRecord {
  topic: string;
  key: unknown;
  value: unknown;
  partition: number;
  offset: number;
  timestamp: number;
  headers?: { key: string; value: string | null }[];
}

export interface Heartbeat {
  member_id: string;
  member_epoch: number;
  heartbeat_interval_ms: number;
  assigned: { topic: string; partition: number; position: number }[];
  pending: object[];
  revoking: { topic: string; partition: number }[];
}

/** An instance, by its path; `METHOD /what` is called below it. */
export interface Instance {
  readonly path: string;
  call<T = ErrorAnswer>(route: string, call?: Call): Promise<Answer<T>>;
  /** Waits until there are records. */
  poll(query?: string, headers?: Record<string, string>): Promise<Answer<ConsumerRecord[]>>;
}

export interface Consumers extends Api {
  /** Creates an instance that reads from the begin. */
  instance(name: string, config?: Record<string, unknown>, group?: string): Promise<Instance>;
  /** Produces texts to a partition. */
  produce(topic: string, partition: number, ...values: string[]): Promise<void>;
}

/** A cluster with the topic `orders`, of three partitions. */
export async function startConsumers(): Promise<Consumers> {
  const api = await startApi();
  await api.call('POST /v3/-/topics', { body: { topic_name: 'orders', partitions_count: 3 } });
  return {
    ...api,
    async instance(name, config = {}, group = 'readers') {
      const body = { name, 'auto.offset.reset': 'earliest', 'enable.auto.commit': false, ...config };
      const created = await api.call(`POST /consumers/${group}`, { body });
      if (created.status !== 200) throw new Error(created.text);
      const path = `/consumers/${group}/instances/${name}`;
      const call = <T>(route: string, call?: Call) => api.call<T>(route.replace(' ', ` ${path}`), call);
      return {
        path,
        call,
        poll: (query = 'timeout=10000', headers = {}) => call(`GET /records?${query}`, { headers }),
      };
    },
    async produce(topic, partition, ...values) {
      const body = { records: values.map((value) => ({ value })) };
      const headers = { 'content-type': TEXT };
      const { status, text } = await api.call(`POST /topics/${topic}/partitions/${partition}`, {
        body,
        headers,
      });
      if (status !== 200) throw new Error(text);
    },
  };
}

export const offsetsOf = ({ json }: Answer<ConsumerRecord[]>): number[] => json.map(({ offset }) => offset);

/** A GET with a body, which `fetch` does not send. */
export function getWithBody(url: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': V2, 'content-length': String(Buffer.byteLength(body)) };
    request(url, { method: 'GET', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() }),
      );
    })
      .on('error', reject)
      .end(body);
  });
}

/** Until `check` answers something, for some seconds. */
export async function eventually<T>(check: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await check();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('It has not come to that.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
