import fc from 'fast-check';
import { type Api, BASE_URL, base64, bytesOfData, type FetchPage, startApi } from './support.ts';

let api: Api;
beforeEach(async () => {
  api = await startApi();
  await api.wadi.topics.create({ name: 'orders' });
});

/** So many records in one batch, each value its offset. */
async function fill(count: number, more: Record<string, unknown> = {}): Promise<void> {
  const body = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ value: { type: 'JSON', data: i }, ...more }),
  ).join('');
  await api.send('POST /v3/topics/orders/records', { body });
}

const offsets = (page: FetchPage) => page.records.map(({ offset }) => offset);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('a page tells where it is, what comes next, and the bounds of the log', async () => {
  await fill(5);
  const path = `/v3/clusters/${api.wadi.clusterId}/topics/orders/partitions/0/records`;
  const page = await api.fetch('orders', 0, 'offset=1&max_records=2&format=string');
  expect(page).toMatchObject({
    kind: 'KafkaRecordList',
    metadata: {
      self: `${BASE_URL}${path}?offset=1&max_records=2&format=string`,
      next: `${BASE_URL}${path}?offset=3&max_records=2&format=string`,
    },
    cluster_id: api.wadi.clusterId,
    topic_name: 'orders',
    partition_id: 0,
    next_offset: 3,
    high_watermark: 5,
    log_start_offset: 0,
  });
  expect(page.records.map(({ offset, value }) => [offset, value!.data])).toEqual([
    [1, '1'],
    [2, '2'],
  ]);
});

test('following `next` reads every record once, wherever pages end within batches', async () => {
  for (let batch = 0; batch < 5; batch++) await fill(7);
  for (const limit of ['max_records=3', 'max_bytes=700', 'max_records=7', 'max_bytes=1']) {
    const seen: number[] = [];
    let next: string | null = `?offset=earliest&${limit}`;
    while (next !== null) {
      const page: FetchPage = await api.fetch('orders', 0, next.slice(next.indexOf('?')));
      expect(page.records.length).toBeGreaterThan(0);
      seen.push(...offsets(page));
      next = page.metadata.next;
    }
    expect(seen).toEqual(range(0, 35));
  }
});

test('max_bytes bounds the records as answered', async () => {
  await fill(100, { headers: [{ name: 'pad', value: base64('é'.repeat(100)) }] });
  const answer = await api.send<FetchPage>('GET /v3/topics/orders/partitions/0/records', {
    query: 'max_bytes=5000',
  });
  const bytes = Buffer.byteLength(JSON.stringify(answer.json.records));
  expect(bytes).toBeLessThanOrEqual(5_002);
  expect(bytes).toBeGreaterThan(4_000);
});

test('without parameters a fetch answers the first 500 records', async () => {
  await fill(501);
  expect(offsets(await api.fetch('orders', 0))).toEqual(range(0, 500));
});

test('earliest, latest and the high watermark itself are places to begin', async () => {
  await fill(3);
  expect(offsets(await api.fetch('orders', 0, 'offset=earliest'))).toEqual([0, 1, 2]);
  for (const offset of ['latest', '3']) {
    expect(await api.fetch('orders', 0, `offset=${offset}`)).toMatchObject({
      records: [],
      next_offset: 3,
      metadata: { next: null },
    });
  }
});

test('an empty partition answers an empty page', async () => {
  expect(await api.fetch('orders', 0)).toMatchObject({ records: [], next_offset: 0, high_watermark: 0 });
});

test('a timestamp begins at the first record that is not older', async () => {
  const time = (seconds: number) => new Date(Date.UTC(2021, 0, 1, 0, 0, seconds)).toISOString();
  for (const seconds of [10, 20, 20, 30]) await api.produce('orders', { timestamp: time(seconds) });
  const at = async (timestamp: string | number) =>
    offsets(await api.fetch('orders', 0, `timestamp=${encodeURIComponent(timestamp)}`));
  expect(await at(time(0))).toEqual([0, 1, 2, 3]);
  expect(await at(time(15))).toEqual([1, 2, 3]);
  expect(await at(Date.parse(time(20)))).toEqual([1, 2, 3]);
  expect(await at('2021-01-01T01:00:30+01:00')).toEqual([3]);
  expect(await at(time(31))).toEqual([]);
});

