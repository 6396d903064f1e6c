import { MAX_BODY_BYTES } from '../../lib/rest/request.ts';
import { type Api, type Call, startApi } from './support.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await api.call('POST /v3/-/topics', { body: { topic_name: 'orders', partitions_count: 2 } });
});
afterAll(() => api.cluster.close());

interface Refusal extends Call {
  readonly status: number;
  readonly code?: number;
  readonly kafka?: number;
  readonly field?: string;
}

/** Each is refused, and the topic and its neighbours are as before. */
async function expectRefusal(route: string, { status, code = status, kafka, field, ...call }: Refusal) {
  const before = await state();
  const answer = await api.call(route, call);
  expect({ ...answer.json, status: answer.status }).toEqual({
    status,
    error_code: code,
    message: expect.stringMatching(/\S/),
    retriable: false,
    ...(kafka !== undefined && { kafka_error_code: kafka }),
    ...(field !== undefined && { field }),
  });
  expect(await state()).toEqual(before);
}

const state = async () => [
  (await api.call('GET /v3/-/topics')).json,
  (await api.call('GET /v3/-/topics/-/configs')).json,
];

const created = (body: unknown, refusal: Omit<Refusal, 'body'>) =>
  ['POST /v3/-/topics', { body, ...refusal }] as const;
const altered = (body: unknown, refusal: Omit<Refusal, 'body'>) =>
  ['POST /v3/-/topics/orders/configs:alter', { body, ...refusal }] as const;
const shape = { status: 400, kafka: 42 };
const kafkaRefusal = { status: 400, code: 40002 };

test.each<readonly [string, readonly [string, Refusal]]>([
  ['cut JSON', created('{"topic_name":"x"', { status: 400 })],
  ['two documents', created('{"topic_name":"x"}{}', { status: 400 })],
  ['malformed UTF-8', created(new Uint8Array([0x22, 0xff, 0x22]), { status: 400 })],
  ['no body', created('', { status: 422 })],
  ['an array', created([], shape)],
  ['null', created(null, shape)],
  ['no name', created({}, { ...shape, field: 'topic_name' })],
  ['a number as name', created({ topic_name: 1 }, { ...shape, field: 'topic_name' })],
  [
    'a text as count',
    created({ topic_name: 'x', partitions_count: '1' }, { ...shape, field: 'partitions_count' }),
  ],
  [
    'half a partition',
    created({ topic_name: 'x', partitions_count: 1.5 }, { ...shape, field: 'partitions_count' }),
  ],
  [
    'an unknown field',
    created({ topic_name: 'x', partition_count: 1 }, { ...shape, field: 'partition_count' }),
  ],
  [
    'a config without name',
    created({ topic_name: 'x', configs: [{}] }, { ...shape, field: 'configs[0].name' }),
  ],
  [
    'a config given twice',
    created(
      { topic_name: 'x', configs: [1, 2].map((value) => ({ name: 'retention.ms', value: `${value}` })) },
      { ...shape, field: 'configs[1].name' },
    ),
  ],
  [
    'a name that is there',
    created({ topic_name: 'orders' }, { ...kafkaRefusal, kafka: 36, field: 'topic_name' }),
  ],
  ['an illegal name', created({ topic_name: 'a/b' }, { ...kafkaRefusal, kafka: 17, field: 'topic_name' })],
  ['an empty name', created({ topic_name: '' }, { ...kafkaRefusal, kafka: 17, field: 'topic_name' })],
  [
    'no partitions',
    created(
      { topic_name: 'x', partitions_count: 0 },
      { ...kafkaRefusal, kafka: 37, field: 'partitions_count' },
    ),
  ],
  [
    'too many partitions',
    created(
      { topic_name: 'x', partitions_count: 1e6 },
      { ...kafkaRefusal, kafka: 37, field: 'partitions_count' },
    ),
  ],
  [
    'four replicas',
    created(
      { topic_name: 'x', replication_factor: 4 },
      { ...kafkaRefusal, kafka: 38, field: 'replication_factor' },
    ),
  ],
  [
    'no replica',
    created(
      { topic_name: 'x', replication_factor: 0 },
      { ...kafkaRefusal, kafka: 38, field: 'replication_factor' },
    ),
  ],
  [
    'replicas assigned',
    created(
      { topic_name: 'x', replicas_assignments: { 0: [1] } },
      { ...kafkaRefusal, kafka: 39, field: 'replicas_assignments' },
    ),
  ],
  [
    'an unknown config',
    created(
      { topic_name: 'x', configs: [{ name: 'nope', value: '1' }] },
      { ...kafkaRefusal, kafka: 40, field: 'nope' },
    ),
  ],
  [
    'a config named as a property of objects',
    created(
      { topic_name: 'x', configs: [{ name: '__proto__', value: '1' }] },
      { ...kafkaRefusal, kafka: 40, field: '__proto__' },
    ),
  ],
  [
    'a config out of range',
    created(
      { topic_name: 'x', configs: [{ name: 'max.message.bytes', value: '-1' }] },
      { ...kafkaRefusal, kafka: 40, field: 'max.message.bytes' },
    ),
  ],
  [
    'fewer partitions',
    [
      'PATCH /v3/-/topics/orders',
      { body: { partitions_count: 1 }, ...kafkaRefusal, kafka: 37, field: 'partitions_count' },
    ],
  ],
  [
    'as many partitions',
    [
      'PATCH /v3/-/topics/orders',
      { body: { partitions_count: 2 }, ...kafkaRefusal, kafka: 37, field: 'partitions_count' },
    ],
  ],
  ['no count', ['PATCH /v3/-/topics/orders', { body: {}, ...shape, field: 'partitions_count' }]],
  ['no data', altered({}, { ...shape, field: 'data' })],
  [
    'another operation',
    altered({ data: [{ name: 'retention.ms', operation: 'ADD' }] }, { ...shape, field: 'data[0].operation' }),
  ],
  ['nothing to set', altered({ data: [{ name: 'retention.ms' }] }, { ...shape, field: 'data[0].value' })],
  [
    'one config set twice',
    altered(
      { data: [1, 2].map(() => ({ name: 'retention.ms', value: '1' })) },
      { ...shape, field: 'data[1].name' },
    ),
  ],
  [
    'a config of no name',
    altered({ data: [{ name: 'nope', value: '1' }] }, { ...kafkaRefusal, kafka: 40, field: 'nope' }),
  ],
  [
    'a null config',
    ['PUT /v3/-/topics/orders/configs/retention.ms', { body: { value: null }, ...shape, field: 'value' }],
  ],
])('%s is refused', (_, [route, refusal]) => expectRefusal(route, refusal));

