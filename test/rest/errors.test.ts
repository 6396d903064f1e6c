import { FULL_ACCESS } from '../../lib/acl/access.ts';
import { KAFKA_ERRORS, type KafkaErrorName, WadiError } from '../../lib/errors.ts';
import { createDispatch } from '../../lib/rest/dispatch.ts';
import { type ErrorBody, type ErrorForm, errorResponse } from '../../lib/rest/errors.ts';
import type { HttpRequest, Operation } from '../../lib/rest/operation.ts';
import { StorageError } from '../../lib/storage/ports.ts';
import type { Wadi } from '../../lib/wadi.ts';

const { error: stderr } = console;
let logged: string[];
beforeEach(() => {
  logged = [];
  console.error = (line: string) => void logged.push(line);
});
afterEach(() => {
  console.error = stderr;
});

const NAMES = Object.keys(KAFKA_ERRORS) as KafkaErrorName[];
const FORMS: readonly ErrorForm[] = ['v3', 'v2'];

function answer(error: unknown, form: ErrorForm = 'v3') {
  const { status, headers, body } = errorResponse(error, form);
  return { status, headers: headers!, body: JSON.parse(body as string) as ErrorBody };
}

test.each(NAMES.flatMap((name) => FORMS.map((form) => [name, form] as const)))(
  '%s has an answer in %s, whose code begins with its status',
  (name, form) => {
    const { status, headers, body } = answer(new WadiError(name, 'Because.', { field: 'records[3]' }), form);
    const { code, retriable } = KAFKA_ERRORS[name];
    expect(body).toEqual({
      error_code: expect.any(Number),
      message: 'Because.',
      kafka_error_code: code,
      retriable,
      field: 'records[3]',
    });
    // 50003, retriable, is REST Proxy's own, older than its meaning of 503.
    const expected = body.error_code === 50003 ? 503 : Number(String(body.error_code).slice(0, 3));
    expect(status).toBe(expected);
    expect(headers['retry-after']).toBe(retriable ? '1' : undefined);
  },
);

test.each([
  ['UNKNOWN_TOPIC_OR_PARTITION', 404, 40403],
  ['OFFSET_OUT_OF_RANGE', 416, 41601],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', 409, 40901],
  ['MESSAGE_TOO_LARGE', 413, 413],
  ['TOPIC_ALREADY_EXISTS', 400, 40002],
  ['KAFKA_STORAGE_ERROR', 503, 50003],
  ['THROTTLING_QUOTA_EXCEEDED', 429, 42901],
] as const)('%s is %p with %p on v3', (name, status, code) => {
  expect(answer(new WadiError(name, 'Because.'))).toMatchObject({ status, body: { error_code: code } });
});

test('an unknown partition is told from an unknown topic on v2', () => {
  const partition = new WadiError('UNKNOWN_TOPIC_OR_PARTITION', 'No.', { field: 'partition_id' });
  expect(answer(partition, 'v2').body.error_code).toBe(40402);
  expect(answer(partition, 'v3').body.error_code).toBe(40403);
});

test.each(['no', 'unknown'] as const)('storage that failed (applied: %s) can be tried again', (applied) => {
  const { status, headers, body } = answer(
    new StorageError('secret table name', applied, new Error('socket')),
  );
  expect([status, headers['retry-after'], body.kafka_error_code, body.retriable]).toEqual([
    503,
    '1',
    56,
    true,
  ]);
  expect(JSON.stringify(body)).not.toMatch(/secret|socket/);
});

test.each([new TypeError('secret'), 'secret', null])('the text of %p stays here', (error) => {
  const { status, body } = answer(error);
  expect([status, body.error_code, body.message]).toEqual([500, 500, 'Internal Server Error']);
  expect(logged).toEqual([expect.not.stringContaining('\n')]);
  expect(JSON.parse(logged[0]!)).toMatchObject({
    level: 'error',
    message: String(error).replace('TypeError: ', ''),
  });
});

test("what makes a server error is logged and not told, and a refusal is the client's to log", () => {
  const { body } = answer(new WadiError('KAFKA_STORAGE_ERROR', 'Try again.', { cause: new Error('secret') }));
  expect(JSON.stringify(body)).not.toContain('secret');
  expect(JSON.parse(logged[0]!)).toMatchObject({
    message: 'Try again.',
    cause: { message: 'secret' },
  });
});

test('an operation that throws is answered in its own form', async () => {
  const failing: Operation = {
    id: 'health',
    method: 'GET',
    path: '/fail',
    summary: '',
    tag: '',
    answers: {},
    errors: [],
    form: 'v2',
    handle: async () => {
      throw new WadiError('OFFSET_OUT_OF_RANGE', 'No such offset.');
    },
  };
  const request: HttpRequest = {
    method: 'GET',
    path: '/fail',
    params: {},
    caller: { principal: 'User:ANONYMOUS', host: '192.0.2.1' },
    query: new URLSearchParams(),
    headers: {},
    body: new Uint8Array(),
    baseUrl: '',
  };
  const response = await createDispatch([failing])(
    { acls: { accessOf: async () => FULL_ACCESS } } as unknown as Wadi,
    'GET /fail',
    request,
  );
  expect([response.status, response.headers!['content-type']]).toEqual([
    416,
    'application/vnd.kafka.v2+json',
  ]);
});