test('keys and values have formats of their own', async () => {
  await api.produce('orders', { key: { type: 'JSON', data: 1 }, value: { type: 'JSON', data: { a: 1 } } });
  const formats = async (query: string) => {
    const { key, value } = (await api.fetch('orders', 0, query)).records[0]!;
    return [key!.type, value!.type];
  };
  expect(await formats('')).toEqual(['JSON', 'JSON']);
  expect(await formats('format=binary')).toEqual(['BINARY', 'BINARY']);
  expect(await formats('format=binary&key_format=string')).toEqual(['STRING', 'BINARY']);
  expect(await formats('value_format=string')).toEqual(['JSON', 'STRING']);
});

test('a waiting fetch answers as soon as there is a record', async () => {
  const begin = performance.now();
  const waiting = api.fetch('orders', 0, 'offset=latest&max_wait_ms=20000');
  await api.produce('orders', { value: { type: 'STRING', data: 'x' } });
  expect(offsets(await waiting)).toEqual([0]);
  expect(performance.now() - begin).toBeLessThan(20_000);
});

test('a waiting fetch answers nothing when its time has passed', async () => {
  const begin = performance.now();
  expect((await api.fetch('orders', 0, 'max_wait_ms=100')).records).toEqual([]);
  expect(performance.now() - begin).toBeGreaterThanOrEqual(90);
});

test('a topic that was deleted and made again shows its new records', async () => {
  await fill(3);
  await api.fetch('orders', 0);
  const { topics } = (await startApi(api.wadi)).wadi;
  await topics.delete('orders');
  await topics.create({ name: 'orders' });
  expect(await api.fetch('orders', 0)).toMatchObject({ records: [], high_watermark: 0 });
});

const bytes = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.json().map((text) => Buffer.from(text)),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  ),
);
const headers = fc.array(fc.record({ name: fc.string(), value: bytes }), { maxLength: 3 });

test('any keys, values and headers survive from produce to fetch, in every form', async () => {
  const data = (value: Uint8Array | null) => value && { type: 'BINARY', data: base64(value) };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: bytes, value: bytes, headers }), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('auto', 'binary', 'string'),
      async (records, format) => {
        const from = await api.highWatermark('orders');
        const entries = records.map((record, i) => ({
          id: `${i}`,
          key: data(record.key),
          value: data(record.value),
          headers: record.headers.map(({ name, value }) => ({ name, value: value && base64(value) })),
        }));
        await api.send('POST /v3/topics/orders/records:batch', { body: { entries } });
        const page = await api.fetch('orders', 0, `offset=${from}&format=${format}`);
        expect(
          page.records.map((record) => [
            bytesOfData(record.key)?.toString('hex'),
            bytesOfData(record.value)?.toString('hex'),
            record.headers,
          ]),
        ).toEqual(entries.map((entry, i) => [hex(records[i]!.key), hex(records[i]!.value), entry.headers]));
      },
    ),
    { numRuns: 60 },
  );
});

const hex = (value: Uint8Array | null) => (value === null ? undefined : Buffer.from(value).toString('hex'));

test('any JSON survives from produce to fetch', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 20 }), async (values) => {
      const from = await api.highWatermark('orders');
      const body = values.map((data) => JSON.stringify({ value: { type: 'JSON', data } }, null, 1)).join('');
      await api.send('POST /v3/topics/orders/records', { body });
      const page = await api.fetch('orders', 0, `offset=${from}&format=json`);
      expect(page.records.map(({ value }) => value?.data ?? null)).toEqual(
        JSON.parse(JSON.stringify(values)),
      );
    }),
    { numRuns: 60 },
  );
});
