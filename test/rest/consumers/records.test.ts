import {
  BINARY,
  type Consumers,
  eventually,
  type Instance,
  JSON_FORMAT,
  offsetsOf,
  startConsumers,
  TEXT,
  V2,
} from './support.ts';

let api: Consumers;
beforeEach(async () => {
  api = await startConsumers();
});
afterEach(() => api.cluster.close());

const base64 = (text: string) => Buffer.from(text).toString('base64');
const assignment = (...partitions: number[]) => ({
  body: { partitions: partitions.map((partition) => ({ topic: 'orders', partition })) },
});

/** One to which partition 0 is assigned by hand. */
async function reader(config: Record<string, unknown> = {}): Promise<Instance> {
  const instance = await api.instance('one', config);
  await instance.call('POST /assignments', assignment(0));
  return instance;
}

/** Sends one record as it stands in v2's JSON format. */
async function produceJson(record: Record<string, unknown>): Promise<void> {
  const body = { records: [record] };
  const headers = { 'content-type': JSON_FORMAT };
  await api.call('POST /topics/orders/partitions/0', { body, headers });
}

describe('formats', () => {
  const HEADERS = [
    { key: 'source', value: base64('shop') },
    { key: 'none', value: null },
  ];

  test('binary is base64, with the timestamp and headers that Strimzi Bridge tells', async () => {
    const instance = await reader();
    await produceJson({ key: 'k', value: { a: 1 }, headers: HEADERS, timestamp: 1_700_000_000_000 });
    await produceJson({ value: null });
    const { headers, json } = await instance.poll();
    expect(headers.get('content-type')).toBe(BINARY);
    expect(json[0]).toEqual({
      topic: 'orders',
      key: base64('"k"'),
      value: base64('{"a":1}'),
      partition: 0,
      offset: 0,
      timestamp: 1_700_000_000_000,
      headers: HEADERS,
    });
  });

  test('keys and values that are null are null, and no headers are no member', async () => {
    const instance = await reader({ format: 'json' });
    await produceJson({ value: null });
    const { json } = await instance.poll();
    expect(json[0]).toMatchObject({ key: null, value: null });
    expect(json[0]).not.toHaveProperty('headers');
  });

  test('json is JSON as it was produced, to the last digit', async () => {
    const instance = await reader({ format: 'json' });
    await api.call('POST /topics/orders/partitions/0', {
      body: '{"records":[{"key":[1,"é"],"value":{"n":12345678901234567890.1234567890}}]}',
      headers: { 'content-type': JSON_FORMAT },
    });
    const { headers, text } = await instance.poll();
    expect(headers.get('content-type')).toBe(JSON_FORMAT);
    expect(text).toContain('"key":[1,"é"],"value":{"n":12345678901234567890.1234567890}');
  });

  test('text is text', async () => {
    const instance = await reader({ format: 'text' });
    await api.produce('orders', 0, 'grün "und" so');
    const { headers, json } = await instance.poll();
    expect(headers.get('content-type')).toBe(TEXT);
    expect(json[0]).toMatchObject({ key: null, value: 'grün "und" so' });
  });

  test.each([
    [undefined, BINARY],
    ['*/*', BINARY],
    [BINARY, BINARY],
    [V2, V2],
    ['application/json', 'application/json'],
    [`${JSON_FORMAT}, ${V2}; q=0.5`, V2],
  ])('Accept: %s of a binary instance is answered as %s', async (accept, type) => {
    const instance = await reader();
    await api.produce('orders', 0, 'a');
    const { status, headers } = await instance.poll('timeout=10000', accept === undefined ? {} : { accept });
    expect([status, headers.get('content-type')]).toEqual([200, type]);
  });

  test('who accepts nothing that is there is told what is', async () => {
    const instance = await reader();
    const { status, json } = await instance.call('GET /records', { headers: { accept: 'text/html' } });
    expect(status).toBe(406);
    expect(json.message).toContain(TEXT);
    expect(json.message).not.toContain('avro');
  });

  test.each([JSON_FORMAT, TEXT, 'application/vnd.kafka.avro.v2+json'])(
    'Accept: %s does not fit a binary instance: 40601, and nothing moves',
    async (accept) => {
      const instance = await reader();
      await api.produce('orders', 0, 'a');
      const refused = await instance.call('GET /records', { headers: { accept } });
      expect([refused.status, refused.json.error_code, refused.json.field]).toEqual([406, 40601, 'accept']);
      expect(offsetsOf(await instance.poll())).toEqual([0]);
    },
  );
});

describe('records that cannot be answered', () => {
  test('one that is no JSON ends the page before it, then refuses, until the instance seeks behind it', async () => {
    const instance = await reader({ format: 'json' });
    await produceJson({ value: 0 });
    await api.produce('orders', 0, 'no JSON');
    await produceJson({ value: 2 });
    expect(offsetsOf(await instance.poll())).toEqual([0]);
    for (let time = 0; time < 2; time++) {
      const { status, json } = await instance.call('GET /records?timeout=10000');
      expect([status, json.error_code, json.kafka_error_code]).toEqual([406, 406, 87]);
      expect(json.message).toContain("offset 1 of partition 0 of topic 'orders'");
    }
    await instance.call('POST /positions', {
      body: { offsets: [{ topic: 'orders', partition: 0, offset: 2 }] },
    });
    expect(offsetsOf(await instance.poll())).toEqual([2]);
  });

  test('one that is no UTF-8 is not told as text', async () => {
    const instance = await reader({ format: 'text' });
    const body = { partition_id: 0, value: { type: 'BINARY', data: '//8=' } };
    await api.call('POST /v3/-/topics/orders/records', { body });
    const { status, json } = await instance.call('GET /records?timeout=10000');
    expect([status, json.message]).toEqual([406, expect.stringContaining('no UTF-8: seek to 1')]);
  });
});

