import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { allOperations } from '../../functions/cluster.ts';
import { HTTP_FUNCTIONS } from '../../functions/manifest.ts';
import { DEFAULT_ROUTE } from '../../lib/local/routes.ts';
import { routeKey } from '../../lib/rest/dispatch.ts';
import { openapi } from '../../lib/rest/openapi.ts';
import type { Operation } from '../../lib/rest/operation.ts';
import { VERSION } from '../../lib/version.ts';
import { counting, runApplication } from '../support/streams.ts';
import { type Api, startApi } from './support.ts';

interface Document {
  paths: Record<string, Record<string, { operationId: string; parameters: { name: string; in: string }[] }>>;
}

let api: Api;
let runId: string;
let memberId: string;
beforeAll(async () => {
  api = await startApi();
  await api.call('POST /v3/-/topics', { body: { topic_name: 'orders', partitions_count: 2 } });
  const run = await api.call<{ run_id: string }>('POST /v3/-/maintenance/run', { body: {} });
  runId = run.json.run_id;
  const instance = '/consumers/readers/instances/one';
  const partition = { topic: 'orders', partition: 1 };
  await api.call('POST /consumers/readers', { body: { name: 'one', 'consumer.request.timeout.ms': 0 } });
  await api.call(`POST ${instance}/assignments`, { body: { partitions: [partition] } });
  await api.call(`POST ${instance}/offsets`, { body: { offsets: [{ ...partition, offset: 0 }] } });
  const heartbeat = await api.call<{ member_id: string }>(`POST ${instance}/heartbeat`);
  memberId = heartbeat.json.member_id;
  await api.call('POST /v3/-/topics/orders/records', {
    body: { partition_id: 1, value: { type: 'STRING', data: 'a' } },
  });
  await runApplication(api.cluster.wadi, counting('counter', 'orders'));
});
afterAll(() => api.cluster.close());

test.each(HTTP_FUNCTIONS)(
  'the manifest names exactly the routes that $name serves',
  async ({ entry, routes }) => {
    const { operations }: { operations: Operation[] } = await import(`../../functions/${entry}`);
    const served = operations.map(routeKey);
    expect(routes.filter((route) => route !== DEFAULT_ROUTE).toSorted()).toEqual(served.toSorted());
  },
);

test('no route and no operation id is there twice', () => {
  const routes = HTTP_FUNCTIONS.flatMap((spec) => spec.routes);
  expect(new Set(routes).size).toBe(routes.length);
  const ids = allOperations.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('openapi.json is a valid OpenAPI 3.1 document', async () => {
  const { json } = await api.call<Record<string, unknown>>('GET /openapi.json');
  const { valid, errors } = await new Validator().validate(json);
  expect({ valid, errors }).toMatchObject({ valid: true });
});

test('openapi.json describes every route that is served and no other', async () => {
  const { json } = await api.call<Document>('GET /openapi.json');
  const described = Object.entries(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = HTTP_FUNCTIONS.flatMap(({ routes }) => routes).filter((route) => route !== DEFAULT_ROUTE);
  expect(described.toSorted()).toEqual(served.toSorted());
});

test('every parameter of a path is described', async () => {
  const { json } = await api.call<Document>('GET /openapi.json');
  for (const [path, methods] of Object.entries(json.paths)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    for (const { parameters } of Object.values(methods)) {
      const described = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect({ path, described: described.toSorted() }).toEqual({ path, described: named.toSorted() });
    }
  }
});

test('schemas that share a title are the same schema', () => {
  const titled = new Map<string, string>();
  const visit = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    if ('title' in schema && typeof schema.title === 'string') {
      const text = JSON.stringify(schema);
      expect([schema.title, titled.get(schema.title) ?? text]).toEqual([schema.title, text]);
      titled.set(schema.title, text);
    }
    Object.values(schema).forEach(visit);
  };
  for (const { accepts, answers } of allOperations) visit([accepts, answers]);
  expect(titled.size).toBeGreaterThan(10);
});

test('a description is made of the operations alone', () => {
  expect(Object.keys((openapi([]) as unknown as Document).paths)).toEqual([]);
});

/** A cluster of one region has no region to get: see regions.test.ts. */
const GETS = allOperations.filter(({ id, method }) => method === 'GET' && id !== 'getRegion').map(routeKey);

// The shapes are checked by `call`: this is about every route being there, over HTTP.
test.each(GETS)('%s answers 200', async (route) => {
  const path = route
    .replace('/v3/clusters/{cluster_id}', '/v3/-')
    .replace('{topic_name}', 'orders')
    .replace('{partition_id}', '1')
    .replace('{broker_id}/configs/{name}', '1/configs/num.partitions')
    .replace('{broker_id}', '1')
    .replace('{run_id}', runId)
    .replace('{group_name}', 'readers')
    .replace('{instance}', 'one')
    .replace('{consumer_group_id}', 'readers')
    .replace('{consumer_id}', memberId)
    .replace('{application_id}', 'counter')
    .replace('{task_id}', '0_1')
    .replace('{store_name}', 'counts')
    .replace('{key}', 'a')
    .replace('{name}', 'retention.ms');
  const { status } = await api.call(path);
  expect(status).toBe(200);
});

test('the version is that of the package', () => {
  const { version } = JSON.parse(readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8'));
  expect(VERSION).toBe(version);
});
