import fc from 'fast-check';
import type { Operation } from '../../lib/rest/operation.ts';
import { anyBatches } from './batches.ts';
import { anyJsonText } from './json.ts';
import { allOperations, CLUSTER_ID, type HttpRequestParts, TOPICS } from './service.ts';

/** Requests for every operation there is: right in most places, so that the wrong one is reached. */

const mostly = <T>(usual: fc.Arbitrary<T>, hostile: fc.Arbitrary<T>, weight = 5): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: hostile });

// ---------------------------------------------------------------- paths

/** Path segments as they stand in the URL. */
const hostileSegment = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      '.',
      '..',
      '%2e%2e',
      '%2F',
      'a%2Fb',
      '%00',
      '%ff',
      '%',
      '%zz',
      '%C3%28',
      '%ED%A0%80',
      '%F0%9F%8C%8A',
    ],
    ...[
      '-',
      '-1',
      '00',
      '1e3',
      '+1',
      '0x0',
      '4294967296',
      '9007199254740993',
      'NaN',
      '1.0',
      ' ',
      '%20',
      'é',
      '🌊',
    ],
    ...[
      '__proto__',
      'constructor',
      'toString',
      'records',
      'configs:alter',
      'a:b',
      '{topic_name}',
      '$default',
      '*',
    ],
    ...[
      'a'.repeat(250),
      'a'.repeat(15_000),
      '%41'.repeat(3_000),
      "'",
      '"',
      '<script>',
      '%0d%0a',
      ';a=b',
      '%25',
    ],
  ),
  fc.string({ unit: 'binary' }).map(encodeURIComponentLoosely),
  fc.string(),
);

/** `encodeURIComponent`, which refuses lone surrogates. */
function encodeURIComponentLoosely(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

const PARAMS: Readonly<Record<string, readonly string[]>> = {
  cluster_id: [CLUSTER_ID],
  topic_name: [...TOPICS, ...TOPICS, 'missing'],
  partition_id: ['0', '0', '0', '1'],
  broker_id: ['1'],
  name: ['retention.ms', 'num.partitions', 'cleanup.policy', 'x'],
};

function anyPath(path: string): fc.Arbitrary<string> {
  const parts = path.split(/\{(\w+)\}/);
  const segments = parts.map((part, i) =>
    i % 2 === 0 ? fc.constant(part) : mostly(fc.constantFrom(...(PARAMS[part] ?? ['x'])), hostileSegment, 6),
  );
  return fc.tuple(...segments).map((segments) => segments.join(''));
}

/** What is no path of ours at all. */
const strayPath = fc
  .tuple(
    fc.constantFrom('/', '/v3/', '/v3/clusters/', '/topics/', '//'),
    fc.array(hostileSegment, { maxLength: 5 }),
  )
  .map(([root, segments]) => root + segments.join('/'));

// ---------------------------------------------------------------- queries

const QUERY_VALUES = [
  ...[
    '',
    '0',
    '1',
    '-1',
    '2',
    '10',
    '500',
    '20000',
    '20001',
    '4194304',
    '4194305',
    '2147483648',
    '1e3',
    'NaN',
    'Infinity',
  ],
  ...[
    '9223372036854775807',
    '9223372036854775808',
    '9'.repeat(400),
    '00',
    '+1',
    ' 1',
    '1.5',
    '0x10',
    'true',
    'false',
  ],
  ...[
    'earliest',
    'latest',
    'all',
    'auto',
    'json',
    'string',
    'binary',
    'orders:0',
    ':0',
    'a:9999999999',
    '::',
    'null',
  ],
  ...[
    '2026-05-04T10:00:00.000Z',
    '2026-02-30T10:00:00Z',
    '0000-01-01T00:00:00Z',
    '999999999999999',
    'a'.repeat(9_000),
  ],
  ...['%00', '%', '%ff', '%E2%82', '+', '%2B1', '__proto__', '[]', '[0]', '&', '=', '#'],
];

/** Named as the operation's own parameters, or not. */
function anyQuery({ query }: Operation): fc.Arbitrary<string> {
  const names = [...Object.keys(query?.properties ?? {}), 'acks', 'x', '', '__proto__', 'offset[]'];
  const pair = fc
    .tuple(fc.constantFrom(...names), fc.oneof(fc.constantFrom(...QUERY_VALUES), fc.string()))
    .map(([name, value]) => `${name}=${value}`);
  return mostly(
    fc.oneof(
      fc.constant(''),
      fc.array(pair, { maxLength: 3 }).map((pairs) => pairs.join('&')),
    ),
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      pair.map((pair) => Array(500).fill(pair).join('&')),
    ),
    8,
  );
}

