import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { type Api, startApi } from './support.ts';

interface Resource {
  kind: string;
  metadata: { self: string; resource_name: string };
}
interface TopicData extends Resource {
  topic_name: string;
  replication_factor: number;
  partitions_count: number;
  partitions: { related: string };
  configs: { related: string };
}
interface ConfigData extends Resource {
  name: string;
  value: string;
  is_default: boolean;
  is_read_only: boolean;
  source: string;
  synonyms: { name: string; value: string; source: string }[];
}
interface List<T> {
  kind: string;
  metadata: { self: string; next: string | null };
  data: T[];
}
interface Offsets {
  earliest_offset: number;
  latest_offset: number;
  offset?: number;
  timestamp?: number;
}

let api: Api;
beforeEach(async () => {
  api = await startApi();
});
afterEach(() => api.cluster.close());

const create = (body: object) => api.call<TopicData>('POST /v3/-/topics', { body });
const config = (topic: string, name: string) =>
  api.call<ConfigData>(`GET /v3/-/topics/${topic}/configs/${name}`);

test('the cluster is found by following the list', async () => {
  const { json } = await api.call<List<Resource>>('GET /v3/clusters');
  expect(json).toMatchObject({ kind: 'KafkaClusterList', metadata: { next: null } });
  expect(json.data.map(({ metadata }) => metadata)).toEqual([
    { self: api.clusterUrl, resource_name: `crn:///kafka=${api.cluster.wadi.clusterId}` },
  ]);
});