const unknown = { status: 404, code: 40403, kafka: 3 };

test.each<readonly [string, Refusal]>([
  ['GET /nope', { status: 404 }],
  ['GET /v3', { status: 404 }],
  ['GET /v3/-/topics/', { status: 404 }],
  ['GET /v3/-/links', { status: 404 }],
  ['GET /v3/-/topics?page_size=0', { ...shape, field: 'page_size' }],
  ['GET /v3/-/topics?page_size=9999', { ...shape, field: 'page_size' }],
  ['GET /v3/-/topics?page_token=x', { ...shape, field: 'page_token' }],
  ['GET /v3/clusters/nope', { status: 404, field: 'cluster_id' }],
  ['GET /v3/clusters/nope/topics', { status: 404, field: 'cluster_id' }],
  ['GET /v3/-/brokers/2', { status: 404, field: 'broker_id' }],
  ['GET /v3/-/brokers/one', { ...shape, field: 'broker_id' }],
  ['GET /v3/-/brokers/1/configs/nope', { status: 404, field: 'name' }],
  ['GET /v3/-/topics/nope', { ...unknown, field: 'topic_name' }],
  ['GET /v3/-/topics/a%2Fb', { ...unknown, field: 'topic_name' }],
  ['GET /v3/-/topics/%C3%A9', { ...unknown, field: 'topic_name' }],
  [`GET /v3/-/topics/${'x'.repeat(1000)}`, { ...unknown, field: 'topic_name' }],
  ['GET /v3/-/topics/%FF', { status: 400 }],
  ['GET /v3/-/topics/%zz', { status: 400 }],
  ['DELETE /v3/-/topics/nope', { ...unknown, field: 'topic_name' }],
  ['GET /v3/-/topics/nope/configs', { ...unknown, field: 'topic_name' }],
  ['GET /v3/-/topics/nope/partitions/-/reassignment', { ...unknown, field: 'topic_name' }],
  ['GET /v3/-/topics/orders/configs/nope', { status: 404, field: 'name' }],
  ['GET /v3/-/topics/orders/configs/__proto__', { status: 404, field: 'name' }],
  ['DELETE /v3/-/topics/orders/configs/nope', { ...kafkaRefusal, kafka: 40, field: 'nope' }],
  ['GET /v3/-/topics/orders/partitions/2', { ...unknown, field: 'partition_id' }],
  ['GET /v3/-/topics/orders/partitions/2/offset', { ...unknown, field: 'partition_id' }],
  ['GET /v3/-/topics/orders/partitions/2/replicas', { ...unknown, field: 'partition_id' }],
  ['GET /v3/-/topics/orders/partitions/-1', { ...shape, field: 'partition_id' }],
  ['GET /v3/-/topics/orders/partitions/1.5', { ...shape, field: 'partition_id' }],
  ['GET /v3/-/topics/orders/partitions/99999999999', { ...shape, field: 'partition_id' }],
  ['GET /v3/-/topics/orders/partitions/0/offset?offset_type=soon', { ...shape, field: 'offset_type' }],
  ['GET /v3/-/topics/orders/partitions/0/replicas/7', { status: 404, field: 'broker_id' }],
  ['GET /topics/orders/partitions/x', { status: 422, kafka: 42, field: 'partition_id' }],
])('%s is refused', expectRefusal);

