import { type Consumers, type Instance, offsetsOf, startConsumers, V2 } from './support.ts';

interface Subscribed {
  topics: string[];
  topic_pattern?: string;
  partitions: Record<string, number[]>[];
}
interface Assigned {
  partitions: { topic: string; partition: number }[];
}

let api: Consumers;
let one: Instance;
beforeEach(async () => {
  api = await startConsumers();
  one = await api.instance('one');
});
afterEach(() => api.cluster.close());

const subscribe = (body: unknown) => one.call('POST /subscription', { body });
const assign = (...partitions: object[]) => one.call('POST /assignments', { body: { partitions } });
const subscribed = async () => (await one.call<Subscribed>('GET /subscription')).json;
const assigned = async () => (await one.call<Assigned>('GET /assignments')).json.partitions;

const ORDERS = [0, 1, 2].map((partition) => ({ topic: 'orders', partition }));

test('a subscription is divided by polls, and told with its partitions', async () => {
  const { status, text } = await subscribe({ topics: ['orders', 'orders', 'later'] });
  expect([status, text]).toEqual([204, '']);
  expect(await subscribed()).toEqual({ topics: ['orders', 'later'], partitions: [] });
  await api.produce('orders', 1, 'a');
  expect(offsetsOf(await one.poll())).toEqual([0]);
  expect(await subscribed()).toEqual({ topics: ['orders', 'later'], partitions: [{ orders: [0, 1, 2] }] });
  expect(await assigned()).toEqual(ORDERS);
});

test('a pattern subscribes to what it matches as a whole', async () => {
  await api.call('POST /v3/-/topics', { body: { topic_name: 'my-orders' } });
  expect((await subscribe({ topic_pattern: 'or.*' })).status).toBe(204);
  await one.poll('timeout=1');
  expect(await subscribed()).toEqual({
    topics: ['orders'],
    topic_pattern: 'or.*',
    partitions: [{ orders: [0, 1, 2] }],
  });
});

test('a new subscription takes the place of the old one', async () => {
  await subscribe({ topic_pattern: 'o.*' });
  await subscribe({ topic_pattern: 'x', topics: null });
  expect(await subscribed()).toEqual({ topics: [], topic_pattern: 'x', partitions: [] });
});

test.each([['DELETE /subscription'], ['POST /subscription']])('%s of no topics ends it', async (route) => {
  await subscribe({ topics: ['orders'] });
  await one.poll('timeout=1');
  const body = route.startsWith('POST') ? { body: { topics: [] } } : {};
  expect((await one.call(route, body)).status).toBe(204);
  expect(await subscribed()).toEqual({ topics: [], partitions: [] });
});

test.each([
  [{}, 422, 422, 'topics'],
  [{ topics: null }, 422, 422, 'topics'],
  [{ topics: 'orders' }, 422, 422, 'topics'],
  [{ topics: [7] }, 422, 422, 'topics[0]'],
  [{ topic: ['orders'] }, 422, 422, 'topic'],
  [{ topics: ['orders', 'a/b'] }, 400, 40002, 'topics[1]'],
  [{ topic_pattern: '(' }, 422, 42204, 'topic_pattern'],
  [{ topics: ['orders'], topic_pattern: 'o.*' }, 409, 40903, 'topic_pattern'],
  [{ topic_pattern: 'o.*' }, 409, 40903, 'subscription'],
])('%j is refused, and the subscription is as before', async (body, status, code, field) => {
  await subscribe({ topics: ['users'] });
  const answer = await subscribe(body);
  expect([answer.status, answer.json.error_code, answer.json.field]).toEqual([status, code, field]);
  expect(await subscribed()).toEqual({ topics: ['users'], partitions: [] });
});

test('partitions are assigned by hand, each once, and take the place of those before', async () => {
  const { status, text } = await assign(ORDERS[0]!, ORDERS[2]!, ORDERS[0]!);
  expect([status, text]).toEqual([204, '']);
  expect(await assigned()).toEqual([ORDERS[0], ORDERS[2]]);
  expect(await subscribed()).toEqual({ topics: [], partitions: [{ orders: [0, 2] }] });
  await assign(ORDERS[1]!);
  expect(await assigned()).toEqual([ORDERS[1]]);
});

test('two instances may have the same partition assigned by hand', async () => {
  const two = await api.instance('two');
  await api.produce('orders', 0, 'a');
  for (const instance of [one, two]) {
    await instance.call('POST /assignments', { body: { partitions: [ORDERS[0]] } });
    expect(offsetsOf(await instance.poll())).toEqual([0]);
  }
});

test.each([
  ['DELETE /subscription', undefined],
  ['POST /assignments', { partitions: [] }],
])('%s takes partitions that were assigned by hand away', async (route, body) => {
  await assign(ORDERS[0]!);
  expect((await one.call(route, body === undefined ? {} : { body })).status).toBe(204);
  expect(await assigned()).toEqual([]);
  expect((await subscribe({ topics: ['orders'] })).status).toBe(204);
});

test('subscription and assignment by hand exclude each other: 40903, and nothing changes', async () => {
  const illegal = { error_code: 40903, kafka_error_code: 42, retriable: false };
  await assign(ORDERS[0]!);
  const refused = await subscribe({ topics: ['orders'] });
  expect([refused.status, refused.json]).toEqual([409, expect.objectContaining(illegal)]);
  expect(refused.headers.get('content-type')).toBe(V2);
  expect(await assigned()).toEqual([ORDERS[0]]);

  const two = await api.instance('two');
  await two.call('POST /subscription', { body: { topics: ['orders'] } });
  const other = await two.call('POST /assignments', { body: { partitions: [ORDERS[0]] } });
  expect([other.status, other.json]).toEqual([409, expect.objectContaining(illegal)]);
  expect((await two.call<Subscribed>('GET /subscription')).json.topics).toEqual(['orders']);
});

test.each([
  [{ partitions: [{ topic: 'nope', partition: 0 }] }, 404, 40401],
  [{ partitions: [{ topic: 'orders', partition: 3 }] }, 404, 40402],
  [{ partitions: [{ topic: 'orders', partition: -1 }] }, 422, 422],
  [{ partitions: [{ topic: 'orders' }] }, 422, 422],
  [{ partitions: [{ topic: 'orders', partition: 0, offset: 1 }] }, 422, 422],
  [{}, 422, 422],
])('%j cannot be assigned, and nothing changes', async (body, status, code) => {
  await assign(ORDERS[1]!);
  const answer = await one.call('POST /assignments', { body });
  expect([answer.status, answer.json.error_code]).toEqual([status, code]);
  expect(await assigned()).toEqual([ORDERS[1]]);
});
