import { type Api, base64, startApi } from './support.ts';

interface V2Answer {
  offsets: {
    partition: number | null;
    offset: number | null;
    error_code: number | null;
    error: string | null;
  }[];
}

const type = (format: string) => ({ 'content-type': `application/vnd.kafka.${format}v2+json` });
let api: Api;
beforeEach(async () => {
  api = await startApi();
  await api.wadi.topics.create({ name: 'orders', partitions: 3 });
});

test.each([
  ['binary.', base64('k'), base64('v'), 'v'],
  ['', base64('k'), base64('v'), 'v'],
  ['text.', 'k', 'v', 'v'],
  ['json.', 'k', { a: [1, 'x y'] }, '{"a":[1,"x y"]}'],
])('content type %j stores keys and values in its own way', async (format, key, value, stored) => {
  const answer = await api.send<V2Answer>('POST /topics/orders', {
    headers: type(format),
    body: {
      records: [
        { key, value, partition: 1 },
        { partition: 1, value: null },
      ],
    },
  });
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('application/vnd.kafka.v2+json');
  expect(answer.json).toEqual({
    key_schema_id: null,
    value_schema_id: null,
    offsets: [
      { partition: 1, offset: 0, error_code: null, error: null },
      { partition: 1, offset: 1, error_code: null, error: null },
    ],
  });
  const { records } = await api.fetch('orders', 1, 'format=string');
  expect(records[0]).toMatchObject({
    key: { data: format === 'json.' ? '"k"' : 'k' },
    value: { data: stored },
  });
  expect(records[1]).toMatchObject({ key: null, value: null });
});

test("Strimzi Bridge's headers and timestamp are stored", async () => {
  await api.send('POST /topics/orders/partitions/2', {
    headers: type('json.'),
    body: {
      records: [
        {
          value: 1,
          timestamp: 1_591_897_790_000,
          headers: [
            { key: 'a', value: base64('1') },
            { key: 'b', value: null },
          ],
        },
      ],
    },
  });
  expect((await api.fetch('orders', 2)).records).toMatchObject([
    {
      timestamp_ms: 1_591_897_790_000,
      headers: [
        { name: 'a', value: base64('1') },
        { name: 'b', value: null },
      ],
    },
  ]);
});

test('JSON values keep the digits of the client', async () => {
  const body = '{"records": [{"key": 1.50, "value": {"n": 12345678901234567890}}, {"value": [1, 2]}]}';
  await api.send('POST /topics/orders/partitions/0', { headers: type('json.'), body });
  const { records } = await api.fetch('orders', 0, 'format=string');
  expect(records.map(({ key, value }) => [key?.data, value?.data])).toEqual([
    ['1.50', '{"n":12345678901234567890}'],
    [undefined, '[1,2]'],
  ]);
});

test('a record that fails alone tells why in its place', async () => {
  const answer = await api.send<V2Answer>('POST /topics/orders', {
    headers: type('text.'),
    body: {
      records: [{ value: 'a', partition: 0 }, { value: 'b', partition: 3 }, { value: 'x'.repeat(2_000_000) }],
    },
  });
  expect(answer.status).toBe(200);
  expect(answer.json.offsets).toEqual([
    { partition: 0, offset: 0, error_code: null, error: null },
    { partition: null, offset: null, error_code: 40402, error: expect.any(String) },
    { partition: null, offset: null, error_code: 413, error: expect.stringContaining('max.message.bytes') },
  ]);
});

test.each([{ async: 'true' }, { async: 'true', acks: 'all' }])(
  '%j answers 204, and the records arrive',
  async (query) => {
    const answer = await api.send('POST /topics/orders/partitions/0', {
      query,
      headers: type('text.'),
      body: { records: [{ value: 'a' }] },
    });
    expect(answer).toMatchObject({ status: 204, text: '' });
    await api.wadi.log.settled();
    expect(await api.highWatermark('orders')).toBe(1);
  },
);

test('acks=0 answers offsets of -1', async () => {
  const answer = await api.send<V2Answer>('POST /topics/orders/partitions/0', {
    query: 'acks=0',
    headers: type('text.'),
    body: { records: [{ value: 'a' }] },
  });
  expect(answer.json.offsets).toEqual([{ partition: 0, offset: -1, error_code: null, error: null }]);
});
