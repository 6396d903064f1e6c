import fc from 'fast-check';
import type { Operation } from '../../lib/rest/operation.ts';
import { anyBatches } from './batches.ts';
import { anyJsonText } from './json.ts';
import { allOperations, CLUSTER_ID, type HttpRequestParts, TOPICS } from './service.ts';
import { ACCEPTS, CONTENT_TYPES, QUERY_VALUES, SEGMENTS } from './words.ts';

/** Requests for every operation there is: right in most places, so that the wrong one is reached. */

const mostly = <T>(usual: fc.Arbitrary<T>, hostile: fc.Arbitrary<T>, weight = 5): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: hostile });

// ---------------------------------------------------------------- paths

/** As it stands in the URL. */
const hostileSegment = fc.oneof(
  fc.constantFrom(...SEGMENTS),
  fc.string({ unit: 'binary' }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.string(),
);

const PARAMS: Readonly<Record<string, readonly string[]>> = {
  cluster_id: [CLUSTER_ID],
  topic_name: [...TOPICS, ...TOPICS, 'missing'],
  partition_id: ['0', '0', '0', '1'],
  broker_id: ['1'],
  group_name: ['readers', 'readers', 'others'],
  instance: ['one', 'one', 'two', 'missing'],
  consumer_group_id: ['readers', 'readers', 'others'],
  application_id: ['counter', 'counter', 'others'],
  task_id: ['0_0', '1_0', '0_1'],
  store_name: ['counts', 'counts', 'missing'],
  key: ['one', 'one', 'missing'],
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

const anyType = fc.constantFrom(...CONTENT_TYPES, undefined);

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
      3 * new Set(Object.values(operation.accepts ?? {})).size +
      Object.keys(operation.query?.properties ?? {}).length,
    arbitrary: requestFor(operation),
  })),
);