test('links carry the address that the client used', async () => {
  const request = get(`${api.cluster.url}/v3/clusters`, { headers: { host: 'wadi.test:81' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { data } = (await json(response)) as List<Resource>;
  expect(data[0]!.metadata.self).toBe(`http://wadi.test:81/v3/clusters/${api.cluster.wadi.clusterId}`);
});

test('the virtual broker is where the client came', async () => {
  const { json } = await api.call<Resource & { host: string; port: number }>('GET /v3/-/brokers/1');
  expect(`http://${json.host}:${json.port}`).toBe(api.cluster.url);
});

test('a topic is created, described, listed and deleted', async () => {
  const created = await create({ topic_name: 'orders', partitions_count: 3, replication_factor: 3 });
  expect(created.status).toBe(201);
  expect(created.json).toMatchObject({
    kind: 'KafkaTopic',
    metadata: {
      self: `${api.clusterUrl}/topics/orders`,
      resource_name: `crn:///kafka=${api.cluster.wadi.clusterId}/topic=orders`,
    },
    topic_name: 'orders',
    partitions_count: 3,
    replication_factor: 1,
    partitions: { related: `${api.clusterUrl}/topics/orders/partitions` },
  });
  expect((await api.call('GET /v3/-/topics/orders')).json).toEqual(created.json);
  expect((await api.call<List<TopicData>>('GET /v3/-/topics')).json.data).toEqual([created.json]);
  expect(await api.call('DELETE /v3/-/topics/orders')).toMatchObject({ status: 204, text: '' });
  expect((await api.call('GET /v3/-/topics/orders')).status).toBe(404);
});

test.each([undefined, null, -1])('partitions_count %p is one partition', async (partitions_count) => {
  const { json } = await create({ topic_name: 'orders', partitions_count });
  expect(json.partitions_count).toBe(1);
});

test.each([undefined, null, -1, 1, 2, 3])('replication_factor %p is accepted', async (replication_factor) => {
  expect((await create({ topic_name: 'orders', replication_factor })).status).toBe(201);
});

test('validate_only tells what would be created and creates nothing', async () => {
  const { status, json } = await create({ topic_name: 'orders', partitions_count: 5, validate_only: true });
  expect([status, json.partitions_count]).toEqual([200, 5]);
  expect((await api.call('GET /v3/-/topics/orders')).status).toBe(404);
});

test('partitions can be added', async () => {
  await create({ topic_name: 'orders' });
  const { json } = await api.call<TopicData>('PATCH /v3/-/topics/orders', { body: { partitions_count: 4 } });
  expect(json.partitions_count).toBe(4);
  const partitions = await api.call<List<Resource & { partition_id: number }>>(
    'GET /v3/-/topics/orders/partitions',
  );
  expect(partitions.json.data.map(({ partition_id }) => partition_id)).toEqual([0, 1, 2, 3]);
});

test('a config is set, told with what it overrides, and reset', async () => {
  await create({ topic_name: 'orders', configs: [{ name: 'retention.ms', value: '1000' }] });
  const byDefault = { name: 'retention.ms', value: '604800000', source: 'DEFAULT_CONFIG' };
  const override = { name: 'retention.ms', value: '1000', source: 'DYNAMIC_TOPIC_CONFIG' };
  expect((await config('orders', 'retention.ms')).json).toMatchObject({
    ...override,
    is_default: false,
    is_read_only: false,
    synonyms: [override, byDefault],
  });

  const put = await api.call('PUT /v3/-/topics/orders/configs/retention.ms', { body: { value: '2000' } });
  expect(put.status).toBe(204);
  expect((await config('orders', 'retention.ms')).json.value).toBe('2000');

  expect((await api.call('DELETE /v3/-/topics/orders/configs/retention.ms')).status).toBe(204);
  expect((await config('orders', 'retention.ms')).json).toMatchObject({
    ...byDefault,
    is_default: true,
    synonyms: [byDefault],
  });
});

test('configs are altered together', async () => {
  await create({ topic_name: 'orders', configs: [{ name: 'retention.ms', value: '1000' }] });
  const data = [
    { name: 'retention.ms', operation: 'DELETE' },
    { name: 'max.message.bytes', value: '2000' },
    { name: 'compression.type', value: 'gzip', operation: 'SET' },
  ];
  const altered = await api.call('POST /v3/-/topics/orders/configs:alter', { body: { data } });
  expect(altered.status).toBe(204);
  const { json } = await api.call<List<ConfigData>>('GET /v3/-/topics/orders/configs');
  const set = json.data.filter(({ is_default }) => !is_default).map(({ name, value }) => [name, value]);
  expect(set).toEqual([
    ['compression.type', 'gzip'],
    ['max.message.bytes', '2000'],
  ]);
});

test('an alteration of which one part is wrong, or that is only to be checked, changes nothing', async () => {
  await create({ topic_name: 'orders' });
  const good = { name: 'retention.ms', value: '5' };
  const alter = (body: object) => api.call('POST /v3/-/topics/orders/configs:alter', { body });
  expect((await alter({ data: [good, { name: 'max.message.bytes', value: '-5' }] })).status).toBe(400);
  expect((await alter({ data: [good], validate_only: true })).status).toBe(204);
  expect((await alter({ data: [{ ...good, value: 'x' }], validate_only: true })).status).toBe(400);
  expect((await config('orders', 'retention.ms')).json.is_default).toBe(true);
});

test('only the config that is fixed with the topic is read-only', async () => {
  await create({ topic_name: 'orders' });
  const { json } = await api.call<List<ConfigData>>('GET /v3/-/topics/-/configs');
  const readOnly = json.data.filter(({ is_read_only }) => is_read_only).map(({ name }) => name);
  expect(readOnly).toEqual(['partitions.per.head']);
  const put = await api.call('PUT /v3/-/topics/orders/configs/partitions.per.head', { body: { value: '1' } });
  expect(put.status).toBe(400);
});

test('offsets are told as records arrive', async () => {
  await create({ topic_name: 'orders' });
  const offset = async (type: string) =>
    (await api.call<Offsets>(`GET /v3/-/topics/orders/partitions/0/offset${type}`)).json;
  expect(await offset('')).toMatchObject({ earliest_offset: 0, latest_offset: 0 });

  for (const at of [3000, 9000, 5000]) {
    const body = { value: { type: 'STRING', data: 'x' }, timestamp: new Date(at).toISOString() };
    await api.call('POST /v3/-/topics/orders/records', { body });
  }
  expect(await offset('')).toMatchObject({ earliest_offset: 0, latest_offset: 3 });
  expect(await offset('?offset_type=earliest')).toMatchObject({ offset: 0 });
  expect(await offset('?offset_type=latest')).toMatchObject({ offset: 3 });
  expect(await offset('?offset_type=max_timestamp')).toMatchObject({ offset: 1, timestamp: 9000 });
  expect(await offset('?offset_type=4000')).toMatchObject({ offset: 1, timestamp: 9000 });
  expect(await offset('?offset_type=9001')).toMatchObject({ offset: -1, timestamp: -1 });
});

test('every partition of every topic is a replica of the virtual broker', async () => {
  await create({ topic_name: 'a', partitions_count: 2 });
  await create({ topic_name: 'b' });
  const { json } = await api.call<List<Resource & { topic_name: string; partition_id: number }>>(
    'GET /v3/-/brokers/1/partition-replicas',
  );
  expect(json.data.map(({ topic_name, partition_id }) => [topic_name, partition_id])).toEqual([
    ['a', 0],
    ['a', 1],
    ['b', 0],
  ]);
});

/** All of a list, page by page. */
async function readPages<T>(route: string): Promise<T[][]> {
  const pages: T[][] = [];
  for (let next: string | null = route; next !== null; ) {
    const { json }: { json: List<T> } = await api.call<List<T>>(next);
    pages.push(json.data);
    next = json.metadata.next && `GET ${json.metadata.next.replace(api.clusterUrl, '/v3/-')}`;
  }
  return pages;
}

test('a list is read in pages of any size, each element once and in order', async () => {
  for (const [name, count] of [
    ['a', 3],
    ['a.b', 12],
    ['b', 2],
  ] as const) {
    await create({ topic_name: name, partitions_count: count });
  }
  for (const path of [
    'topics',
    'topics/-/configs',
    'topics/a.b/partitions',
    'brokers/1/partition-replicas',
  ]) {
    const [whole] = await readPages<Resource>(`GET /v3/-/${path}`);
    expect(whole!.length).toBeGreaterThan(2);
    for (const size of [1, 2, 5, whole!.length]) {
      const pages = await readPages<Resource>(`GET /v3/-/${path}?page_size=${size}`);
      expect(pages.flat()).toEqual(whole);
      expect(pages).toHaveLength(Math.ceil(whole!.length / size));
    }
  }
});

test('a topic that goes between two pages takes no other with it', async () => {
  for (const topic_name of ['a', 'b', 'c', 'd']) await create({ topic_name });
  const first = await api.call<List<TopicData>>('GET /v3/-/topics?page_size=2');
  await api.call('DELETE /v3/-/topics/a');
  await api.call('DELETE /v3/-/topics/b');
  const second = await api.call<List<TopicData>>(
    `GET ${first.json.metadata.next!.replace(api.cluster.url, '')}`,
  );
  expect(second.json.data.map(({ topic_name }) => topic_name)).toEqual(['c', 'd']);
  expect(second.json.metadata.next).toBeNull();
});

test('the longest topic names fit in a page', async () => {
  const name = 'x'.repeat(249);
  await create({ topic_name: name, partitions_count: 5_000 });
  const { text } = await api.call(`GET /v3/-/topics/${name}/partitions`);
  expect(text.length).toBeLessThan(5_500_000);
});
