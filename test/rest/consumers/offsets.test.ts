import {
  type Consumers,
  eventually,
  getWithBody,
  type Heartbeat,
  type Instance,
  offsetsOf,
  startConsumers,
} from './support.ts';

interface Committed {
  offsets: { topic: string; partition: number; offset: number; metadata: string }[];
}

let api: Consumers;
let one: Instance;
beforeEach(async () => {
  api = await startConsumers();
  one = await api.instance('one');
  await one.call('POST /assignments', { body: { partitions: ORDERS } });
  await api.produce('orders', 0, 'a', 'b', 'c', 'd');
});
afterEach(() => api.cluster.close());

const at = (partition: number, more: object = {}) => ({ topic: 'orders', partition, ...more });
const ORDERS = [at(0), at(1)];
const commit = (...offsets: object[]) => one.call('POST /offsets', { body: { offsets } });
const committed = async (query = '') => (await one.call<Committed>(`GET /offsets${query}`)).json.offsets;

describe('commits', () => {
  test('offsets are stored as they are given, with metadata: the next record to be read', async () => {
    const { status, text } = await commit(at(0, { offset: 2, metadata: 'm' }), at(1, { offset: 0 }));
    expect([status, text]).toEqual([204, '']);
    expect(await committed()).toEqual([
      at(0, { offset: 2, metadata: 'm' }),
      at(1, { offset: 0, metadata: '' }),
    ]);
    const two = await api.instance('two');
    await two.call('POST /assignments', { body: { partitions: ORDERS } });
    expect(offsetsOf(await two.poll())).toEqual([2, 3]);
  });

  test.each([
    ['no body', undefined],
    ['an empty object', {}],
    ['null offsets', { offsets: null }],
  ])('%s commits all that was polled', async (_, body) => {
    await one.poll('max_bytes=3');
    expect((await one.call('POST /offsets', body === undefined ? {} : { body })).status).toBe(204);
    expect(await committed('?topic=orders&partition=0')).toEqual([at(0, { offset: 3, metadata: '' })]);
  });

  test('no offsets at all commit nothing', async () => {
    await one.poll();
    expect((await commit()).status).toBe(204);
    expect(await committed()).toEqual([]);
  });

  test.each<[string, object[], object]>([
    ['beyond the end', [at(0, { offset: 5 })], { status: 416, error_code: 41601, field: 'offset' }],
    ['not assigned', [at(2, { offset: 0 })], { status: 409, error_code: 40905, kafka_error_code: 110 }],
    ['of no such topic', [{ topic: 'no', partition: 0, offset: 0 }], { status: 409, error_code: 40905 }],
    [
      'with too much metadata',
      [at(0, { offset: 1, metadata: 'x'.repeat(4097) })],
      { status: 400, error_code: 40002, field: 'metadata' },
    ],
    ['given twice', [at(0, { offset: 1 }), at(0, { offset: 2 })], { status: 422, field: 'offsets[1]' }],
    ['negative', [at(0, { offset: -1 })], { status: 422, field: 'offsets[0].offset' }],
    ['without offset', [at(0)], { status: 422, field: 'offsets[0].offset' }],
    ['with other fields', [at(0, { offset: 1, leader: 2 })], { status: 422, field: 'offsets[0].leader' }],
  ])('an offset %s is refused, and so are those beside it', async (_, offsets, expected) => {
    const { status, json } = await commit(at(1, { offset: 0 }), ...offsets);
    expect({ status, ...json }).toMatchObject(
      'field' in expected && String(expected.field).startsWith('offsets[')
        ? { ...expected, field: expect.stringMatching(/^offsets\[\d\]/) }
        : expected,
    );
    expect(await committed()).toEqual([]);
  });
});

describe('what is committed', () => {
  beforeEach(() => commit(at(0, { offset: 1 })));

  test.each([
    ['', [0]],
    ['?topic=orders&partition=0', [0]],
    ['?topic=orders&partition=0,1,2', [0]],
    ['?topic=orders&partition=1', []],
  ])('GET /offsets%s tells of partitions that have a commit', async (query, partitions) => {
    expect((await committed(query)).map(({ partition }) => partition)).toEqual(partitions);
  });

  test('it may be asked for by any instance of the group, and by a body', async () => {
    const two = await api.instance('two');
    const url = `${api.cluster.url}${two.path}/offsets`;
    const { status, text } = await getWithBody(url, JSON.stringify({ partitions: [at(1), at(0)] }));
    expect([status, JSON.parse(text)]).toEqual([200, { offsets: [at(0, { offset: 1, metadata: '' })] }]);
  });

  test.each([
    ['?topic=nope&partition=0', 404, 40401],
    ['?topic=orders&partition=3', 404, 40402],
    ['?topic=orders', 422, 422],
    ['?partition=0', 422, 422],
    ['?topic=orders&partition=a', 422, 422],
  ])('GET /offsets%s is refused', async (query, status, code) => {
    const { json, ...answer } = await one.call(`GET /offsets${query}`);
    expect([answer.status, json.error_code]).toEqual([status, code]);
  });
});

