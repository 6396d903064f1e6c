import assert from 'node:assert/strict';
import type { Context } from 'aws-lambda';
import type { CreateHandler, HttpEvent, HttpHandler, HttpResult } from '../../functions/handler.ts';
import { forLambda } from '../../functions/lambda.ts';
import { HTTP_FUNCTIONS } from '../../functions/manifest.ts';
import { WadiError } from '../../lib/errors.ts';
import { createRoutes } from '../../lib/local/routes.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import type { RecordInput } from '../../lib/record/record.ts';
import { validateBatches } from '../../lib/record/validate.ts';
import { routeKey } from '../../lib/rest/dispatch.ts';
import type { Operation } from '../../lib/rest/operation.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { limits } from '../record/support.ts';
import { testClock } from '../support/log.ts';
import { counting, runApplication } from '../support/streams.ts';

/** The deployed functions over fresh storage, called as API Gateway calls them. */
export interface Service {
  /** The event that API Gateway would make of a request. */
  event(request: HttpRequestParts): HttpEvent;
  call(event: HttpEvent): Promise<HttpResult>;
  /** Of the event's route: `undefined` where none takes it. */
  operationOf(event: HttpEvent): Operation | undefined;
  /** Everything that a refused request must leave as it was. */
  state(): Promise<unknown>;
}

