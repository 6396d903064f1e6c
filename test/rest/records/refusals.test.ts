import { encodeBatch } from '../../../lib/record/encode.ts';
import { type Api, base64, type Call, RAW, type Report, startApi } from './support.ts';

/** Bad input of every kind: a clear 4xx that names the field, and nothing changed. */

const DOCUMENTS = 'POST /v3/topics/orders/records';
const PARTITION = 'POST /v3/topics/orders/partitions/0/records';
const FETCH = 'GET /v3/topics/orders/partitions/0/records';
const V2 = 'POST /topics/orders';
const V2_PARTITION = 'POST /topics/orders/partitions/0';

const body = (value: unknown): Call => ({ body: value });
const value = (data: unknown): Call => body({ value: data });
const v2 = (records: unknown, format = 'binary.', query = ''): Call => ({
  query,
  headers: { 'content-type': `application/vnd.kafka.${format}v2+json` },
  body: { records },
});
const query = (text: string): Call => ({ query: text });

const records = [
  { timestamp: 1_000, key: null, value: Buffer.from('a'), headers: [] },
  { timestamp: 1_000, key: null, value: Buffer.from('b'), headers: [] },
];
/** A batch of two records in which one byte may be another one. */
function rawBatch(position = 0, byte = 0): Call {
  const batch = encodeBatch(records);
  batch[position] = byte;
  return { headers: { 'content-type': RAW }, body: batch };
}
const bomb = encodeBatch([{ timestamp: 1_000, key: null, value: new Uint8Array(40_000_000), headers: [] }], {
  codec: 'gzip',
});

const deep = '['.repeat(100_000) + ']'.repeat(100_000);

type Row = readonly [what: string, route: string, call: Call, status: number, code: number, field?: string];

