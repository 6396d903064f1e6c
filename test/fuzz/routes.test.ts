import { encodeBatch } from '../../lib/record/encode.ts';
import { checkAnswer } from './answers.ts';
import { fuzzTests } from './budget.ts';
import { checkRequests, routeFuzzes } from './routeProperties.ts';
import { CLUSTER_ID, type HttpRequestParts, LONG_TOPIC, type Service, startService } from './service.ts';

fuzzTests(routeFuzzes, 1_500);

const TOPIC = `/v3/clusters/${CLUSTER_ID}/topics/${LONG_TOPIC}`;
const RECORDS = `${TOPIC}/partitions/0/records`;
const RAW = 'application/vnd.wadi.recordbatch';

const post = (path: string, body: string | Uint8Array, type = 'application/json'): HttpRequestParts => ({
  method: 'POST',
  path,
  query: '',
  headers: { 'content-type': type },
  body: Buffer.from(body),
});

const get = (path: string, query: string, headers = {}): HttpRequestParts => ({
  method: 'GET',
  path,
  query,
  headers,
  body: new Uint8Array(0),
});

/** Requests that failed once, and what was wrong. */
test.each([
  [
    'a type nested too deeply to be a text is refused',
    post(`${TOPIC}/records`, `{"value":{"type":${'['.repeat(30_000)}${']'.repeat(30_000)},"data":1}}`),
  ],
  [
    'a type that cannot be a text is refused',
    post(`${TOPIC}/records`, '{"value":{"type":{"toString":1,"valueOf":1},"data":1}}'),
  ],
])('%s', (_, request) => checkRequests([{ request }]));

describe('an answer that Lambda would not take', () => {
  let service: Service;
  beforeEach(async () => {
    service = await startService();
  });

  /** The status and what the client reads, of an answer that Lambda takes. */
  async function send(request: HttpRequestParts) {
    const event = service.event(request);
    const answer = await service.call(event);
    checkAnswer(answer, service.operationOf(event));
    const { statusCode: status, isBase64Encoded = false } = answer;
    const body = Buffer.from(String(answer.body), isBase64Encoded ? 'base64' : 'utf8');
    return { status, body, isBase64Encoded };
  }

  test('for its escapes is given as base64', async () => {
    const record = JSON.stringify({ value: { type: 'STRING', data: '"'.repeat(1_000) } });
    await send(post(RECORDS, record.repeat(1_600)));
    const { status, body, isBase64Encoded } = await send(get(RECORDS, 'max_records=10000&max_bytes=4194304'));
    expect([status, isBase64Encoded]).toEqual([200, true]);
    expect(JSON.parse(body.toString()).records).toHaveLength(1_600);
  });

  test('for one record is refused, and the record given as a batch', async () => {
    const value = Buffer.alloc(8_000_000);
    const batch = encodeBatch([{ timestamp: 1_790_000_000_000, key: null, value, headers: [] }], {
      codec: 'gzip',
    });
    expect((await send(post(RECORDS, batch, RAW))).status).toBe(200);
    const { status, body } = await send(get(RECORDS, ''));
    expect([status, JSON.parse(body.toString())]).toMatchObject([413, { field: 'offset' }]);
    expect((await send(get(RECORDS, '', { accept: RAW }))).body).toEqual(Buffer.from(batch));
  });

  test('for the ids of its entries is refused before anything is produced', async () => {
    const ids = Array.from({ length: 10_000 }, (_, i) => '"'.repeat(75) + String(i).padStart(5, '0'));
    const request = post(`${TOPIC}/records:batch`, JSON.stringify({ entries: ids.map((id) => ({ id })) }));
    const before = await service.state();
    const { status, body } = await send(request);
    expect([status, JSON.parse(body.toString()).field]).toEqual([422, 'entries']);
    expect(await service.state()).toEqual(before);
  });

  test('for what it repeats of a request repeats less', async () => {
    const unknown = JSON.stringify({ ['"'.repeat(2_000_000)]: 1 });
    const entries = Array.from({ length: 10_000 }, (_, i) => `{"id":"${i}","${'\\u0001'.repeat(60)}":1}`);
    const { status, body } = await send(post(`/v3/clusters/${CLUSTER_ID}/topics`, unknown));
    expect([status, body.length < 10_000]).toEqual([400, true]);
    expect((await send(post(`${TOPIC}/records:batch`, `{"entries":[${entries}]}`))).status).toBe(207);
  });
});
