import fc from 'fast-check';
import { MAX_RECORDS } from '../../lib/rest/records/produce.ts';
import { MAX_BODY_BYTES } from '../../lib/rest/request.ts';
import { RAW_PIECES } from './pieces.ts';
import { CLUSTER_ID, type HttpRequestParts, LONG_TOPIC } from './service.ts';

/** Requests as large as they may be, made of what costs the most to read or to answer. */

const RECORDS = [
  '{}',
  '{"value":{"type":"STRING","data":"x"}}',
  '{"value":{"type":"JSON","data":{"a":[1,"b",null]}}}',
  '{"value":{"type":"BINARY","data":"not base64"}}',
  `{"value":{"type":"JSON","data":${'['.repeat(100)}${']'.repeat(100)}}}`,
  `{"value":{"type":"STRING","data":${JSON.stringify('"'.repeat(200))}}}`,
  `{"value":{"type":"STRING","data":${JSON.stringify('\u0001'.repeat(60))}}}`,
  `{"${'name'.repeat(100)}":1}`,
  `{"headers":[${Array(20).fill('{"name":"a"}')}]}`,
  '{"partition_id":7}',
  '{"timestamp":"never"}',
  '{"timestamp":"2001-01-01T00:00:00Z"}',
  '{"key":{"type":"AVRO","data":1}}',
];

const V2_RECORDS = [
  '{}',
  '{"value":"YQ=="}',
  '{"value":"not base64"}',
  '{"partition":7}',
  '{"timestamp":1}',
  `{"${'name'.repeat(100)}":1}`,
  `{"value":${JSON.stringify('"'.repeat(200))}}`,
];

/** Of which a client may make the ids of its entries. */
const ID_CHARACTERS = ['a', '\u{1f30a}', '語', '\u0001', '"'];

/** One record after the other, and none that would make the body too large. */
function repeated(record: (i: number) => string, separator: string): string {
  const records: string[] = [];
  for (let bytes = 100; records.length < MAX_RECORDS; ) {
    const next = record(records.length);
    bytes += Buffer.byteLength(next) + separator.length;
    if (bytes > MAX_BODY_BYTES) break;
    records.push(next);
  }
  return records.join(separator);
}

/** An id of 80 characters, each its own. */
function idOf(i: number, character: string): string {
  const number = String(i).padStart(5, '0');
  return JSON.stringify(character.repeat((80 - number.length) / character.length) + number);
}

function withId(record: string, id: string): string {
  return `{"id":${id}${record === '{}' ? '' : ','}${record.slice(1)}`;
}

const TOPIC = `/v3/clusters/${CLUSTER_ID}/topics/${LONG_TOPIC}`;
const JSON_TYPE = 'application/json';

const anyText: fc.Arbitrary<HttpRequestParts> = fc
  .oneof(
    fc.constantFrom(...RECORDS).map((record) => ({
      path: `${TOPIC}/records`,
      type: JSON_TYPE,
      body: repeated(() => record, ''),
    })),
    fc.tuple(fc.constantFrom(...RECORDS), fc.constantFrom(...ID_CHARACTERS)).map(([record, character]) => ({
      path: `${TOPIC}/records:batch`,
      type: JSON_TYPE,
      body: `{"entries":[${repeated((i) => withId(record, idOf(i, character)), ',')}]}`,
    })),
    fc
      .tuple(
        fc.constantFrom(...V2_RECORDS),
        fc.constantFrom('application/vnd.kafka.v2+json', 'application/vnd.kafka.json.v2+json'),
      )
      .map(([record, type]) => ({
        path: `/topics/${LONG_TOPIC}`,
        type,
        body: `{"records":[${repeated(() => record, ',')}]}`,
      })),
    // One value that fills the body.
    fc
      .tuple(fc.constantFrom('a', '"', '\u0001', '語', '\\'), fc.constantFrom('records', 'records:batch'))
      .map(([character, collection]) => {
        const written = JSON.stringify(character).slice(1, -1);
        const data = written.repeat(Math.floor((MAX_BODY_BYTES - 200) / Buffer.byteLength(written)));
        const record = `{"value":{"type":"STRING","data":"${data}"}}`;
        return {
          path: `${TOPIC}/${collection}`,
          type: JSON_TYPE,
          body: collection === 'records' ? record : `{"entries":[${withId(record, '"1"')}]}`,
        };
      }),
  )
  .map(({ path, type, body }) => ({
    method: 'POST',
    path,
    query: '',
    headers: { 'content-type': type },
    body: Buffer.from(body),
  }));

export const anyLarge: fc.Arbitrary<HttpRequestParts> = fc.oneof(
  { weight: 2, arbitrary: anyText },
  { weight: 1, arbitrary: fc.constantFrom(...RAW_PIECES).map(({ max, request }) => request(max)) },
);
