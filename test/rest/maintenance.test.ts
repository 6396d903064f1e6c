import { type Api, startApi } from './support.ts';

interface Surveys {
  kind: string;
  metadata: { self: string; next: string | null };
  data: Record<string, unknown>[];
}

let api: Api;
beforeEach(async () => {
  api = await startApi();
  await api.call('POST /v3/-/topics', { body: { topic_name: 'orders', partitions_count: 20 } });
});
afterEach(() => api.cluster.close());

test('each partition is told with what it holds and what waits', async () => {
  const records = [0, 17, 17].map((partition_id) => ({
    partition_id,
    value: { type: 'STRING', data: 'abc' },
  }));
  for (const body of records) await api.call('POST /v3/-/topics/orders/records', { body });
  await api.call('DELETE /v3/-/topics/orders/partitions/17/records?before_offset=1');
  const { json } = await api.call<Surveys>('GET /v3/-/topics/orders/maintenance');
  expect(json).toMatchObject({
    kind: 'KafkaPartitionMaintenanceList',
    metadata: { self: `${api.clusterUrl}/topics/orders/maintenance`, next: null },
  });
  expect(json.data.map(({ partition_id }) => partition_id)).toEqual([...Array(20).keys()]);
  expect(json.data[1]).toMatchObject({ size_bytes: 0, high_watermark: 0, oldest_unmerged_age_ms: 0 });
  const one = json.data[0]!.size_bytes;
  expect(one).toBeGreaterThan(3);
  expect(json.data[0]).toMatchObject({ log_start_offset: 0, high_watermark: 1, unmerged_bytes: one });
  expect(json.data[17]).toEqual({
    kind: 'KafkaPartitionMaintenance',
    metadata: {
      self: `${api.clusterUrl}/topics/orders/partitions/17`,
      resource_name: expect.stringMatching(/topic=orders\/partition=17$/),
    },
    cluster_id: api.cluster.wadi.clusterId,
    topic_name: 'orders',
    partition_id: 17,
    log_start_offset: 1,
    high_watermark: 2,
    size_bytes: one,
    segments_count: 0,
    unmerged_bytes: one,
    oldest_unmerged_age_ms: expect.any(Number),
    floor_lag_ms: expect.any(Number),
  });
});

test('partitions are told page by page', async () => {
  const first = await api.call<Surveys>('GET /v3/-/topics/orders/maintenance?page_size=15');
  expect(first.json.data).toHaveLength(15);
  const next = first.json.metadata.next!.replace(api.cluster.url, '');
  const second = await api.call<Surveys>(`GET ${next}`);
  expect(second.json.data.map(({ partition_id }) => partition_id)).toEqual([15, 16, 17, 18, 19]);
  expect(second.json.metadata.next).toBeNull();
});

test('of a topic that is not there nothing is told', async () => {
  const { status, json } = await api.call('GET /v3/-/topics/nope/maintenance');
  expect({ status, ...json }).toMatchObject({ status: 404, error_code: 40403, field: 'topic_name' });
});
