import type { Context } from 'aws-lambda';
import { createHandler as createCluster } from '../../functions/cluster.ts';
import { createHandler as createFetch } from '../../functions/fetch.ts';
import type { HttpEvent } from '../../functions/handler.ts';
import { forLambda } from '../../functions/lambda.ts';
import { createHandler as createProduce } from '../../functions/produce.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';

const RAW = 'application/vnd.wadi.recordbatch';
const RECORDS = '/v3/clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/records';
const context = {} as Context;

let wadi: Wadi;
beforeEach(async () => {
  wadi = await createWadi({ storage: memoryStorage() });
  await wadi.topics.create({ name: 'orders' });
});

/** As API Gateway sends it. */
function event(
  method: string,
  path: string,
  { query = '', ...more }: Partial<HttpEvent> & { query?: string } = {},
): HttpEvent {
  return {
    routeKey: `${method} ${path}`,
    rawPath: path,
    rawQueryString: query,
    headers: {},
    pathParameters: { cluster_id: wadi.clusterId, topic_name: 'orders', partition_id: '0' },
    isBase64Encoded: false,
    requestContext: {
      domainName: 'abc.execute-api.eu-west-1.amazonaws.com',
      http: { method, sourceIp: '192.0.2.1' },
    },
    ...more,
  };
}

const json = { 'content-type': 'application/json' };
const produceOne = (data: string) =>
  event('POST', '/v3/clusters/{cluster_id}/topics/{topic_name}/records', {
    headers: json,
    body: JSON.stringify({ value: { type: 'STRING', data } }),
  });

test('text goes in and out as text', async () => {
  const produced = await forLambda(createProduce, wadi)(produceOne('héllo'), context);
  expect(produced).toMatchObject({ statusCode: 200, headers: json, body: expect.any(String) });
  expect(produced).not.toHaveProperty('isBase64Encoded');
  const fetched = await forLambda(createFetch, wadi)(event('GET', RECORDS), context);
  expect(JSON.parse(fetched.body as string).records[0].value.data).toBe('héllo');
});

test('bytes go out and in as base64', async () => {
  const produce = forLambda(createProduce, wadi);
  await produce(produceOne('x'), context);
  const fetched = await forLambda(createFetch, wadi)(
    event('GET', RECORDS, { headers: { accept: RAW } }),
    context,
  );
  expect(fetched).toMatchObject({ statusCode: 200, isBase64Encoded: true, headers: { 'content-type': RAW } });

  const body = fetched.body as string;
  const again = event('POST', RECORDS, { headers: { 'content-type': RAW }, body, isBase64Encoded: true });
  expect((await produce(again, context)).statusCode).toBe(200);
  const { highWatermark } = await wadi.log.bounds(await wadi.topics.describe('orders'), 0);
  expect(highWatermark).toBe(2);
});

test('JSON that came as base64 is read', async () => {
  const { body, ...rest } = produceOne('x');
  const encoded = { ...rest, body: Buffer.from(body!).toString('base64'), isBase64Encoded: true };
  expect((await forLambda(createProduce, wadi)(encoded, context)).statusCode).toBe(200);
});

test('what runs in the background is done before the environment is frozen', async () => {
  const { log } = wadi;
  let finish = () => {};
  const running = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const slow: Wadi = { ...wadi, log: { ...log, settled: () => running } };
  let answered = false;
  const answer = forLambda(createProduce, slow)(produceOne('x'), context).then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(answered).toBe(false);
  finish();
  await answer;
});

test('links begin with the address of the API', async () => {
  const { body } = await forLambda(createCluster, wadi)(
    event('GET', '/v3/clusters', { pathParameters: {} }),
    context,
  );
  const { metadata } = JSON.parse(body as string);
  expect(metadata.self).toBe('https://abc.execute-api.eu-west-1.amazonaws.com/v3/clusters');
});

test('what no route takes is refused in form', async () => {
  const stray = { ...event('GET', '/nope', { pathParameters: {} }), routeKey: '$default' };
  const { statusCode, body } = await forLambda(createCluster, wadi)(stray, context);
  expect([statusCode, JSON.parse(body as string).error_code]).toEqual([404, 404]);
});