test.each([
  ['PATCH /v3/-/topics', 'GET, POST, OPTIONS'],
  ['PUT /v3/-/topics/orders', 'GET, PATCH, DELETE, OPTIONS'],
  ['GET /v3/-/topics/orders/configs:alter', 'POST, OPTIONS'],
  ['DELETE /health', 'GET, OPTIONS'],
])('%s answers 405 and names the methods that are served', async (route, allow) => {
  const { status, json, headers } = await api.call(route);
  expect([status, json.error_code, headers.get('allow')]).toEqual([405, 405, allow]);
});

test('OPTIONS names the methods that are served', async () => {
  const { status, headers } = await api.call('OPTIONS /v3/-/topics');
  expect([status, headers.get('allow')]).toEqual([204, 'GET, POST, OPTIONS']);
});

test.each([
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/vnd.kafka.v2+json',
  'constructor',
])('a v3 body of type %s answers 415', (type) =>
  expectRefusal('POST /v3/-/topics', {
    body: { topic_name: 'x' },
    headers: { 'content-type': type },
    status: 415,
    field: 'content-type',
  }),
);

test.each(['application/json', 'Application/JSON; charset=utf-8', ''])(
  'a v3 body of type "%s" is taken as JSON',
  async (type) => {
    const body = Buffer.from('{"topic_name":"x","validate_only":true}');
    const headers = type === '' ? {} : { 'content-type': type };
    const response = await fetch(`${api.clusterUrl}/topics`, { method: 'POST', body, headers });
    expect(response.status).toBe(200);
  },
);

test.each(['text/html', 'application/xml', 'application/json;q=0'])('Accept: %s answers 406', (accept) =>
  expectRefusal('GET /v3/-/topics', { headers: { accept }, status: 406, field: 'accept' }),
);

test.each(['application/json', 'text/html, application/json;q=0.1', '*/*', 'application/*'])(
  'Accept: %s is answered in JSON',
  async (accept) => {
    const { headers } = await api.call('GET /v3/-/topics', { headers: { accept } });
    expect(headers.get('content-type')).toBe('application/json');
  },
);

test('a body above the limit answers 413', () =>
  expectRefusal('POST /v3/-/topics', {
    body: Buffer.alloc(MAX_BODY_BYTES + 1, 0x20),
    status: 413,
    field: 'body',
  }));

test('a body at the limit is read', () =>
  expectRefusal('POST /v3/-/topics', { body: Buffer.alloc(MAX_BODY_BYTES, 0x20), status: 400 }));

test('query parameters that mean nothing here are ignored', async () => {
  expect((await api.call('GET /v3/-/topics?order=x&nope')).status).toBe(200);
});