// ---------------------------------------------------------------- headers

const ACCEPTS = [
  ...[
    '*/*',
    'application/json',
    'application/*',
    'application/vnd.wadi.recordbatch',
    'text/html',
    'text/html, */*;q=0.1',
  ],
  ...[
    'application/vnd.kafka.v2+json',
    'application/json;q=0',
    ';',
    ',,,',
    '*',
    'a/b/c',
    'application/json;q=NaN',
    '/',
  ],
  ...[
    '"',
    'application/json; a="b;c,d"',
    'x/y,'.repeat(2_000),
    'application/json;'.repeat(500),
    ' ',
    '__proto__/x',
  ],
];
const TYPES = [
  ...[
    'application/json',
    'application/vnd.kafka.v2+json',
    'application/vnd.wadi.recordbatch',
    'text/plain',
    '',
    ';',
  ],
  ...[
    'application/vnd.kafka.json.v2+json',
    'application/octet-stream',
    'application/json;charset=utf-16',
    '__proto__',
  ],
  ...[
    'APPLICATION/JSON ; charset="UTF-8"',
    'application/json; charset=',
    `application/json;${' '.repeat(5_000)}x`,
  ],
  ...[
    'multipart/form-data; boundary=x',
    'constructor',
    'application/json, application/json',
    `a/b${';'.repeat(5_000)}`,
  ],
];

type Headers = Readonly<Record<string, string | undefined>>;

const hardlyEver = (...values: string[]) => mostly(fc.constant(undefined), fc.constantFrom(...values), 20);

function anyHeaders({ answers }: Operation): fc.Arbitrary<Headers> {
  const offered = Object.values(answers).flatMap((answer) => (answer === 'empty' ? [] : Object.keys(answer)));
  return fc.record({
    accept: mostly<string | undefined>(
      fc.constantFrom(undefined, undefined, '*/*', ...offered),
      fc.oneof(fc.constantFrom(...ACCEPTS), fc.string()),
      8,
    ),
    'content-encoding': hardlyEver('identity', 'gzip', 'br', '', 'GZIP, gzip', 'x'),
    'content-length': hardlyEver('0', '-1', '99999999999', 'NaN', ''),
    'x-forwarded-for': hardlyEver('', '127.0.0.1', 'x'.repeat(5_000)),
  });
}

// ---------------------------------------------------------------- bodies

interface Content {
  readonly type: string | undefined;
  readonly body: Uint8Array;
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** A body of a type that the operation takes, or one of the two wrong. */
function anyContent({ accepts = {} }: Operation): fc.Arbitrary<Content> {
  const usual = Object.entries(accepts).map(([type, schema]) => {
    const body = schema === 'binary' ? anyBatches : anyJsonText(schema).map(bytesOf);
    return fc.record<Content>({ type: mostly<string | undefined>(fc.constant(type), anyType, 30), body });
  });
  const unusual = fc.record<Content>({
    type: anyType,
    body: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(bytesOf), anyBatches),
  });
  return usual.length === 0
    ? mostly(fc.constant<Content>({ type: undefined, body: new Uint8Array(0) }), unusual, 10)
    : mostly(fc.oneof(...usual), unusual, 10);
}

const anyType = fc.constantFrom(...TYPES, undefined);

// ---------------------------------------------------------------- requests

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'CONNECT', 'get', 'X'];

function requestFor(operation: Operation): fc.Arbitrary<HttpRequestParts> {
  return fc
    .record({
      method: mostly(fc.constant<string>(operation.method), fc.constantFrom(...METHODS), 20),
      path: mostly(anyPath(operation.path), strayPath, 30),
      query: anyQuery(operation),
      headers: anyHeaders(operation),
      content: anyContent(operation),
    })
    .map(({ headers, content: { type, body }, ...request }) => ({
      ...request,
      headers: withoutUndefined({ ...headers, 'content-type': type }),
      body,
    }));
}

function withoutUndefined(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** For any of the operations; those with more to go wrong more often. */
export const anyRequest: fc.Arbitrary<HttpRequestParts> = fc.oneof(
  ...allOperations.map((operation) => ({
    weight:
      1 +
      3 * Object.keys(operation.accepts ?? {}).length +
      Object.keys(operation.query?.properties ?? {}).length,
    arbitrary: requestFor(operation),
  })),
);