const ROWS: readonly Row[] = [
  // REST Proxy v3
  ['an unknown topic', 'POST /v3/topics/none/records', body({}), 404, 40403, 'topic_name'],
  ['an illegal topic name', 'POST /v3/topics/a,b/records', body({}), 404, 40403, 'topic_name'],
  ['an unknown partition', DOCUMENTS, body({ partition_id: 1 }), 404, 40403, 'partition_id'],
  ['a negative partition', DOCUMENTS, body({ partition_id: -1 }), 400, 400, 'partition_id'],
  ['a partition that is no number', DOCUMENTS, body({ partition_id: '0' }), 400, 400, 'partition_id'],
  ['an empty body', DOCUMENTS, body(''), 422, 422],
  ['a body of white space', DOCUMENTS, body(' \n'), 422, 422],
  ['malformed JSON', DOCUMENTS, body('{"value":'), 400, 400],
  ['a body that is no object', DOCUMENTS, body('[{}]'), 400, 400],
  ['text behind a document', DOCUMENTS, body('{} true'), 400, 400],
  ['bytes that are no UTF-8', DOCUMENTS, body(Uint8Array.of(0x7b, 0xff, 0x7d)), 400, 400],
  ['more than 10,000 documents', DOCUMENTS, body('{}'.repeat(10_001)), 422, 422],
  ['a field that does not exist', DOCUMENTS, body({ valeu: {} }), 400, 400, 'valeu'],
  ['bad base64', DOCUMENTS, value({ type: 'BINARY', data: 'a' }), 400, 400, 'value.data'],
  ['url-safe base64', DOCUMENTS, value({ type: 'BINARY', data: '_-8=' }), 400, 400, 'value.data'],
  [
    'base64 that is a deep list',
    DOCUMENTS,
    body(`{"value":{"type":"BINARY","data":${deep}}}`),
    400,
    400,
    'value.data',
  ],
  ['a number as STRING', DOCUMENTS, value({ type: 'STRING', data: 1 }), 400, 400, 'value.data'],
  [
    'half a character',
    DOCUMENTS,
    body('{"value":{"type":"STRING","data":"\\ud800"}}'),
    400,
    400,
    'value.data',
  ],
  ['a value without wrapping', DOCUMENTS, value('text'), 400, 400, 'value'],
  ['data without type', DOCUMENTS, body({ key: { data: 1 } }), 400, 400, 'key.type'],
  [
    'a field of a value that does not exist',
    DOCUMENTS,
    value({ type: 'JSON', data: 1, size: 1 }),
    400,
    400,
    'value.size',
  ],
  ['an unknown type', DOCUMENTS, value({ type: 'XML', data: 1 }), 400, 400, 'value.type'],
  ['a type that needs a schema', DOCUMENTS, value({ type: 'AVRO', data: 1 }), 400, 400, 'value.type'],
  ['a schema id', DOCUMENTS, body({ key: { schema_id: 1 } }), 400, 400, 'key.schema_id'],
  ['a subject', DOCUMENTS, value({ type: 'JSON', subject: 's', data: 1 }), 400, 400, 'value.subject'],
  ['a header without name', DOCUMENTS, body({ headers: [{ value: '' }] }), 400, 400, 'headers[0].name'],
  [
    'a header in bad base64',
    DOCUMENTS,
    body({ headers: [{ name: 'a', value: '?' }] }),
    400,
    400,
    'headers[0].value',
  ],
  ['a timestamp in ms', DOCUMENTS, body({ timestamp: '1612552482000' }), 400, 40002, 'timestamp'],
  ['an empty timestamp', DOCUMENTS, body({ timestamp: '' }), 400, 40002, 'timestamp'],
  ['a timestamp that is a number', DOCUMENTS, body({ timestamp: 1_612_552_482 }), 400, 400, 'timestamp'],
  ['a timestamp far ahead', DOCUMENTS, body({ timestamp: '2999-01-01T00:00:00Z' }), 400, 40002, 'timestamp'],
  ['an oversized record', DOCUMENTS, value({ type: 'STRING', data: 'x'.repeat(1_048_588) }), 413, 413],
  ['an oversized body', DOCUMENTS, value({ type: 'STRING', data: 'x'.repeat(4_400_000) }), 413, 413],
  ['unknown acks', DOCUMENTS, { ...body({}), query: 'acks=2' }, 400, 40002, 'acks'],
  ['acks given twice', DOCUMENTS, { ...body({}), query: 'acks=all&acks=0' }, 400, 400, 'acks'],
  [
    'a compressed request',
    DOCUMENTS,
    { ...body({}), headers: { 'content-encoding': 'gzip' } },
    415,
    415,
    'content-encoding',
  ],
  [
    'another charset than UTF-8',
    DOCUMENTS,
    { ...body({}), headers: { 'content-type': 'application/json; charset=utf-16' } },
    415,
    415,
    'content-type',
  ],
  ['no key on a compacted topic', 'POST /v3/topics/compacted/records', body({}), 400, 40002, 'key'],
  [
    'acks=0 for an unknown topic',
    'POST /v3/topics/none/records',
    { ...body({}), query: 'acks=0' },
    404,
    40403,
  ],
  [
    'acks=0 for an unknown partition',
    DOCUMENTS,
    { ...body({ partition_id: 1 }), query: 'acks=0' },
    404,
    40403,
  ],
  [
    'a content type that is not served',
    DOCUMENTS,
    { ...body('<a/>'), headers: { 'content-type': 'text/xml' } },
    415,
    415,
    'content-type',
  ],
  [
    'an unknown topic of a batch',
    'POST /v3/topics/none/records:batch',
    body({ entries: [{ id: 'a' }] }),
    404,
    40403,
  ],
  ['malformed JSON of a batch', `${DOCUMENTS}:batch`, body('{"entries":['), 400, 400],
  ['an empty batch', `${DOCUMENTS}:batch`, body(''), 422, 422],
  [
    'unknown acks of a batch',
    `${DOCUMENTS}:batch`,
    { ...body({ entries: [{ id: 'a' }] }), query: 'acks=x' },
    400,
    40002,
    'acks',
  ],

  // Raw batches, and JSON by partition
  ['another partition than the path', PARTITION, body({ partition_id: 1 }), 400, 400, 'partition_id'],
  [
    'an unknown partition',
    'POST /v3/topics/orders/partitions/1/records',
    rawBatch(),
    404,
    40403,
    'partition_id',
  ],
  [
    'a partition that is no number',
    'POST /v3/topics/orders/partitions/x/records',
    rawBatch(),
    400,
    400,
    'partition_id',
  ],
  ['an unknown topic', 'POST /v3/topics/none/partitions/0/records', rawBatch(), 404, 40403, 'topic_name'],
  ['an empty body', PARTITION, { headers: { 'content-type': RAW } }, 422, 422],
  ['no key on a compacted topic', 'POST /v3/topics/compacted/partitions/0/records', rawBatch(), 400, 40002],
  [
    'a partition in another spelling',
    'POST /v3/topics/orders/partitions/00/records',
    rawBatch(),
    400,
    400,
    'partition_id',
  ],
  ['a wrong CRC', PARTITION, rawBatch(70, 0xff), 400, 40002, 'body'],
  ['a wrong count', PARTITION, rawBatch(60, 3), 400, 40002],
  ['an unknown magic', PARTITION, rawBatch(16, 1), 400, 40002],
  [
    'a batch cut off',
    PARTITION,
    { headers: { 'content-type': RAW }, body: encodeBatch(records).subarray(0, 65) },
    400,
    40002,
  ],
  ['a decompression bomb', PARTITION, { headers: { 'content-type': RAW }, body: bomb }, 413, 413],
  ['an oversized batch', PARTITION, { headers: { 'content-type': RAW }, body: oversized() }, 413, 413],
  ['unknown acks', PARTITION, { ...rawBatch(), query: 'acks=two' }, 400, 40002, 'acks'],

  [
    'several documents for an unknown partition',
    'POST /v3/topics/orders/partitions/1/records',
    body('{}{}'),
    404,
    40403,
  ],

  // REST Proxy v2
  ['an unknown topic', 'POST /topics/none', v2([{ value: '' }]), 404, 40401, 'topic_name'],
  ['an unknown partition', V2, v2([{ value: '', partition: 1 }]), 404, 40402, 'partition_id'],
  [
    'an unknown partition',
    'POST /topics/orders/partitions/1',
    v2([{ value: '' }]),
    404,
    40402,
    'partition_id',
  ],
  ['no records', V2, v2([]), 422, 422, 'records'],
  ['no list of records', V2, v2(undefined), 422, 422, 'records'],
  ['bad base64', V2, v2([{ value: '' }, { value: 'a' }]), 422, 422, 'records[1].value'],
  ['JSON in the binary format', V2, v2([{ value: { a: 1 } }]), 422, 422, 'records[0].value'],
  ['a number as text', V2, v2([{ key: 1 }], 'text.'), 422, 422, 'records[0].key'],
  [
    'a header in bad base64',
    V2,
    v2([{ headers: [{ key: 'a', value: '?' }] }], 'json.'),
    422,
    422,
    'records[0].headers[0].value',
  ],
  ['a field that does not exist', V2, v2([{ valeu: 1 }], 'json.'), 422, 422, 'records[0].valeu'],
  ['a negative timestamp', V2, v2([{ timestamp: -1 }], 'json.'), 422, 422, 'records[0].timestamp'],
  ['a timestamp far ahead', V2, v2([{ timestamp: 1e15 }], 'json.'), 422, 42203, 'timestamp'],
  ['an oversized record', V2, v2([{ value: 'x'.repeat(1_048_588) }], 'text.'), 413, 413],
  [
    'a partition beside that of the path',
    V2_PARTITION,
    v2([{ value: '', partition: 0 }]),
    422,
    422,
    'records[0].partition',
  ],
  ['unknown acks', V2, v2([{ value: '' }], 'binary.', 'acks=2'), 400, 40002, 'acks'],
  ['async that is neither', V2, v2([{ value: '' }], 'binary.', 'async=maybe'), 422, 422, 'async'],
  ['malformed JSON', V2, { ...v2(null), body: '{"records":[' }, 400, 400],
  ['an empty body', V2, { ...v2(null), body: '' }, 422, 422],
  [
    'a type that says no format',
    V2,
    { ...body({ records: [] }), headers: { 'content-type': 'application/json' } },
    415,
    415,
  ],
  ['Avro', V2, v2([{ value: '' }], 'avro.'), 415, 415],

  // Fetch
  ['an unknown topic', 'GET /v3/topics/none/partitions/0/records', {}, 404, 40403, 'topic_name'],
  ['an unknown partition', 'GET /v3/topics/orders/partitions/1/records', {}, 404, 40403, 'partition_id'],
  ['an offset beyond the end', FETCH, query('offset=3'), 416, 41601, 'offset'],
  ['a negative offset', FETCH, query('offset=-1'), 400, 400, 'offset'],
  ['an offset that is no number', FETCH, query('offset=first'), 400, 400, 'offset'],
  ['the largest offset there could be', FETCH, query('offset=9007199254740991'), 416, 41601, 'offset'],
  ['an offset given twice', FETCH, query('offset=0&offset=0'), 400, 400, 'offset'],
  ['an offset of 20 digits', FETCH, query('offset=12345678901234567890'), 400, 400, 'offset'],
  ['an offset and a timestamp', FETCH, query('offset=0&timestamp=0'), 400, 400, 'timestamp'],
  ['a timestamp that is none', FETCH, query('timestamp=yesterday'), 400, 40002, 'timestamp'],
  ['no records', FETCH, query('max_records=0'), 400, 400, 'max_records'],
  ['too many records', FETCH, query('max_records=10001'), 400, 400, 'max_records'],
  ['too many bytes', FETCH, query('max_bytes=4194305'), 400, 400, 'max_bytes'],
  ['too long a wait', FETCH, query('max_wait_ms=20001'), 400, 400, 'max_wait_ms'],
  ['a wait that is no number', FETCH, query('max_wait_ms=1s'), 400, 400, 'max_wait_ms'],
  ['a format that does not exist', FETCH, query('format=avro'), 400, 400, 'format'],
  ['an answer that is not served', FETCH, { headers: { accept: 'text/html' } }, 406, 406, 'accept'],
];

