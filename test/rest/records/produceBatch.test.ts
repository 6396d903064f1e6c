import { type Api, type Report, startApi } from './support.ts';

interface BatchAnswer {
  successes: (Report & { id: string })[];
  failures: { id: string; error_code: number; message: string }[];
}

const ROUTE = 'POST /v3/topics/orders/records:batch';
let api: Api;
beforeEach(async () => {
  api = await startApi();
  await api.wadi.topics.create({ name: 'orders', partitions: 2 });
});

const text = (data: string) => ({ type: 'STRING', data });

test('each entry is told by its id, among the successes or the failures, in the order of the request', async () => {
  const entries = [
    { id: 'a', partition_id: 1, key: text('k'), value: { type: 'JSON', data: { n: 1 } } },
    { id: 'b', partition_id: 1, value: { type: 'BINARY', data: '?' } },
    { id: 'c', partition_id: 7, value: text('x') },
    { id: 'é"\n', partition_id: 1, value: text('x'), timestamp: '2021-02-05T19:14:42Z' },
    { id: 'e', partition_id: 1, valeu: text('x') },
    { id: 'f', partition_id: 1, timestamp: '2999-01-01T00:00:00Z' },
  ];
  const answer = await api.send<BatchAnswer>(ROUTE, { body: { entries } });
  expect(answer.status).toBe(207);
  expect(answer.json.successes).toEqual([
    {
      id: 'a',
      cluster_id: api.wadi.clusterId,
      topic_name: 'orders',
      partition_id: 1,
      offset: 0,
      timestamp: expect.any(String),
      key: { type: 'STRING', size: 1 },
      value: { type: 'JSON', size: 7 },
    },
    expect.objectContaining({ id: 'é"\n', offset: 1, timestamp: '2021-02-05T19:14:42.000Z', key: null }),
  ]);
  expect(answer.json.failures).toMatchObject([
    { id: 'b', error_code: 400, field: 'value.data', message: expect.stringContaining('base64') },
    { id: 'c', error_code: 40403 },
    { id: 'e', error_code: 400, field: 'valeu' },
    { id: 'f', error_code: 40002, field: 'timestamp' },
  ]);
});

test('JSON data is taken from the right entry, token by token', async () => {
  const entry = (id: number) =>
    `{"value": {"type":"JSON", "data": {"id": ${id}, "big": 1234567890123456789${id}}}, "partition_id": 0, "id": "${id}"}`;
  const body = `{ "entries" : [${[1, 2, 3].map(entry).join(' , ')}] }`;
  await api.send(ROUTE, { body });
  const { records } = await api.fetch('orders', 0, 'format=string');
  expect(records.map(({ value }) => value!.data)).toEqual(
    [1, 2, 3].map((id) => `{"id":${id},"big":1234567890123456789${id}}`),
  );
});

test('ten thousand entries take one append and keep their order', async () => {
  const entries = Array.from({ length: 10_000 }, (_, i) => ({
    id: String(i),
    partition_id: 0,
    value: { type: 'JSON', data: i },
  }));
  const { json } = await api.send<BatchAnswer>(ROUTE, { body: { entries } });
  expect(json.failures).toEqual([]);
  expect(json.successes.map(({ id, offset }) => [id, offset])).toEqual(
    Array.from({ length: 10_000 }, (_, i) => [String(i), i]),
  );
});

const many = (length: number) => Array.from({ length }, (_, i) => ({ id: String(i) }));

test.each([
  ['no entries', {}, 'entries'],
  ['an empty list', { entries: [] }, 'entries'],
  ['more than 10,000 entries', { entries: many(10_001) }, 'entries'],
  ['entries that are no list', { entries: { id: 'a' } }, 'entries'],
  ['an entry that is no object', { entries: ['a'] }, 'entries[0]'],
  ['an entry without id', { entries: [{ id: 'a' }, {}] }, 'entries[1].id'],
  ['an empty id', { entries: [{ id: '' }] }, 'entries[0].id'],
  ['an id of 81 characters', { entries: [{ id: 'x'.repeat(81) }] }, 'entries[0].id'],
  ['an id that is no text', { entries: [{ id: 1 }] }, 'entries[0].id'],
  ['an id given twice', { entries: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] }, 'entries[2].id'],
  ['another field', { entries: [{ id: 'a' }], records: [] }, 'records'],
])('%s is refused as a whole: 422', async (_, body, field) => {
  const answer = await api.send<Report>(ROUTE, { body });
  expect(answer).toMatchObject({ status: 422, json: { error_code: 422, field } });
  expect((await api.highWatermark('orders', 0)) + (await api.highWatermark('orders', 1))).toBe(0);
});
