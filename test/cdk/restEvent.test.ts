import type { Context } from 'aws-lambda';
import { restDefinition } from '../../cdk/restDefinition.ts';
import type { CreateHandler, HttpEvent, HttpHandler, HttpResult } from '../../functions/handler.ts';
import { httpEvent, type RestEvent } from '../../functions/lambda/restEvent.ts';
import { forLambda } from '../../functions/lambda.ts';
import { HTTP_FUNCTIONS } from '../../functions/manifest.ts';
import { createRoutes, DEFAULT_ROUTE } from '../../lib/local/routes.ts';
import { principalOf } from '../../lib/rest/principal.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { createWadi } from '../../lib/wadi.ts';
import { CLUSTER_ID, fill } from '../fuzz/service.ts';
import { batch, testClock } from '../support/log.ts';

/** Whether the functions answer a private API, a REST API, as they answer an HTTP API. */

interface Sent {
  readonly method: string;
  /** As it stands in the URL. */
  readonly path: string;
  readonly query?: string;
  /** Each with its values. */
  readonly headers?: Readonly<Record<string, string[]>>;
  readonly body?: string | Uint8Array;
}

const DOMAIN = 'abc-vpce-1.execute-api.eu-west-1.amazonaws.com';
const USER = 'arn:aws:sts::123456789012:assumed-role/Reader/session';

const createHandlers = new Map<string, CreateHandler>(
  await Promise.all(
    HTTP_FUNCTIONS.map(async ({ name, entry }) => {
      const { createHandler } = await import(`../../functions/${entry}`);
      return [name, createHandler] as const;
    }),
  ),
);

// ---------------------------------------------------------------- as an HTTP API has it

const findHttpRoute = createRoutes(
  new Map(HTTP_FUNCTIONS.flatMap(({ name, routes }) => routes.map((route) => [route, name] as const))),
);

/** What is called, and with what event. */
function asHttpApi({ method, path, query = '', headers = {}, body }: Sent): [string, HttpEvent] {
  const { routeKey, params, target } = findHttpRoute(method, path);
  return [
    target,
    {
      routeKey,
      rawPath: path,
      rawQueryString: query,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, values]) => [name.toLowerCase(), values.join()]),
      ),
      pathParameters: params,
      isBase64Encoded: false,
      ...(body !== undefined && { body: String(body) }),
      requestContext: {
        domainName: DOMAIN,
        http: { method, sourceIp: '192.0.2.1' },
        authorizer: { iam: { userArn: USER } },
      },
    },
  ];
}

// ---------------------------------------------------------------- as a REST API has it

type Methods = Record<string, { 'x-amazon-apigateway-integration': { uri: string } }>;
const { paths } = restDefinition({
  title: 'wadi',
  authorizationType: 'AWS_IAM',
  uriOf: (functionName) => functionName,
}) as { paths: Record<string, Methods> };

const ANY = 'x-amazon-apigateway-any-method';
const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];
const resources = Object.entries(paths).flatMap(([resource, methods]) =>
  METHODS.map((method) => {
    const { uri } = (methods[method.toLowerCase()] ?? methods[ANY]!)['x-amazon-apigateway-integration'];
    const route = resource === '/{proxy+}' ? DEFAULT_ROUTE : `${method} ${resource}`;
    return [route, { resource, name: uri }] as const;
  }),
);
const findResource = createRoutes(new Map(resources));

function restEvent({ method, path, query = '', headers = {}, body }: Sent): [string, RestEvent] {
  const { resource, name } = findResource(method, path).target;
  const search = new URLSearchParams(query);
  const names = [...new Set(search.keys())];
  return [
    name,
    {
      resource,
      path,
      httpMethod: method,
      multiValueHeaders: { ...headers },
      multiValueQueryStringParameters:
        names.length === 0 ? null : Object.fromEntries(names.map((each) => [each, search.getAll(each)])),
      // All types are binary.
      body: body === undefined ? null : Buffer.from(body).toString('base64'),
      isBase64Encoded: body !== undefined,
      requestContext: {
        domainName: DOMAIN,
        stage: 'wadi',
        path: `/wadi${path}`,
        identity: { sourceIp: '192.0.2.1', userArn: USER },
      },
    },
  ];
}

function asRestApi(sent: Sent): [string, HttpEvent] {
  const [name, event] = restEvent(sent);
  return [name, httpEvent(event, createHandlers.get(name)!.routes)];
}

// ---------------------------------------------------------------- both

/** The functions over a cluster of their own, each like the other. */
async function open(): Promise<(called: [string, HttpEvent]) => Promise<HttpResult>> {
  const clock = testClock(1_790_000_000_000);
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: CLUSTER_ID });
  await fill(wadi);
  const handlers = new Map<string, HttpHandler>(
    [...createHandlers].map(([name, createHandler]) => [name, forLambda(createHandler, wadi)]),
  );
  return ([name, event]) => handlers.get(name)!(event, {} as Context);
}

