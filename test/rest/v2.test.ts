import { type Api, startApi } from './support.ts';

const V2 = 'application/vnd.kafka.v2+json';

let api: Api;
beforeEach(async () => {
  api = await startApi();
  const configs = [{ name: 'retention.ms', value: '1000' }];
  await api.call('POST /v3/-/topics', { body: { topic_name: 'orders', partitions_count: 2, configs } });
});
afterEach(() => api.cluster.close());

const partition = (id: number) => ({
  partition: id,
  leader: 1,
  replicas: [{ broker: 1, leader: true, in_sync: true }],
});

test('topics and partitions are described in the form of v2', async () => {
  const get = async (path: string) => (await api.call<unknown>(`GET ${path}`)).json;
  expect(await get('/topics')).toEqual(['orders']);
  expect(await get('/topics/orders')).toEqual({
    name: 'orders',
    configs: { 'retention.ms': '1000' },
    partitions: [partition(0), partition(1)],
  });
  expect(await get('/topics/orders/partitions')).toEqual([partition(0), partition(1)]);
  expect(await get('/topics/orders/partitions/1')).toEqual(partition(1));
  expect(await get('/brokers')).toEqual({ brokers: [1] });
});

test('the offsets of a partition are its bounds', async () => {
  const body = { records: [{ value: 1 }, { value: 2 }] };
  await api.call('POST /topics/orders/partitions/1', {
    body,
    headers: { 'content-type': 'application/vnd.kafka.json.v2+json' },
  });
  const { json } = await api.call<object>('GET /topics/orders/partitions/1/offsets');
  expect(json).toEqual({ beginning_offset: 0, end_offset: 2 });
});

test.each([V2, 'application/vnd.kafka.json.v2+json', 'application/json', '*/*', 'application/*'])(
  'Accept: %s is answered as v2',
  async (accept) => {
    const { status, headers } = await api.call('GET /topics', { headers: { accept } });
    expect([status, headers.get('content-type')]).toEqual([200, V2]);
  },
);

test.each([V2, 'application/vnd.kafka.json.v2+json', 'application/json'])(
  'Strimzi Bridge creates topics from %s',
  async (type) => {
    const body = { topic_name: 'made', partitions_count: 3, replication_factor: null };
    const created = await api.call('POST /admin/topics', { body, headers: { 'content-type': type } });
    expect([created.status, created.text]).toEqual([201, '']);
    expect((await api.call<object[]>('GET /topics/made/partitions')).json).toHaveLength(3);
  },
);

test('errors come in the form and the media type of v2', async () => {
  const unknownTopic = await api.call('GET /topics/nope');
  expect(unknownTopic.headers.get('content-type')).toBe(V2);
  expect([unknownTopic.status, unknownTopic.json.error_code]).toEqual([404, 40401]);
  const unknownPartition = await api.call('GET /topics/orders/partitions/2');
  expect([unknownPartition.status, unknownPartition.json.error_code]).toEqual([404, 40402]);
});
