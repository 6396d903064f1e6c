import { type Api, type ErrorAnswer, startApi } from './support.ts';

interface DeletedRecords {
  kind: string;
  metadata: { self: string; resource_name: string };
  cluster_id: string;
  topic_name: string;
  partition_id: number;
  low_watermark: number;
}

const RECORDS = '/v3/-/topics/orders/partitions/1/records';

let api: Api;
beforeEach(async () => {
  api = await startApi();
  await api.call('POST /v3/-/topics', { body: { topic_name: 'orders', partitions_count: 2 } });
  for (const data of ['a', 'b', 'c', 'd', 'e']) {
    const body = { partition_id: 1, value: { type: 'STRING', data } };
    await api.call('POST /v3/-/topics/orders/records', { body });
  }
});
afterEach(() => api.cluster.close());

async function values(): Promise<string[]> {
  const { json } = await api.call<{ records: { value: { data: string } }[] }>(`GET ${RECORDS}`);
  return json.records.map(({ value }) => value.data);
}

test('records before an offset are deleted; the answer tells where the partition begins', async () => {
  const { status, json } = await api.call<DeletedRecords>(`DELETE ${RECORDS}?before_offset=2`);
  expect(status).toBe(200);
  expect(json).toEqual({
    kind: 'KafkaDeletedRecords',
    metadata: {
      self: `${api.clusterUrl}/topics/orders/partitions/1/records`,
      resource_name: expect.stringMatching(/^crn:.*topic=orders\/partition=1\/records$/),
    },
    cluster_id: api.cluster.wadi.clusterId,
    topic_name: 'orders',
    partition_id: 1,
    low_watermark: 2,
  });
  expect(await values()).toEqual(['c', 'd', 'e']);
  expect((await api.call(`GET ${RECORDS}?offset=1`)).status).toBe(416);
});

test('it is harmless to repeat, and never leads back', async () => {
  for (const [before, start] of [
    [3, 3],
    [3, 3],
    [0, 3],
    [5, 5],
    [-1, 5],
  ]) {
    const { json } = await api.call<DeletedRecords>(`DELETE ${RECORDS}?before_offset=${before}`);
    expect(json.low_watermark).toBe(start);
  }
  expect(await values()).toEqual([]);
});

test('-1 deletes all that is there, and what comes next has the next offset', async () => {
  expect((await api.call<DeletedRecords>(`DELETE ${RECORDS}?before_offset=-1`)).json.low_watermark).toBe(5);
  const body = { partition_id: 1, value: { type: 'STRING', data: 'f' } };
  const { json } = await api.call<{ offset: number }>('POST /v3/-/topics/orders/records', { body });
  expect(json.offset).toBe(5);
  expect(await values()).toEqual(['f']);
});

test.each([
  ['compact', 400],
  ['compact,delete', 200],
])('with cleanup.policy=%s they are deleted if that has delete: %i', async (value, status) => {
  await api.call('PUT /v3/-/topics/orders/configs/cleanup.policy', { body: { value } });
  const answer = await api.call<ErrorAnswer>(`DELETE ${RECORDS}?before_offset=2`);
  expect(answer.status).toBe(status);
  if (status === 400) expect(answer.json).toMatchObject({ kafka_error_code: 44, retriable: false });
  expect(await values()).toHaveLength(status === 400 ? 5 : 3);
});

const shape = { status: 400, kafka_error_code: 42, field: 'before_offset' };
const outOfRange = { status: 416, kafka_error_code: 1, field: 'before_offset' };
test.each([
  [RECORDS, shape],
  [`${RECORDS}?before_offset=`, shape],
  [`${RECORDS}?before_offset=1.5`, shape],
  [`${RECORDS}?before_offset=1&before_offset=2`, shape],
  [`${RECORDS}?before_offset=-2`, outOfRange],
  [`${RECORDS}?before_offset=6`, outOfRange],
  [`${RECORDS}?before_offset=9007199254740993`, outOfRange],
  [RECORDS.replace('/1/', '/2/').concat('?before_offset=0'), { status: 404, field: 'partition_id' }],
  [RECORDS.replace('orders', 'nope').concat('?before_offset=0'), { status: 404, field: 'topic_name' }],
])('DELETE %s is refused, and nothing is gone', async (path, expected) => {
  const { status, json } = await api.call<ErrorAnswer>(`DELETE ${path}`);
  expect({ status, ...json }).toMatchObject({ ...expected, retriable: false });
  expect(await values()).toHaveLength(5);
});