export interface HttpRequestParts {
  readonly method: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export const CLUSTER_ID = 'fuzz-cluster-00000000A';
/** As long as a name may be. */
export const LONG_TOPIC = 'long'.padEnd(249, '.');
export const TOPICS: readonly string[] = ['orders', 'compacted', 'stamped'];

/** An instance with a partition of its own. */
const READER = { groupId: 'readers', name: 'one' };

interface FunctionModule {
  readonly createHandler: CreateHandler;
  readonly operations: readonly Operation[];
}

const modules = await Promise.all(
  HTTP_FUNCTIONS.map(async ({ entry, routes }) => {
    const module: FunctionModule = await import(`../../functions/${entry}`);
    return { ...module, routes };
  }),
);

/** Every operation that the manifest deploys. */
export const allOperations: readonly Operation[] = modules.flatMap(({ operations }) => operations);

const operations = new Map(allOperations.map((operation) => [routeKey(operation), operation]));
const findRoute = createRoutes(
  new Map(modules.flatMap((module) => module.routes.map((route) => [route, module] as const))),
);

/** What most requests are about; `stamped` has LogAppendTime. */
export async function fill(wadi: Wadi): Promise<void> {
  const { topics, log, groups } = wadi;
  await topics.create({ name: 'canary' });
  await topics.create({ name: 'orders', partitions: 2 });
  await topics.create({ name: 'compacted', configs: { 'cleanup.policy': 'compact' } });
  await topics.create({ name: 'stamped', configs: { 'message.timestamp.type': 'LogAppendTime' } });
  await topics.create({ name: LONG_TOPIC, configs: { 'max.message.bytes': String(4 * 1024 * 1024) } });
  const batches = validateBatches(encodeBatch(RECORDS), limits);
  await log.append(await topics.describe('orders'), [{ partition: 0, batches }]);
  const config = { autoOffsetReset: 'earliest', enableAutoCommit: false } as const;
  const subscriber = await groups.create(READER.groupId, { ...config, format: 'json' }, 'two');
  await groups.subscribe(subscriber, { topics: ['orders'] });
  await groups.create(READER.groupId, config, READER.name);
  await groups.assign(READER, [{ topic: 'orders', partition: 0 }]);
  await groups.heartbeat(READER);
  const word = { timestamp: 0, key: null, value: bytes('one'), headers: [] };
  const words = validateBatches(encodeBatch([word]), limits);
  await log.append(await topics.describe('stamped'), [{ partition: 0, batches: words }]);
  await runApplication(wadi, counting('counter', 'stamped'));
}

const bytes = (text: string) => Buffer.from(text);

const RECORDS: readonly RecordInput[] = [
  { timestamp: 0, key: null, value: null, headers: [] },
  { timestamp: -1, key: bytes('k'), value: bytes('{"a":1}'), headers: [{ key: '', value: null }] },
  { timestamp: 8_640_000_000_000_001, key: Buffer.of(0xff), value: bytes('[1e999]'), headers: [] },
  { timestamp: -5, key: bytes('"\\ud800"'), value: bytes('"'.repeat(100)), headers: [] },
];

/** Its time passes only when somebody waits, so a long poll is over at once. */
export async function startService(storage: Storage = memoryStorage()): Promise<Service> {
  const clock = testClock(1_790_000_000_000);
  const wadi = await createWadi({ storage, clock, clusterId: CLUSTER_ID });
  await fill(wadi);
  const handlers = new Map<FunctionModule, HttpHandler>(
    modules.map((module) => [module, forLambda(module.createHandler, wadi)]),
  );

  return {
    event({ method, path, query, headers, body }) {
      const { routeKey, params } = findRoute(method, path);
      return {
        routeKey,
        rawPath: path,
        rawQueryString: query,
        headers: { ...headers },
        pathParameters: params,
        body: Buffer.from(body).toString('base64'),
        isBase64Encoded: true,
        requestContext: {
          domainName: 'abc.execute-api.eu-west-1.amazonaws.com',
          http: { method, sourceIp: '192.0.2.1' },
        },
      };
    },
    call: (event) => handlerOf(event)(event, {} as Context),
    operationOf: ({ routeKey }) => operations.get(routeKey),
    state: () => stateOf(wadi),
  };

  /** A route that no function has is not called in the cloud; here it is one more input for `$default`'s. */
  function handlerOf({ routeKey }: HttpEvent): HttpHandler {
    const module = modules.find(({ routes }) => routes.includes(routeKey)) ?? modules.at(-1)!;
    return handlers.get(module)!;
  }
}

/** Topics, their configs, where their partitions end; groups, where an instance reads, and what is committed. */
export async function stateOf({ topics, log, groups }: Wadi): Promise<unknown> {
  const all = await topics.list();
  const bounds = all.map(async (topic) => {
    const partitions = Array.from({ length: Math.min(topic.partitions, 4) }, (_, i) => i);
    return { topic, bounds: await Promise.all(partitions.map((i) => log.bounds(topic, i))) };
  });
  const name = [{ topic: 'orders', partition: 0 }];
  return {
    topics: await Promise.all(bounds),
    groups: (await groups.list()).map(({ groupId }) => groupId),
    reader: await orName(groups.describeMember(READER)),
    committed: await orName(groups.committed(READER.groupId, name)),
  };
}

/** What is not there tells by which error. */
const orName = <T>(found: Promise<T>): Promise<T | string> =>
  found.catch((error: unknown) => (error instanceof WadiError ? error.kafka : Promise.reject(error)));

const LAST_WORD = 'after all of this';

/** The service still takes a record and gives it back. `send` resolves to the parsed answer of a 200. */
export async function roundTrip(
  send: (request: HttpRequestParts) => Promise<unknown>,
  clusterId: string,
): Promise<void> {
  const records = `/v3/clusters/${clusterId}/topics/canary/partitions/0/records`;
  const body = Buffer.from(JSON.stringify({ value: { type: 'STRING', data: LAST_WORD } }));
  const headers = { 'content-type': 'application/json' };
  const produced = await send({ method: 'POST', path: records, query: '', headers, body });
  const { offset } = produced as { offset: number };
  const query = `offset=${offset}`;
  const fetched = await send({ method: 'GET', path: records, query, headers: {}, body: new Uint8Array(0) });
  const values = (fetched as { records: { offset: number; value: { data: string } }[] }).records;
  assert.deepEqual(
    values.map(({ offset, value }) => [offset, value.data]),
    [[offset, LAST_WORD]],
  );
}
