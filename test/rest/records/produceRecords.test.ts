import { type Api, base64, type Report, startApi } from './support.ts';

let api: Api;
beforeEach(async () => {
  api = await startApi();
  await api.wadi.topics.create({ name: 'orders', partitions: 4 });
});

const lines = (text: string) => text.split('\n').map((line) => JSON.parse(line) as Report);

test('a record is stored as it was sent, and its report tells where', async () => {
  const report = await api.produce('orders', {
    partition_id: 2,
    headers: [{ name: 'trace', value: base64('abc') }, { name: 'trace', value: null }, { name: 'none' }],
    key: { type: 'BINARY', data: base64('foobar') },
    value: { type: 'JSON', data: { foo: 'bar' } },
    timestamp: '2021-02-05T19:14:42Z',
  });
  expect(report).toEqual({
    error_code: 200,
    cluster_id: api.wadi.clusterId,
    topic_name: 'orders',
    partition_id: 2,
    offset: 0,
    timestamp: '2021-02-05T19:14:42.000Z',
    key: { type: 'BINARY', size: 6 },
    value: { type: 'JSON', size: 13 },
  });
  const page = await api.fetch('orders', 2);
  expect(page.records).toEqual([
    {
      partition_id: 2,
      offset: 0,
      timestamp: '2021-02-05T19:14:42.000Z',
      timestamp_ms: Date.UTC(2021, 1, 5, 19, 14, 42),
      timestamp_type: 'CreateTime',
      headers: [
        { name: 'trace', value: base64('abc') },
        { name: 'trace', value: null },
        { name: 'none', value: null },
      ],
      key: { type: 'STRING', data: 'foobar' },
      value: { type: 'JSON', data: { foo: 'bar' } },
    },
  ]);
});

test('the shortest record has null for key and value, and the time of its arrival', async () => {
  const before = Date.now();
  const report = await api.produce('orders', {});
  expect(report).toMatchObject({ key: null, value: null });
  const at = Date.parse(report.timestamp!);
  expect(at).toBeGreaterThanOrEqual(before);
  expect(at).toBeLessThanOrEqual(Date.now());
});

test.each([{ data: null }, { type: 'JSON', data: null }, { type: 'BINARY' }, {}, null])(
  'a value of %j is a tombstone',
  async (value) => {
    const { partition_id } = await api.produce('orders', { key: { type: 'STRING', data: 'k' }, value });
    const { records } = await api.fetch('orders', partition_id);
    expect(records[0]!.value).toBeNull();
  },
);

test('JSON data keeps the digits, the order and the escapes of the client', async () => {
  const data = '{"b": 12345678901234567890, "1": 1.0,\n "a": "\\u00e9 \\/", "b": -0}';
  const { partition_id } = await api.produce('orders', `{"value": {"data": ${data}, "type": "JSON"}}`);
  const { records } = await api.fetch('orders', partition_id, 'format=string');
  expect(records[0]!.value!.data).toBe('{"b":12345678901234567890,"1":1.0,"a":"\\u00e9 \\/","b":-0}');
});

test('JSON data may be nested deeply', async () => {
  const data = '['.repeat(100_000) + ']'.repeat(100_000);
  const { partition_id } = await api.produce('orders', `{"value":{"type":"JSON","data":${data}}}`);
  const { records } = await api.fetch('orders', partition_id);
  expect(records[0]!.value).toEqual({ type: 'STRING', data });
});

test('several documents are answered in their order, each by a report of its own', async () => {
  const documents = [
    { partition_id: 1, value: { type: 'STRING', data: 'a' } },
    { partition_id: 1, value: { type: 'BINARY', data: 'not base64' } },
    { partition_id: 9, value: { type: 'STRING', data: 'c' } },
    { partition_id: 0, value: { type: 'STRING', data: 'd' } },
    { partition_id: 1, value: { type: 'STRING', data: 'e' } },
  ].map((document) => JSON.stringify(document));
  for (const between of ['', '\n', ' \r\n\t']) {
    const answer = await api.send('POST /v3/topics/orders/records', { body: documents.join(between) });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(lines(answer.text)).toMatchObject([
      { error_code: 200, partition_id: 1 },
      { error_code: 400, field: 'value.data' },
      { error_code: 40403, field: 'partition_id' },
      { error_code: 200, partition_id: 0 },
      { error_code: 200, partition_id: 1 },
    ]);
  }
  const { records } = await api.fetch('orders', 1);
  expect(records.map(({ value }) => value!.data)).toEqual(['a', 'e', 'a', 'e', 'a', 'e']);
});

test('malformed JSON in one of several documents produces none of them', async () => {
  const answer = await api.send<Report>('POST /v3/topics/orders/records', {
    body: '{"partition_id":0}{"a":}',
  });
  expect(answer).toMatchObject({ status: 400, json: { error_code: 400 } });
  expect(await api.highWatermark('orders')).toBe(0);
});