/** Both answers; where links begin is what differs, and ids that are made up, by which lists are ordered. */
async function answers(sent: Sent, http: Awaited<ReturnType<typeof open>>, rest: typeof http) {
  const text = async (answer: Promise<HttpResult>) => JSON.stringify(await answer).replace(MADE_UP, 'id');
  return {
    http: await text(http(asHttpApi(sent))),
    rest: (await text(rest(asRestApi(sent)))).replaceAll(`${DOMAIN}/wadi`, DOMAIN),
  };
}

/** One may begin or end with a `-`, and stand behind a time. */
const MADE_UP = /(?<=[^\w-]|\b\d{15}-)[\w-]{22}(?![\w-])/g;

const PARAMS: Readonly<Record<string, string>> = {
  ...{ cluster_id: CLUSTER_ID, topic_name: 'orders', partition_id: '0', broker_id: '1' },
  ...{ group_name: 'readers', instance: 'one', consumer_group_id: 'readers', consumer_id: 'one' },
  ...{ name: 'retention.ms', run_id: 'none', application_id: 'counter', task_id: '0_0' },
  ...{ store_name: 'counts', key: 'one' },
};
const BODIES: Readonly<Record<string, unknown>> = {
  records: { partition_id: 0, value: { type: 'STRING', data: 'a' } },
  'configs:alter': { data: [{ name: 'retention.ms', value: '60000' }] },
  '{name}': { value: '60000' },
  offsets: { offsets: [{ topic: 'orders', partition: 0, offset: 1 }] },
  assignments: { partitions: [{ topic: 'orders', partition: 0 }] },
  topics: { topic_name: 'new', partitions_count: 1 },
};
const ROUTES = HTTP_FUNCTIONS.flatMap(({ routes }) => routes)
  .filter((route) => route !== '$default')
  // What is deleted would be missing for the others.
  .sort((a, b) => Number(a.startsWith('DELETE')) - Number(b.startsWith('DELETE')));

function sentTo(route: string): Sent {
  const [method, template] = route.split(' ') as [string, string];
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => PARAMS[name]!);
  const body = ['POST', 'PUT', 'PATCH'].includes(method)
    ? JSON.stringify(BODIES[template.split('/').at(-1)!] ?? {})
    : undefined;
  const type = template.startsWith('/v3') ? 'application/json' : 'application/vnd.kafka.v2+json';
  return { method, path, ...(body !== undefined && { body, headers: { 'Content-Type': [type] } }) };
}

const sorted = (answer: string) => answer.split(/[,[\]]/).sort();

test('every route is answered as by an HTTP API, one after the other', async () => {
  const [http, rest] = [await open(), await open()];
  let good = 0;
  for (const route of ROUTES) {
    const { http: expected, rest: answered } = await answers(sentTo(route), http, rest);
    expect([route, sorted(answered)]).toEqual([route, sorted(expected)]);
    if (JSON.parse(expected).statusCode < 300) good++;
  }
  expect(good).toBeGreaterThan(ROUTES.length / 2);
});

test.each<Sent>([
  { method: 'PUT', path: '/topics' },
  { method: 'OPTIONS', path: '/topics/orders' },
  { method: 'HEAD', path: '/health' },
  { method: 'GET', path: '/consumers' },
  { method: 'GET', path: '/' },
  { method: 'DELETE', path: '/' },
  { method: 'GET', path: '/nowhere/at%20all' },
  { method: 'GET', path: '/v3/clusters/other/topics' },
  { method: 'GET', path: `/v3/clusters/${CLUSTER_ID}/topics/a%2Fb` },
  { method: 'GET', path: `/v3/clusters/${CLUSTER_ID}/consumer-groups/a%2Fb%20c%25+d` },
  { method: 'GET', path: `/v3/clusters/${CLUSTER_ID}/topics/orders/partitions/0/records`, query: 'offset=2' },
  { method: 'GET', path: `/v3/clusters/${CLUSTER_ID}/acls`, query: 'principal=User%3Aa%26b%3D%2B+c&host=' },
])('$method $path is answered as by an HTTP API', async (sent) => {
  const { http, rest } = await answers(sent, await open(), await open());
  expect(rest).toBe(http);
});

test('records go in and out as the bytes that they are', async () => {
  const rest = await open();
  const path = `/v3/clusters/${CLUSTER_ID}/topics/orders/partitions/1/records`;
  const raw = ['application/vnd.wadi.recordbatch'];
  const { bytes } = batch(['\u{1f980}'], { timestamp: 1_790_000_000_000 });
  const sent = { method: 'POST', path, body: bytes, headers: { 'Content-Type': raw } };
  expect(await rest(asRestApi(sent))).toMatchObject({ statusCode: 200 });
  const fetched = await rest(asRestApi({ method: 'GET', path, headers: { Accept: raw } }));
  expect(fetched).toMatchObject({ statusCode: 200, isBase64Encoded: true });
  expect(Buffer.from(fetched.body as string, 'base64').subarray(HEADER)).toEqual(bytes.subarray(HEADER));
});