function oversized(): Uint8Array {
  return encodeBatch([{ timestamp: 1_000, key: null, value: new Uint8Array(1_048_588), headers: [] }]);
}

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await api.wadi.topics.create({ name: 'orders' });
  await api.wadi.topics.create({ name: 'compacted', configs: { 'cleanup.policy': 'compact' } });
  await api.produce('orders', {
    key: { type: 'STRING', data: 'k' },
    value: { type: 'BINARY', data: base64('v') },
  });
  await api.produce('orders', {});
});

const cases = ROWS.map(([what, route, call, status, code, field]) => ({
  what,
  route,
  call,
  status,
  code,
  field,
}));

test.each(cases)('$what, $route', async ({ route, call, status, code, field }) => {
  const before = await api.fetch('orders', 0, 'format=binary');
  const answer = await api.send<Report>(route, call);
  expect({ status: answer.status, ...answer.json }).toMatchObject({
    status,
    error_code: code,
    message: expect.stringMatching(/\w+/),
    ...(field !== undefined && { field }),
  });
  await api.wadi.log.settled();
  expect(await api.fetch('orders', 0, 'format=binary')).toEqual(before);
});

test('an offset out of range is told with the range that there is', async () => {
  const answer = await api.send<Report>(FETCH, query('offset=7'));
  expect(answer.json.message).toMatch(/\b0\b.*\b1\b.*\b2\b/);
});