test("keys choose partitions as Kafka's Java client does", async () => {
  // From Kafka's own UtilsTest.testMurmur2: "21" hashes to -973932308, "foobar" to -790332482.
  const partition = async (data: string) =>
    (await api.produce('orders', { key: { type: 'STRING', data } })).partition_id;
  expect(await partition('21')).toBe((-973932308 & 0x7fffffff) % 4);
  expect(await partition('foobar')).toBe((-790332482 & 0x7fffffff) % 4);
});

test('records without a key share a partition within a request, and use all of them over time', async () => {
  const seen = new Set<number>();
  for (let request = 0; request < 100; request++) {
    const answer = await api.send('POST /v3/topics/orders/records', { body: '{}{}{}' });
    const partitions = new Set(lines(answer.text).map(({ partition_id }) => partition_id));
    expect(partitions.size).toBe(1);
    for (const partition of partitions) seen.add(partition);
  }
  expect([...seen].sort()).toEqual([0, 1, 2, 3]);
});

test('a request above max.message.bytes becomes several batches; only a record above it is refused', async () => {
  await api.wadi.topics.create({ name: 'small', configs: { 'max.message.bytes': '1000' } });
  const sizes = [300, 300, 900, 2_000, 400, 10];
  const body = sizes
    .map((size) => JSON.stringify({ value: { type: 'STRING', data: 'x'.repeat(size) } }))
    .join('');
  const reports = lines((await api.send('POST /v3/topics/small/records', { body })).text);
  expect(reports.map(({ error_code }) => error_code)).toEqual([200, 200, 200, 413, 200, 200]);
  expect(reports.flatMap(({ offset }) => offset ?? [])).toEqual([0, 1, 2, 3, 4]);
  const { records } = await api.fetch('small', 0);
  expect(records.map(({ value }) => String(value!.data).length)).toEqual([300, 300, 900, 400, 10]);
});

test('the size that counts is that of the compressed batch', async () => {
  await api.wadi.topics.create({
    name: 'zipped',
    configs: { 'max.message.bytes': '1000', 'compression.type': 'zstd' },
  });
  const report = await api.produce('zipped', { value: { type: 'STRING', data: 'x'.repeat(100_000) } });
  expect(report.value).toEqual({ type: 'STRING', size: 100_000 });
  expect((await api.fetch('zipped', 0)).records[0]!.value!.data).toHaveLength(100_000);
});

test('with LogAppendTime the time of the append is stored and reported', async () => {
  await api.wadi.topics.create({ name: 'logged', configs: { 'message.timestamp.type': 'LogAppendTime' } });
  const report = await api.produce('logged', { timestamp: '2001-01-01T00:00:00Z' });
  expect(Date.parse(report.timestamp!)).toBeGreaterThan(Date.UTC(2026, 0));
  const { records } = await api.fetch('logged', 0);
  expect(records).toMatchObject([{ timestamp: report.timestamp, timestamp_type: 'LogAppendTime' }]);
});

test('acks=0 answers at once with offset -1, and the record arrives', async () => {
  const report = await api.produce(
    'orders',
    { partition_id: 3, value: { type: 'STRING', data: 'x' } },
    'acks=0',
  );
  expect(report).toMatchObject({ offset: -1, partition_id: 3, value: { size: 1 } });
  await api.wadi.log.settled();
  expect(await api.highWatermark('orders', 3)).toBe(1);
});

test.each(['1', 'all', '-1'])('acks=%s answers the offset', async (acks) => {
  expect(await api.produce('orders', { partition_id: 0 }, `acks=${acks}`)).toMatchObject({ offset: 0 });
});

test('a topic that was deleted and made again takes records at once', async () => {
  await api.produce('orders', { partition_id: 0 });
  // Another process does it, so this one still remembers the old topic.
  const elsewhere = (await startApi(api.wadi)).wadi;
  await elsewhere.topics.delete('orders');
  await elsewhere.topics.create({ name: 'orders', partitions: 4 });
  expect(await api.produce('orders', { partition_id: 0 })).toMatchObject({ offset: 0 });
});

test('a partition that another process has added takes records at once', async () => {
  await api.produce('orders', { partition_id: 0 });
  await (await startApi(api.wadi)).wadi.topics.addPartitions('orders', 6);
  expect(await api.produce('orders', { partition_id: 5 })).toMatchObject({ offset: 0 });
});

test('many records in one request keep their order', async () => {
  const body = Array.from({ length: 5_000 }, (_, i) =>
    JSON.stringify({ key: { type: 'STRING', data: `k${i % 7}` }, value: { type: 'JSON', data: i } }),
  ).join('\n');
  const reports = lines((await api.send('POST /v3/topics/orders/records', { body })).text);
  const stored = new Map<string, unknown>();
  for (let partition = 0; partition < 4; partition++) {
    const { records, next_offset, high_watermark } = await api.fetch(
      'orders',
      partition,
      'max_records=10000',
    );
    expect(next_offset).toBe(high_watermark);
    for (const { offset, value } of records) stored.set(`${partition}/${offset}`, value!.data);
  }
  expect(reports.map(({ partition_id, offset }) => stored.get(`${partition_id}/${offset}`))).toEqual(
    Array.from({ length: 5_000 }, (_, i) => i),
  );
});