/** Of a batch: offset, length, epoch, magic. */
const HEADER = 17;

describe('the event', () => {
  const group = `/v3/clusters/${CLUSTER_ID}/consumer-groups`;

  test('has the parameters of the path decoded once, and the path as it was sent', () => {
    const path = `${group}/a%2Fb%20c%2520+d`;
    const [, { pathParameters, rawPath }] = asRestApi({ method: 'GET', path });
    expect(pathParameters).toEqual({ cluster_id: CLUSTER_ID, consumer_group_id: 'a/b c%20+d' });
    expect(rawPath).toBe(path);
  });

  test('is of no route if the path is not valid percent-encoded UTF-8', () => {
    const [, event] = restEvent({ method: 'GET', path: `${group}/x` });
    const { routes } = createHandlers.get('groups')!;
    expect(httpEvent(event, routes).routeKey).toBe(
      `GET /v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}`,
    );
    expect(httpEvent({ ...event, path: `${group}/%ff` }, routes).routeKey).toBe('$default');
  });

  test('names no route but those that are served, by which it is counted', () => {
    for (const path of ['/topics', '/consumers', '/nowhere/at/all']) {
      expect(asRestApi({ method: 'PATCH', path })).toMatchObject(['cluster', { routeKey: '$default' }]);
    }
  });

  test('has the query encoded again, with all values of a name', () => {
    const query = 'a=x%26y%3Dz&a=%2B+%C3%A9&b=&%26=1';
    const [, { rawQueryString }] = asRestApi({ method: 'GET', path: '/topics', query });
    expect([...new URLSearchParams(rawQueryString)]).toEqual([...new URLSearchParams(query)]);
    expect(asRestApi({ method: 'GET', path: '/topics' })[1].rawQueryString).toBe('');
  });

  test('has headers by lower-case names, with all values', () => {
    const headers = { Accept: ['a/b', 'c/d;q=0.5'], accept: ['e/f'], 'Wadi-Member-Id': ['me'] };
    expect(asRestApi({ method: 'GET', path: '/topics', headers })[1].headers).toEqual({
      accept: 'a/b,c/d;q=0.5,e/f',
      'wadi-member-id': 'me',
    });
  });

  test('tells the principal as that of an HTTP API does, and of an unsigned request that it is anyone', () => {
    const [name, event] = restEvent({ method: 'GET', path: '/topics' });
    const principal = (userArn: string | null) => {
      const requestContext = { ...event.requestContext, identity: { sourceIp: '192.0.2.1', userArn } };
      const { routes } = createHandlers.get(name)!;
      return principalOf(httpEvent({ ...event, requestContext }, routes).requestContext.authorizer);
    };
    expect(principal(USER)).toBe('User:arn:aws:iam::123456789012:role/Reader');
    expect(principal(null)).toBe('User:ANONYMOUS');
  });

  test.each([
    ['the stage', `/wadi/v3/clusters`, `https://${DOMAIN}/wadi/v3/clusters`],
    ['a domain of one’s own, which leads to it', '/v3/clusters', `https://${DOMAIN}/v3/clusters`],
  ])('has links begin with what the client asked for: %s', async (_, path, self) => {
    const [name, event] = restEvent({ method: 'GET', path: '/v3/clusters' });
    const requestContext = { ...event.requestContext, path };
    const { routes } = createHandlers.get(name)!;
    const { body } = await (await open())([name, httpEvent({ ...event, requestContext }, routes)]);
    expect(JSON.parse(body as string).metadata.self).toBe(self);
  });
});

describe('the definition', () => {
  const names = Object.keys(paths);

  test('is of fewer resources than a REST API may have, each below one that there is', () => {
    expect(names.length).toBeLessThan(300);
    for (const name of names) {
      const above = name.slice(0, name.lastIndexOf('/')) || '/';
      expect(names).toContain(above);
    }
  });

  test('has nothing that a REST API would not take: segments of other letters, two parameters side by side', () => {
    const parameters = new Map<string, string>();
    for (const name of names.filter((each) => each !== '/{proxy+}')) {
      for (const segment of name.split('/').slice(1).filter(Boolean)) {
        expect(segment).toMatch(/^([a-zA-Z0-9._:-]+|\{[a-zA-Z0-9_]+\})$/);
      }
      const [, above, parameter] = /^(.*)\/(\{\w+\})$/.exec(name) ?? [];
      if (parameter === undefined) continue;
      expect(parameters.get(above!) ?? parameter).toBe(parameter);
      parameters.set(above!, parameter);
    }
  });

  test('has no path that begins as that of a stage does', () => {
    for (const name of names) expect(name.split('/')[1]).not.toBe('wadi');
  });
});
