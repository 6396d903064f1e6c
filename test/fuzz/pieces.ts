import { compress } from '../../lib/record/compression.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { HEADER_BYTES } from '../../lib/record/header.ts';
import { withHeaderRoom } from '../../lib/record/plainBatch.ts';
import type { CompressionCodec, RecordInput } from '../../lib/record/record.ts';
import { MAX_BATCHES } from '../../lib/record/validate.ts';
import { RECORD_BATCH_TYPE } from '../../lib/rest/records/recordBatchType.ts';
import { codecs, forged } from '../record/support.ts';
import { CLUSTER_ID, type HttpRequestParts, LONG_TOPIC } from './service.ts';

/** Requests that are made of many pieces, as many as one likes up to a number. */
export interface Pieces {
  readonly name: string;
  readonly max: number;
  readonly request: (count: number) => HttpRequestParts;
}

const TOPIC = `/v3/clusters/${CLUSTER_ID}/topics/${LONG_TOPIC}`;
/** The partition that they are all produced to, if they are records at all. */
export const PARTITION_RECORDS = `${TOPIC}/partitions/0/records`;
const JSON_TYPE = 'application/json';
const V2_TYPE = 'application/vnd.kafka.v2+json';

// ---------------------------------------------------------------- record batches

const RECORD: RecordInput = { timestamp: 0, key: null, value: null, headers: [] };

const raw = (name: string, max: number, body: (count: number) => Uint8Array): Pieces => ({
  name,
  max,
  request: (count) => ({
    method: 'POST',
    path: PARTITION_RECORDS,
    query: '',
    headers: { 'content-type': RECORD_BATCH_TYPE },
    body: body(count),
  }),
});

const manyBatches = (codec: CompressionCodec) =>
  raw(`${codec} batches`, MAX_BATCHES, (count) =>
    Buffer.concat(Array<Uint8Array>(count).fill(encodeBatch([RECORD], { codec }))),
  );

/** Each continues the sequence of the one before. */
const producersBatches = raw('batches of a producer', MAX_BATCHES, (count) =>
  Buffer.concat(
    Array.from({ length: count }, (_, sequence) =>
      encodeBatch([RECORD], { producer: { id: 1n, epoch: 0, sequence } }),
    ),
  ),
);

const manyRecords = (codec: CompressionCodec) =>
  raw(`${codec} records`, 400_000, (count) => encodeBatch(Array<RecordInput>(count).fill(RECORD), { codec }));

const manyHeaders = raw('headers', 400_000, (count) =>
  encodeBatch([{ ...RECORD, headers: Array(count).fill({ key: '', value: null }) }]),
);

/** A batch that claims a record, of such bytes. */
const oneRecord = (payload: Uint8Array, codec: CompressionCodec = 'none') => {
  const batch = withHeaderRoom(compress(codec, payload));
  batch.set(encodeBatch([RECORD]).subarray(0, HEADER_BYTES));
  batch[22] = codecs.indexOf(codec);
  return forged(batch);
};
const endlessVarint = raw('bytes of a varint', 4_000_000, (count) => oneRecord(Buffer.alloc(count, 0xff)));
const endlessZipped = raw('zipped bytes of a varint', 30_000_000, (count) =>
  oneRecord(Buffer.alloc(count, 0x80), 'zstd'),
);

/** Headers of which each length takes five bytes, which two or one would have done. */
const paddedHeaders = raw('headers with long varints', 300_000, (count) => {
  const header = Buffer.from('80808080008180808000', 'hex');
  const fields = Buffer.concat([
    Buffer.from([0, 0, 0, 1, 1]),
    Buffer.from(varint32(count)),
    ...Array<Buffer>(count).fill(header),
  ]);
  return oneRecord(Buffer.concat([Buffer.from(varint32(fields.length)), fields]));
});

/** In five bytes, whatever the value, which is positive. */
function varint32(value: number): number[] {
  const zigzag = value * 2;
  return [0, 7, 14, 21, 28].map((shift) => ((zigzag >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
}

export const RAW_PIECES: readonly Pieces[] = [
  ...codecs.map(manyBatches),
  ...codecs.map(manyRecords),
  ...[producersBatches, manyHeaders, endlessVarint, endlessZipped, paddedHeaders],
];

// ---------------------------------------------------------------- text

const post = (name: string, max: number, path: string, type: string, body: (count: number) => string) => ({
  name,
  max,
  request: (count: number): HttpRequestParts => ({
    method: 'POST',
    path,
    query: '',
    headers: { 'content-type': type },
    body: Buffer.from(body(count)),
  }),
});

const get = (name: string, max: number, parts: (count: number) => Partial<HttpRequestParts>) => ({
  name,
  max,
  request: (count: number): HttpRequestParts => {
    const usual = { method: 'GET', path: PARTITION_RECORDS, query: '', headers: {}, body: new Uint8Array(0) };
    return { ...usual, ...parts(count) };
  },
});

const list = (count: number, one: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => one(i)).join(',');
const string = (data: string) => `{"value":{"type":"STRING","data":"${data}"}}`;
const json = (data: string) => `{"value":{"type":"JSON","data":${data}}}`;

export const TEXT_PIECES: readonly Pieces[] = [
  post('documents', 10_000, `${TOPIC}/records`, JSON_TYPE, (count) => string('x').repeat(count)),
  post('JSON documents', 10_000, `${TOPIC}/records`, JSON_TYPE, (count) => json('[1]').repeat(count)),
  post('refused documents', 10_000, `${TOPIC}/records`, JSON_TYPE, (count) => '{"x":1}'.repeat(count)),
  post('white space', 4_000_000, `${TOPIC}/records`, JSON_TYPE, (count) => `{}${' '.repeat(count)}{}`),
  post(
    'entries',
    10_000,
    `${TOPIC}/records:batch`,
    JSON_TYPE,
    (count) => `{"entries":[${list(count, (i) => `{"id":"${i}",${json('[1]').slice(1)}`)}]}`,
  ),
  post(
    'v2 records',
    10_000,
    `/topics/${LONG_TOPIC}`,
    V2_TYPE,
    (count) => `{"records":[${list(count, () => '{"value":"YQ=="}')}]}`,
  ),
  post('characters', 4_000_000, `${TOPIC}/records`, JSON_TYPE, (count) => string('a'.repeat(count))),
  post('escapes', 1_000_000, `${TOPIC}/records`, JSON_TYPE, (count) => string('\\"'.repeat(count))),
  post('elements', 1_000_000, `${TOPIC}/records`, JSON_TYPE, (count) => json(`[${list(count, () => '0')}]`)),
  post('members', 300_000, `${TOPIC}/records`, JSON_TYPE, (count) =>
    json(`{${list(count, (i) => `"${i}":0`)}}`),
  ),
  get('parameters', 8_000, (count) => ({ query: 'x=1&'.repeat(count) })),
  get('spaces of a parameter', 8_000, (count) => ({ query: `offset=${'%20'.repeat(count)}` })),
  get('digits', 8_000, (count) => ({ query: `offset=${'9'.repeat(count)}` })),
  get('media types', 2_500, (count) => ({ headers: { accept: 'x/y,'.repeat(count) } })),
  get('media type parameters', 5_000, (count) => ({ headers: { accept: `x/y${';a=b'.repeat(count)}` } })),
  get('segments', 5_000, (count) => ({ path: '/a'.repeat(count) })),
];
