import { type Consumers, startConsumers, V2 } from './support.ts';

let api: Consumers;
beforeEach(async () => {
  api = await startConsumers();
});
afterEach(() => api.cluster.close());

interface Created {
  instance_id: string;
  base_uri: string;
}

const create = (body?: unknown, headers = {}) =>
  api.call<Created>('POST /consumers/readers', body === undefined ? { headers } : { body, headers });
const configOf = async (name: string) =>
  (await api.cluster.wadi.groups.describeMember({ groupId: 'readers', name })).config;

test('an instance is created under its name, or one that is made up', async () => {
  const { status, headers, json } = await create({ name: 'one' });
  expect([status, headers.get('content-type')]).toEqual([200, V2]);
  expect(json).toEqual({
    instance_id: 'one',
    base_uri: `${api.cluster.url}/consumers/readers/instances/one`,
  });
  const made = await create();
  expect(made.json.instance_id).toMatch(/^[\w-]{10,}$/);
  expect((await api.call(`GET ${new URL(made.json.base_uri).pathname}/assignments`)).status).toBe(200);
});

test('`id` overrides `name`, as in REST Proxy', async () => {
  expect((await create({ id: 'two', name: 'one' })).json.instance_id).toBe('two');
});

test('a group and an instance may have any name', async () => {
  const group = encodeURIComponent('a/b ü:%?');
  const { json } = await api.call<Created>(`POST /consumers/${group}`, { body: { name: 'c/d #1' } });
  expect(json.instance_id).toBe('c/d #1');
  expect((await fetch(`${json.base_uri}/assignments`)).status).toBe(200);
});

test.each([
  V2,
  'application/vnd.kafka.binary.v2+json',
  'application/vnd.kafka.avro.v2+json',
  'application/json',
])('a body may come as %s', async (type) => {
  expect((await create({ name: 'one' }, { 'content-type': type, accept: type })).status).toBe(200);
});

test('configs come as values or as text, by the names of REST Proxy, Strimzi Bridge and Kafka', async () => {
  const config = {
    format: 'JSON',
    'auto.offset.reset': 'Earliest',
    'auto.commit.enable': 'False',
    'auto.commit.interval.ms': 1_000,
    'fetch.min.bytes': '512',
    'fetch.max.bytes': 10_000,
    'max.poll.records': '7',
    'consumer.request.timeout.ms': 30_000,
    'session.timeout.ms': '60000',
    'max.poll.interval.ms': 90_000,
    'group.instance.id': 'one',
    'group.remote.assignor': 'range',
    'isolation.level': 'read_committed',
    'wadi.confirm.revocation': true,
  };
  expect((await create({ name: 'one', ...config })).status).toBe(200);
  expect(await configOf('one')).toEqual({
    format: 'json',
    autoOffsetReset: 'earliest',
    enableAutoCommit: false,
    autoCommitIntervalMs: 1_000,
    fetchMinBytes: 512,
    fetchMaxBytes: 10_000,
    maxPollRecords: 7,
    requestTimeoutMs: 20_000,
    sessionTimeoutMs: 60_000,
    maxPollIntervalMs: 90_000,
    groupInstanceId: 'one',
    assignor: 'range',
    confirmRevocation: true,
  });
});

test('what is null or absent has its default', async () => {
  await create({ name: 'one', format: null, 'fetch.min.bytes': null, 'group.instance.id': null });
  expect(await configOf('one')).toMatchObject({ format: 'binary', fetchMinBytes: 1, enableAutoCommit: true });
});

test.each([
  ['latest', 'latest'],
  ['none', 'error'],
  ['by_duration:P1DT2H3M4.5S', { byDurationMs: 93_784_500 }],
  ['by_duration:PT0S', { byDurationMs: 0 }],
])('auto.offset.reset=%s', async (text, expected) => {
  await create({ name: 'one', 'auto.offset.reset': text });
  expect((await configOf('one')).autoOffsetReset).toEqual(expected);
});

const invalid = { status: 422, error_code: 42204 };