describe('how much, and how long', () => {
  test('an empty partition answers an empty list after the time that was asked for', async () => {
    const instance = await reader({ 'consumer.request.timeout.ms': 20_000 });
    const begin = performance.now();
    const { status, json } = await instance.call<object[]>('GET /records?timeout=100');
    expect([status, json]).toEqual([200, []]);
    const tookMs = performance.now() - begin;
    expect(tookMs).toBeGreaterThanOrEqual(90);
    expect(tookMs).toBeLessThan(10_000);
  });

  test.each(['', '?timeout=0', '?timeout=-1'])('GET /records%s waits as the instance does', async (query) => {
    const instance = await reader({ 'consumer.request.timeout.ms': '100' });
    const begin = performance.now();
    expect((await instance.call<object[]>(`GET /records${query}`)).json).toEqual([]);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(90);
  });

  test('a poll that waits answers as soon as there is a record', async () => {
    const instance = await reader();
    const begin = performance.now();
    const waiting = instance.poll('timeout=20000');
    await api.produce('orders', 0, 'a');
    expect(offsetsOf(await waiting)).toEqual([0]);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  test('max_bytes bounds keys and values as they were produced, but for the first record', async () => {
    const instance = await reader();
    await api.produce('orders', 0, ...Array.from({ length: 10 }, () => 'x'.repeat(100)));
    expect(offsetsOf(await instance.poll('max_bytes=350'))).toEqual([0, 1, 2]);
    expect(offsetsOf(await instance.poll('max_bytes=1'))).toEqual([3]);
    expect(offsetsOf(await instance.poll('max_bytes=-1'))).toEqual([4, 5, 6, 7, 8, 9]);
  });

  test('max.poll.records bounds a poll', async () => {
    const instance = await reader({ 'max.poll.records': 2 });
    await api.produce('orders', 0, 'a', 'b', 'c', 'd', 'e');
    const polls = [await instance.poll(), await instance.poll(), await instance.poll()];
    expect(polls.map(offsetsOf)).toEqual([[0, 1], [2, 3], [4]]);
  });

  test('a poll reads several partitions', async () => {
    const instance = await api.instance('one', { format: 'text' });
    await instance.call('POST /assignments', assignment(0, 1, 2));
    for (const partition of [0, 1, 2]) await api.produce('orders', partition, `${partition}`);
    const { json } = await instance.poll();
    expect(json.map(({ partition, value }) => [partition, value]).toSorted()).toEqual([
      [0, '0'],
      [1, '1'],
      [2, '2'],
    ]);
  });

  test.each([
    ['timeout=soon', 'timeout'],
    ['timeout=1.5', 'timeout'],
    ['max_bytes=many', 'max_bytes'],
    ['max_bytes=1&max_bytes=2', 'max_bytes'],
  ])('?%s is refused', async (query, field) => {
    const instance = await reader();
    const { status, json } = await instance.call(`GET /records?${query}`);
    expect([status, json.error_code, json.field]).toEqual([422, 422, field]);
  });
});

test('an instance without partitions or subscription is told so', async () => {
  const instance = await api.instance('one');
  const { status, json } = await instance.call('GET /records?timeout=1');
  expect([status, json.error_code]).toEqual([409, 40903]);
});

describe('Idempotency-Key', () => {
  test('the same key again answers the same records again, and moves nothing', async () => {
    const instance = await reader({ 'max.poll.records': 2 });
    await api.produce('orders', 0, 'a', 'b', 'c', 'd', 'e');
    const first = await instance.poll('', { 'idempotency-key': 'k1' });
    const again = await instance.poll('', { 'idempotency-key': 'k1' });
    expect(again.text).toBe(first.text);
    expect(offsetsOf(first)).toEqual([0, 1]);
    expect(offsetsOf(await instance.poll('', { 'idempotency-key': 'k2' }))).toEqual([2, 3]);
    expect(offsetsOf(await instance.poll('', { 'idempotency-key': 'k3' }))).toEqual([4]);
  });

  test('so it does whatever the limits are by then', async () => {
    const instance = await reader();
    await api.produce('orders', 0, 'a', 'b', 'c');
    const first = await instance.poll('', { 'idempotency-key': 'k1' });
    const again = await instance.poll('max_bytes=1', { 'idempotency-key': 'k1' });
    expect(again.text).toBe(first.text);
  });

  test.each(['', 'k'.repeat(256)])('a key of no or too many characters is refused', async (key) => {
    const instance = await reader();
    const { status, json } = await instance.call('GET /records', { headers: { 'idempotency-key': key } });
    expect([status, json.field]).toEqual([422, 'idempotency-key']);
  });
});

test('a poll tells the epoch of its part, and how many partitions are to be given up', async () => {
  const first = await api.instance('one', { 'wadi.confirm.revocation': true });
  const subscription = { body: { topics: ['orders'] } };
  await first.call('POST /subscription', subscription);
  for (const partition of [0, 1, 2]) await api.produce('orders', partition, 'a', 'b', 'c');
  const epoch = await eventually(async () => {
    const { headers, json } = await first.poll('timeout=100&max_bytes=1');
    return json.length > 0 ? Number(headers.get('wadi-member-epoch')) : undefined;
  });
  const second = await api.instance('two');
  await second.call('POST /subscription', subscription);
  const revoking = await eventually(async () => {
    await second.poll('timeout=1');
    const { headers } = await first.poll('timeout=1&max_bytes=1');
    const count = headers.get('wadi-revoking');
    return count === null ? undefined : { count, epoch: Number(headers.get('wadi-member-epoch')) };
  });
  expect(revoking.count).toBe('1');
  expect(revoking.epoch).toBeGreaterThan(epoch);
});
