import { decodeBatch } from '../../../lib/record/decode.ts';
import { encodeBatch } from '../../../lib/record/encode.ts';
import { type Api, base64, RAW, type Report, startApi } from './support.ts';

const ROUTE = '/v3/topics/orders/partitions/1/records';
const raw = { 'content-type': RAW };
let api: Api;
beforeEach(async () => {
  api = await startApi();
  await api.wadi.topics.create({ name: 'orders', partitions: 2 });
});

const records = (...values: string[]) =>
  values.map((value) => ({ timestamp: 1_000, key: null, value: Buffer.from(value), headers: [] }));

interface BatchesReport extends Report {
  base_offset: number;
  next_offset: number;
  record_count: number;
  log_start_offset: number;
}

const produce = (body: Uint8Array, query = '') =>
  api.send<BatchesReport>(`POST ${ROUTE}`, { headers: raw, body, query });

const fetchRaw = (query: string) => api.send(`GET ${ROUTE}`, { headers: { accept: RAW }, query });

test('batches are stored as they are, and the answer tells their offsets', async () => {
  await produce(encodeBatch(records('first')));
  const body = Buffer.concat([
    encodeBatch(records('a', 'b'), { codec: 'zstd' }),
    encodeBatch(records('c'), { codec: 'gzip' }),
  ]);
  const answer = await produce(body);
  expect(answer).toMatchObject({
    status: 200,
    json: {
      error_code: 200,
      cluster_id: api.wadi.clusterId,
      topic_name: 'orders',
      partition_id: 1,
      offset: 1,
      base_offset: 1,
      next_offset: 4,
      record_count: 3,
      log_start_offset: 0,
      timestamp: null,
    },
  });
  const fetched = await fetchRaw('offset=1');
  expect(fetched.headers).toMatchObject({
    'content-type': RAW,
    'wadi-next-offset': '4',
    'wadi-high-watermark': '4',
    'wadi-log-start-offset': '0',
  });
  // Only the base offsets differ, which lie outside the CRC.
  expect(
    decodeBatch(fetched.bytes).map(({ offset, value }) => [offset, String(Buffer.from(value!))]),
  ).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ]);
  expect(fetched.bytes).toHaveLength(body.length);
  expect(Buffer.from(fetched.bytes).subarray(12, 61).equals(body.subarray(12, 61))).toBe(true);
});

test('raw and JSON are two forms of the same records', async () => {
  await produce(
    encodeBatch([{ timestamp: 5, key: Buffer.from('k'), value: null, headers: [{ key: 'h', value: null }] }]),
  );
  expect((await api.fetch('orders', 1)).records).toMatchObject([
    { timestamp_ms: 5, key: { data: 'k' }, value: null, headers: [{ name: 'h', value: null }] },
  ]);
  await api.produce('orders', { partition_id: 1, value: { type: 'BINARY', data: base64('v') } });
  const [record] = decodeBatch((await fetchRaw('offset=1')).bytes);
  expect(String(Buffer.from(record!.value!))).toBe('v');
});

test('a fetch of raw batches begins with the whole batch that holds the offset', async () => {
  await produce(encodeBatch(records('a', 'b', 'c')));
  const fetched = await fetchRaw('offset=2&max_records=1&max_bytes=1');
  expect(decodeBatch(fetched.bytes)).toHaveLength(3);
  expect(fetched.headers['wadi-next-offset']).toBe('3');
});

test('at the end a fetch of raw batches is empty', async () => {
  await produce(encodeBatch(records('a')));
  const fetched = await fetchRaw('offset=latest');
  expect(fetched.bytes).toHaveLength(0);
  expect(fetched.headers['wadi-next-offset']).toBe('1');
});

test('a batch of an idempotent producer, sent again, answers the offset it has', async () => {
  const batch = (sequence: number, epoch = 3) =>
    encodeBatch(records('a', 'b'), { producer: { id: 7n, epoch, sequence } });
  expect((await produce(batch(0))).json).toMatchObject({ base_offset: 0 });
  expect((await produce(batch(2))).json).toMatchObject({ base_offset: 2 });
  expect((await produce(batch(0))).json).toMatchObject({ base_offset: 0, next_offset: 2 });
  expect(await produce(batch(6))).toMatchObject({
    status: 409,
    json: { error_code: 40901, kafka_error_code: 45 },
  });
  expect(await produce(batch(4, 2))).toMatchObject({ status: 409, json: { kafka_error_code: 47 } });
  expect(await api.highWatermark('orders', 1)).toBe(4);
});

test('acks=0 answers offsets of -1, and the batch arrives', async () => {
  const answer = await produce(encodeBatch(records('a', 'b')), 'acks=0');
  expect(answer.json).toMatchObject({
    base_offset: -1,
    next_offset: -1,
    record_count: 2,
    log_start_offset: -1,
  });
  await api.wadi.log.settled();
  expect(await api.highWatermark('orders', 1)).toBe(2);
});

test('with LogAppendTime the answer tells the time of the append', async () => {
  await api.wadi.topics.alterConfigs('orders', [{ name: 'message.timestamp.type', value: 'LogAppendTime' }]);
  const { json } = await produce(encodeBatch(records('a')));
  expect((await api.fetch('orders', 1)).records[0]!.timestamp).toBe(json.timestamp);
  expect(Date.parse(json.timestamp!)).toBeGreaterThan(1_000);
});

test('a record without a timestamp, or with one beyond the calendar, can be read', async () => {
  const times = [-1, 8.64e15 + 1];
  await api.wadi.topics.alterConfigs('orders', [
    { name: 'message.timestamp.after.max.ms', value: '9223372036854775807' },
  ]);
  for (const timestamp of times) {
    await produce(encodeBatch([{ timestamp, key: null, value: null, headers: [] }]));
  }
  const page = await api.fetch('orders', 1);
  expect(page.records.map(({ timestamp, timestamp_ms }) => [timestamp, timestamp_ms])).toEqual(
    times.map((ms) => [null, ms]),
  );
});

test('JSON documents on the path of a partition go to that partition', async () => {
  const answer = await api.send<Report>(`POST ${ROUTE}`, { body: { key: { type: 'STRING', data: 'a' } } });
  expect(answer.json).toMatchObject({ error_code: 200, partition_id: 1, offset: 0 });
  const same = await api.send<Report>(`POST ${ROUTE}`, { body: { partition_id: 1 } });
  expect(same.json).toMatchObject({ partition_id: 1, offset: 1 });
});