test.each([
  [{ format: 'avro' }, { ...invalid, field: 'format', message: expect.stringContaining('schema registry') }],
  [{ format: 'jsonschema' }, invalid],
  [{ format: 'Protobuf' }, invalid],
  [{ format: 'xml' }, { ...invalid, field: 'format' }],
  [{ 'auto.offset.reset': 'first' }, { ...invalid, field: 'auto.offset.reset' }],
  [{ 'auto.offset.reset': 'by_duration:' }, invalid],
  [{ 'auto.offset.reset': 'by_duration:P' }, invalid],
  [{ 'auto.offset.reset': 'by_duration:-PT1H' }, invalid],
  [{ 'enable.auto.commit': 'yes' }, { ...invalid, field: 'enable.auto.commit' }],
  [{ 'fetch.min.bytes': '1.5' }, { ...invalid, field: 'fetch.min.bytes' }],
  [{ 'fetch.min.bytes': -2 }, invalid],
  [{ 'max.poll.records': 0 }, { ...invalid, field: 'max.poll.records' }],
  [{ 'consumer.request.timeout.ms': 'soon' }, invalid],
  [{ 'session.timeout.ms': 1 }, { ...invalid, field: 'session.timeout.ms' }],
  [{ 'isolation.level': 'none' }, { ...invalid, field: 'isolation.level' }],
  [{ 'group.remote.assignor': 'best' }, { ...invalid, field: 'group.remote.assignor' }],
  [{ 'fetch.max.wait.ms': 1 }, { status: 422, error_code: 422, field: 'fetch.max.wait.ms' }],
  [{ 'fetch.min.bytes': 1.5 }, { status: 422, error_code: 422, field: 'fetch.min.bytes' }],
  [{ name: 7 }, { status: 422, error_code: 422, field: 'name' }],
  [{ name: '' }, { status: 422, field: 'name' }],
  [{ name: 'x'.repeat(250) }, { status: 422, field: 'name' }],
  [[], { status: 422 }],
])('%j makes no instance', async (body, expected) => {
  const answer = await api.call('POST /consumers/readers', {
    body: Array.isArray(body) ? body : { name: 'one', ...body },
  });
  expect({ status: answer.status, ...answer.json }).toMatchObject({ ...expected, retriable: false });
  expect((await api.call('GET /consumers/readers/instances/one/assignments')).status).toBe(404);
});

test('a name that is taken is refused, and the one that has it goes on', async () => {
  const instance = await api.instance('one');
  await instance.call('POST /subscription', { body: { topics: ['orders'] } });
  const again = await api.call('POST /consumers/readers', { body: { name: 'one' } });
  expect([again.status, again.json.error_code, again.json.field]).toEqual([409, 40902, 'name']);
  const { json } = await instance.call<{ topics: string[] }>('GET /subscription');
  expect(json.topics).toEqual(['orders']);
});

test('a group of too long a name is refused', async () => {
  const { status, json } = await api.call(`POST /consumers/${'g'.repeat(250)}`, { body: {} });
  expect([status, json.error_code, json.field]).toEqual([400, 40002, 'group_name']);
});

test('a deleted instance is gone', async () => {
  const instance = await api.instance('one');
  expect((await instance.call('DELETE ')).status).toBe(204);
  expect((await instance.call('DELETE ')).json.error_code).toBe(40403);
});

const PARTITIONS = { partitions: [{ topic: 'orders', partition: 0 }] };
test.each<[string, unknown?]>([
  ['DELETE '],
  ['POST /subscription', { topics: ['orders'] }],
  ['GET /subscription'],
  ['DELETE /subscription'],
  ['POST /assignments', PARTITIONS],
  ['GET /assignments'],
  ['POST /offsets'],
  ['POST /offsets', { offsets: [{ topic: 'orders', partition: 0, offset: 0 }] }],
  ['GET /offsets?topic=orders&partition=0'],
  ['POST /positions', { offsets: [{ topic: 'orders', partition: 0, offset: 0 }] }],
  ['POST /positions/beginning', PARTITIONS],
  ['POST /positions/end', PARTITIONS],
  ['GET /records'],
  ['POST /heartbeat'],
])('%s of an instance that is not there: 40403', async (...[route, body]) => {
  const path = route.replace(' ', ' /consumers/readers/instances/nobody');
  const { status, json, headers } = await api.call(path, body === undefined ? {} : { body });
  expect([status, json.error_code, headers.get('content-type')]).toEqual([404, 40403, V2]);
  expect(json).toMatchObject({ kafka_error_code: 25, message: expect.stringContaining('nobody') });
});

test('calls that say whose they are do not touch who has taken the name', async () => {
  const body = { name: 'one', 'group.instance.id': 'one' };
  const first = await create(body);
  const second = await create(body);
  const [before, after] = [first, second].map(({ headers }) => headers.get('wadi-member-id')!);
  expect(before).not.toBe(after);
  const one = '/consumers/readers/instances/one';
  for (const route of [
    `POST ${one}/offsets`,
    `GET ${one}/records`,
    `POST ${one}/heartbeat`,
    `DELETE ${one}`,
  ]) {
    const { status, json } = await api.call<{ error_code: number; kafka_error_code: number }>(route, {
      headers: { 'wadi-member-id': before! },
    });
    expect([status, json.error_code, json.kafka_error_code]).toEqual([409, 40910, 82]);
  }
  const { status } = await api.call(`DELETE ${one}`, { headers: { 'wadi-member-id': after! } });
  expect(status).toBe(204);
});