describe('positions', () => {
  const seek = (body: unknown, where = '') => one.call(`POST /positions${where}`, { body });

  test('a poll goes on at the offset that was sought', async () => {
    expect(
      (await seek({ offsets: [at(0, { offset: 3, metadata: 'm' }), at(1, { offset: 0 })] })).status,
    ).toBe(204);
    expect(offsetsOf(await one.poll())).toEqual([3]);
  });

  test('or at the first record that is not older than a time, or the end', async () => {
    const when = [1, 2, 3].map((second) => Date.UTC(2020, 0, 1, 0, 0, second));
    const body = { records: when.map((timestamp) => ({ value: 'x', timestamp })) };
    const headers = { 'content-type': 'application/vnd.kafka.json.v2+json' };
    await api.call('POST /topics/orders/partitions/1', { body, headers });
    const to = (timestamp: string) =>
      seek({ timestamps: [at(1, { timestamp })], offsets: [at(0, { offset: 4 })] });
    expect((await to('2020-01-01T00:00:02Z')).status).toBe(204);
    expect(offsetsOf(await one.poll())).toEqual([1, 2]);
    await to('2030-01-01T00:00:00Z');
    expect(offsetsOf(await one.poll('timeout=50'))).toEqual([]);
  });

  test('beginning and end', async () => {
    await one.poll();
    await seek({ partitions: ORDERS }, '/beginning');
    expect(offsetsOf(await one.poll())).toEqual([0, 1, 2, 3]);
    await seek({ partitions: ORDERS }, '/beginning');
    await seek({ partitions: [at(0), at(0)] }, '/end');
    expect(offsetsOf(await one.poll('timeout=50'))).toEqual([]);
    await api.produce('orders', 0, 'e');
    expect(offsetsOf(await one.poll())).toEqual([4]);
  });

  test.each<[string, unknown, object]>([
    ['', { offsets: [at(2, { offset: 0 })] }, { status: 409, error_code: 40903, kafka_error_code: 110 }],
    ['/beginning', { partitions: [at(0), at(2)] }, { status: 409, error_code: 40903 }],
    ['/end', { partitions: [at(2)] }, { status: 409, error_code: 40903 }],
    ['', { offsets: [{ topic: 'no', partition: 0, offset: 0 }] }, { status: 404, error_code: 40401 }],
    ['', { timestamps: [at(9, { timestamp: '2020-01-01T00:00:00Z' })] }, { status: 404, error_code: 40402 }],
    ['', { timestamps: [at(0, { timestamp: 'now' })] }, { status: 422, field: 'timestamps[0].timestamp' }],
    ['', { timestamps: [at(0, { timestamp: 1 })] }, { status: 422, field: 'timestamps[0].timestamp' }],
    ['', { offsets: [at(0, { offset: '1' })] }, { status: 422, field: 'offsets[0].offset' }],
    ['', { offsets: [at(0, { offset: 1 }), at(0, { offset: 1 })] }, { status: 422, field: 'offsets[1]' }],
    ['/end', { offsets: [at(0, { offset: 0 })] }, { status: 422 }],
    ['/end', {}, { status: 422, field: 'partitions' }],
  ])('POST /positions%s with %j is refused, and nothing moves', async (where, body, expected) => {
    await one.poll('max_bytes=1');
    const { status, json } = await seek(body, where);
    expect({ status, ...json }).toMatchObject(expected);
    expect(offsetsOf(await one.poll())).toEqual([1, 2, 3]);
  });
});

test('a commit of a partition that went to another is refused: 40905, and the other’s stands', async () => {
  const [old, next] = [await api.instance('old', {}, 'movers'), await api.instance('next', {}, 'movers')];
  const subscription = { body: { topics: ['orders'] } };
  await old.call('POST /subscription', subscription);
  await old.poll();
  await next.call('POST /subscription', subscription);
  const moved = await eventually(async () => {
    await old.call('POST /heartbeat');
    const { json } = await next.call<Heartbeat>('POST /heartbeat');
    return json.assigned[0];
  });
  const { topic, partition } = moved;
  await next.call('POST /offsets', {
    body: { offsets: [{ topic, partition, offset: 0, metadata: 'next' }] },
  });
  const { status, json } = await old.call('POST /offsets', {
    body: { offsets: [{ topic, partition, offset: 0 }] },
  });
  expect([status, json.error_code, json.kafka_error_code]).toEqual([409, 40905, 110]);
  const offsets = await next.call<Committed>(`GET /offsets?topic=${topic}&partition=${partition}`);
  expect(offsets.json.offsets).toEqual([{ topic, partition, offset: 0, metadata: 'next' }]);
});
