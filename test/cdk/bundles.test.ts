import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { bundle } from '../../cdk/bundle/bundle.ts';
import { FAILOVER, FUNCTIONS, WAKER } from '../../functions/manifest.ts';
import { homeItem } from '../../lib/failover/home.ts';
import { DUE_PK } from '../../lib/log/due.ts';
import { headKey } from '../../lib/log/head.ts';
import { awsTables } from '../../lib/storage/aws/aws.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { scannableTables } from '../../lib/storage/aws/scan.ts';
import { applicationKey } from '../../lib/streams/registry/applicationItem.ts';
import { readTopic } from '../../lib/topic/readTopic.ts';
import { EMULATOR_ACCESS, type Emulator, startDynamoDb, startS3 } from '../support/emulators.ts';
import { replicate, startRegionalDynamoDb } from './regionalDynamoDb.ts';
import { functionOf, type Synthesis, synthesize } from './support.ts';

type Running = Exclude<Emulator, { unavailable: string }>;

let synthesis: Synthesis;
let folder: string;
let s3: Running;
let dynamodb: Running;
let environment: Record<string, string>;
let sqs: SQSClient;

const RESOURCES = { bucket: 'wadi', logTable: 'log', metadataTable: 'metadata', groupsTable: 'groups' };
const CLUSTER = '/v3/clusters/one';
const WORD_COUNT = 'lib/streams/examples/wordCount.ts';

beforeAll(async () => {
  s3 = await startS3();
  dynamodb = (await startDynamoDb('dynalite')) as Running;
  synthesis = await synthesize({
    bundle: true,
    context: { alarmConsumerLag: 'billing:10000', streams: WORD_COUNT },
  });
  // A cluster of one region has none.
  folder = await mkdtemp(join(tmpdir(), 'wadi-failover-'));
  await bundle(FAILOVER.entry, folder);
  const { region, credentials } = EMULATOR_ACCESS;
  await createAwsResources({
    ...RESOURCES,
    ...EMULATOR_ACCESS,
    s3Endpoint: s3.endpoint,
    dynamodbEndpoint: dynamodb.endpoint,
  });
  // The emulator of S3 is one of SQS too.
  sqs = new SQSClient({ ...EMULATOR_ACCESS, endpoint: s3.endpoint });
  environment = {
    WADI_BUCKET: RESOURCES.bucket,
    WADI_LOG_TABLE: RESOURCES.logTable,
    WADI_METADATA_TABLE: RESOURCES.metadataTable,
    WADI_GROUPS_TABLE: RESOURCES.groupsTable,
    WADI_CLUSTER_ID: 'one',
    WADI_QUEUE_URL: await newQueue('maintenance'),
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_ENDPOINT_URL_SQS: s3.endpoint,
  };
});

// Whatever the above came to: Jest does not end while an emulator runs.
afterAll(async () => {
  sqs?.destroy();
  const removed = folder === undefined ? undefined : rm(folder, { recursive: true });
  await Promise.all([removed, synthesis?.remove(), s3?.stop(), dynamodb?.stop()]);
});

async function newQueue(QueueName: string): Promise<string> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName }));
  // It names a host that is found nowhere.
  return s3.endpoint + new URL(QueueUrl!).pathname;
}

/** The file that is uploaded for a function. */
function bundleOf(name: string): string {
  if (name === FAILOVER.name) return join(folder, 'index.mjs');
  const { S3Key } = functionOf(synthesis.api, name)[1].Properties.Code;
  return join(synthesis.folder, `asset.${S3Key.replace('.zip', '')}`, 'index.mjs');
}

interface Call {
  method: string;
  path: string;
  query?: string;
  body?: unknown;
  route?: string;
  params?: Record<string, string>;
}

interface Answer {
  statusCode: number;
  body: string;
}

/** What the function that is deployed answers, in a process that holds nothing but its bundle and its settings. */
async function invoke(name: string, calls: readonly Call[], env = environment): Promise<Answer[]> {
  const lines = await handle(name, calls.map(event), env);
  return lines.filter((line): line is Answer => Object.hasOwn(line as object, 'statusCode'));
}

/** The answers to events of any kind, and what else it writes as JSON. */
async function handle(name: string, events: readonly object[], env = environment): Promise<unknown[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'invoke.ts'), bundleOf(name)], {
    env: { ...env, POWERTOOLS_SERVICE_NAME: name },
    stdio: 'pipe',
  });
  child.stdin.end(events.map((each) => `${JSON.stringify(each)}\n`).join(''));
  const [told, failed] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const lines = `${failed}${told}`.trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** API Gateway's event, payload format 2.0, as far as Wadi reads it. */
function event({ method, path, query = '', body, route = path, params = {} }: Call) {
  return {
    version: '2.0',
    routeKey: route === '$default' ? route : `${method} ${route}`,
    rawPath: path,
    rawQueryString: query,
    headers: { host: 'api.example', ...(body !== undefined && { 'content-type': 'application/json' }) },
    pathParameters: params,
    requestContext: { domainName: 'api.example', http: { method, path } },
    isBase64Encoded: false,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
}

test.each([...FUNCTIONS, FAILOVER, WAKER, { name: 'streams-wordCount' }])(
  'the bundle of $name carries nothing that only the local cluster needs',
  async ({ name }) => {
    const code = await readFile(bundleOf(name), 'utf8');
    for (const local of ['node:sqlite', 'commander', 'find-my-way']) expect(code).not.toContain(local);
  },
);

test('cluster answers without a call to AWS', async () => {
  const nowhere = {
    ...environment,
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1',
  };
  const [health, unserved] = await invoke(
    'cluster',
    [
      { method: 'GET', path: '/health' },
      { method: 'GET', path: '/nowhere', route: '$default' },
    ],
    nowhere,
  );
  expect(health).toMatchObject({ statusCode: 200 });
  expect(JSON.parse(health!.body)).toMatchObject({ cluster_id: 'one' });
  expect(unserved).toMatchObject({ statusCode: 404 });
});

test('a topic is created, produced to and read from by the three bundles', async () => {
  const topic = '/v3/clusters/{cluster_id}/topics/{topic_name}';
  const [created] = await invoke('topics', [
    {
      method: 'POST',
      path: `${CLUSTER}/topics`,
      route: '/v3/clusters/{cluster_id}/topics',
      params: { cluster_id: 'one' },
      body: { topic_name: 'orders', partitions_count: 2 },
    },
  ]);
  expect(created).toMatchObject({ statusCode: 201 });

  const params = { cluster_id: 'one', topic_name: 'orders' };
  const record = (text: string) => ({
    method: 'POST',
    path: `${CLUSTER}/topics/orders/records`,
    route: `${topic}/records`,
    params,
    body: { partition_id: 1, value: { type: 'STRING', data: text } },
  });
  // The second is too large to rest in an item.
  const produced = await invoke('produce', [record('first'), record('second'.repeat(2_000))]);
  expect(produced.map(({ body }) => JSON.parse(body))).toMatchObject([
    { error_code: 200, partition_id: 1, offset: 0 },
    { error_code: 200, partition_id: 1, offset: 1 },
  ]);

  const [fetched] = await invoke('fetch', [
    {
      method: 'GET',
      path: `${CLUSTER}/topics/orders/partitions/1/records`,
      query: 'offset=earliest',
      route: `${topic}/partitions/{partition_id}/records`,
      params: { ...params, partition_id: '1' },
    },
  ]);
  const { records, next_offset } = JSON.parse(fetched!.body);
  expect(next_offset).toBe(2);
  expect(records.map(({ value }: { value: { data: string } }) => value.data)).toEqual([
    'first',
    'second'.repeat(2_000),
  ]);
});

test('in a cluster of several regions, the bundles put into and read from the buckets of all', async () => {
  const { region } = EMULATOR_ACCESS;
  const buckets = { [region]: 'wadi-here', 'us-west-1': 'wadi-there', 'us-west-2': 'wadi-yonder' };
  const tables = { logTable: 'log-all', metadataTable: 'metadata-all', groupsTable: 'groups-all' };
  const endpoints = { s3Endpoint: s3.endpoint, dynamodbEndpoint: dynamodb.endpoint };
  await createAwsResources({ ...EMULATOR_ACCESS, ...endpoints, ...tables, bucket: 'wadi-here' });
  const client = new S3Client({ ...EMULATOR_ACCESS, endpoint: s3.endpoint, forcePathStyle: true });
  for (const Bucket of ['wadi-there', 'wadi-yonder']) await client.send(new CreateBucketCommand({ Bucket }));
  const inRegion = (name: string) => ({
    ...environment,
    AWS_REGION: name,
    WADI_BUCKET: buckets[name]!,
    WADI_LOG_TABLE: tables.logTable,
    WADI_METADATA_TABLE: tables.metadataTable,
    WADI_GROUPS_TABLE: tables.groupsTable,
    WADI_REGIONS: Object.entries(buckets)
      .map((pair) => pair.join('='))
      .join(),
  });
  const params = { cluster_id: 'one', topic_name: 'orders' };
  const route = '/v3/clusters/{cluster_id}/topics';
  const body = { topic_name: 'orders', partitions_count: 1 };
  const create = { method: 'POST', path: `${CLUSTER}/topics`, route, params, body };
  expect(await invoke('topics', [create], inRegion(region))).toMatchObject([{ statusCode: 201 }]);

  // Too large to rest in an item.
  const produce = (text: string, acks: string) => ({
    method: 'POST',
    path: `${CLUSTER}/topics/orders/records`,
    query: `acks=${acks}`,
    route: `${route}/{topic_name}/records`,
    params,
    body: { value: { type: 'STRING', data: text.repeat(2_000) } },
  });
  const answers = await invoke(
    'produce',
    [produce('first', 'all'), produce('second', '1')],
    inRegion(region),
  );
  expect(answers.map(({ body }) => JSON.parse(body))).toMatchObject([{ offset: 0 }, { offset: 1 }]);
  const keysIn = async (Bucket: string) => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    return Contents.map(({ Key }) => Key!);
  };
  const all = await keysIn('wadi-there');
  expect(all).toHaveLength(1);
  expect(await keysIn('wadi-yonder')).toEqual(all);
  const here = await keysIn('wadi-here');
  expect(here).toEqual(expect.arrayContaining(all));
  client.destroy();
  expect(here).toHaveLength(2);

  // What was put into one bucket alone is read there from every region.
  const fetch = {
    method: 'GET',
    path: `${CLUSTER}/topics/orders/partitions/0/records`,
    query: 'offset=0',
    route: `${route}/{topic_name}/partitions/{partition_id}/records`,
    params: { ...params, partition_id: '0' },
  };
  const [fetched] = await invoke('fetch', [fetch], inRegion('us-west-2'));
  const { records } = JSON.parse(fetched!.body);
  expect(records.map(({ value }: { value: { data: string } }) => value.data)).toEqual([
    'first'.repeat(2_000),
    'second'.repeat(2_000),
  ]);
});

describe('in a cluster of eventual consistency', () => {
  const [home, other, witness] = ['us-east-1', 'eu-west-1', 'sa-east-1'];
  const buckets = { [home]: 'wadi-home', [other]: 'wadi-other' };
  const tables = { logTable: 'wadi-log', metadataTable: 'wadi-metadata', groupsTable: 'wadi-groups' };
  const route = '/v3/clusters/{cluster_id}/topics';
  const params = { cluster_id: 'one', topic_name: 'orders' };
  let regional: Running;
  let queueUrl: string;
  beforeAll(async () => {
    queueUrl = await newQueue('of-home');
    regional = await startRegionalDynamoDb([home, other, witness]);
    for (const region of [home, other, witness])
      await createAwsResources({ ...optionsOf(region), s3Endpoint: s3.endpoint });
  });
  afterAll(() => regional.stop());

  /** The witness's bucket is never used. */
  const optionsOf = (region: string) => ({
    ...{ ...EMULATOR_ACCESS, ...tables, region, dynamodbEndpoint: regional.endpoint },
    bucket: buckets[region] ?? buckets[home]!,
  });
  const copyOf = (region: string) => scannableTables(optionsOf(region));
  const inRegion = (region: string) => ({
    ...environment,
    AWS_ENDPOINT_URL_DYNAMODB: regional.endpoint,
    WADI_QUEUE_URL: queueUrl,
    AWS_REGION: region,
    WADI_BUCKET: buckets[region]!,
    WADI_LOG_TABLE: tables.logTable,
    WADI_METADATA_TABLE: tables.metadataTable,
    WADI_GROUPS_TABLE: tables.groupsTable,
    WADI_CONSISTENCY: 'eventual',
    WADI_WITNESS_REGION: witness,
    WADI_REGIONS: Object.entries(buckets)
      .map((pair) => pair.join('='))
      .join(),
  });
  const produce = async (text: string, region: string) => {
    const body = { value: { type: 'STRING', data: text } };
    const path = `${CLUSTER}/topics/orders/records`;
    const call = { method: 'POST', path, route: `${route}/{topic_name}/records`, params, body };
    const [answer] = await invoke('produce', [call], inRegion(region));
    return answer!;
  };
  const failOver = async (region: string) => {
    // Items of the new home travel meanwhile.
    const [from, to] = [copyOf(region), copyOf(witness)];
    let isDone = false;
    const travelling = (async () => {
      while (!isDone) {
        await replicate(from, to);
        await delay(200);
      }
    })();
    const lines = await handle('failover', [{}], inRegion(region));
    isDone = true;
    await travelling;
    return lines;
  };

  test('every region writes to the tables of that which is home, and its maintenance alone works', async () => {
    const create = {
      ...{ method: 'POST', path: `${CLUSTER}/topics`, route, params },
      body: { topic_name: 'orders', partitions_count: 1 },
    };
    expect(await invoke('topics', [create], inRegion(other))).toMatchObject([{ statusCode: 201 }]);
    expect(JSON.parse((await produce('first', other)).body)).toMatchObject({ offset: 0 });
    expect((await copyOf(home).log.scan({ limit: 10 })).items).not.toEqual([]);
    expect((await copyOf(other).log.scan({ limit: 10 })).items).toEqual([]);

    const plans = expect.objectContaining({ message: 'plan' });
    expect(await handle('planner', [{}], inRegion(home))).toContainEqual(plans);
    const elsewhere = await handle('planner', [{}], inRegion(other));
    expect(elsewhere).not.toContainEqual(plans);
    expect(elsewhere.at(-1)).toEqual({ sent: 0 });

    const due = await copyOf(home).log.query({ pk: DUE_PK, limit: 1 });
    const Records = [{ messageId: '1', body: due.items[0]!.sk }];
    const worked = expect.objectContaining({ message: 'maintenance' });
    const dropped = await handle('maintenance', [{ Records }], inRegion(other));
    expect(dropped).not.toContainEqual(worked);
    expect(dropped.at(-1)).toEqual({ batchItemFailures: [] });
    expect(await handle('maintenance', [{ Records }], inRegion(home))).toContainEqual(worked);
  });

  test('a streams application works, and is called, where the home is', async () => {
    const elsewhere = await handle('streams-wordCount', [{}], inRegion(other));
    expect(elsewhere.at(-1)).toEqual({ records: 0, steps: 0, restored: 0, left: 0, failed: 0 });
    expect((await handle('waker', [{ Records: [] }], inRegion(other))).at(-1)).toBe(0);
    const registered = () => copyOf(home).groups.get(applicationKey('word-count'));
    expect(await registered()).toBeUndefined();
    // There it would, if it had topics.
    const atHome = await handle('streams-wordCount', [{}], inRegion(home));
    expect(atHome.at(-1)).toMatchObject({ errorMessage: expect.stringContaining("'lines' does not exist") });
    expect(await registered()).toBeDefined();
  });

  test('the failover makes its region home, from which all go on', async () => {
    const lines = await failOver(other);
    expect(lines.at(-1)).toMatchObject({ epoch: 2, from: home, to: other, source: home, lost: [] });
    expect(lines).toContainEqual(
      expect.objectContaining({ message: `telling the regions that ${other} begins`, service: 'failover' }),
    );
    expect(JSON.parse((await produce('second', home)).body)).toMatchObject({ offset: 1 });
    const fetch = {
      method: 'GET',
      path: `${CLUSTER}/topics/orders/partitions/0/records`,
      query: 'offset=0',
      route: `${route}/{topic_name}/partitions/{partition_id}/records`,
      params: { ...params, partition_id: '0' },
    };
    const [fetched] = await invoke('fetch', [fetch], inRegion(home));
    const { records } = JSON.parse(fetched!.body);
    expect(records.map(({ value }: { value: { data: string } }) => value.data)).toEqual(['first', 'second']);
    expect(await handle('planner', [{}], inRegion(other))).toContainEqual(
      expect.objectContaining({ message: 'home', epoch: 2, home: other }),
    );
    expect((await handle('failover', [{}], inRegion(other))).at(-1)).toBeNull();
  }, 60_000);

  test('while nobody is home, calls are refused for now, and maintenance fails, to be called again', async () => {
    const before = { epoch: 2, home: other };
    for (const region of [home, other, witness]) {
      const taking = { epoch: 3, home, ready: false, by: 'nobody', before };
      await copyOf(region).metadata.put(homeItem(region, taking));
    }
    const refused = await produce('third', home);
    expect(refused).toMatchObject({ statusCode: 503 });
    expect(JSON.parse(refused.body)).toMatchObject({
      error_code: 50003,
      kafka_error_code: 56,
      retriable: true,
    });
    const failed = { errorType: 'StorageError', errorMessage: `region ${home} is taking over` };
    expect((await handle('planner', [{}], inRegion(home))).at(-1)).toMatchObject(failed);
    const Records = [{ messageId: '1', body: 'of no form' }];
    expect((await handle('maintenance', [{ Records }], inRegion(home))).at(-1)).toMatchObject(failed);
  });
});

test('a private API is answered by the same bundles', async () => {
  const requestContext = {
    ...{ domainName: 'api.example', stage: 'wadi', path: '/wadi/v3/clusters' },
    identity: { sourceIp: '10.0.0.1', userArn: null },
  };
  const rest = {
    httpMethod: 'GET',
    path: '/v3/clusters',
    body: null,
    isBase64Encoded: false,
    requestContext,
  };
  const parameters = { multiValueHeaders: {}, multiValueQueryStringParameters: null };
  const lines = await handle('cluster', [
    { ...rest, ...parameters, resource: '/v3/clusters' },
    { ...rest, ...parameters, resource: '/{proxy+}', path: '/nowhere' },
  ]);
  const [clusters, unserved] = lines.filter((line): line is Answer =>
    Object.hasOwn(line as object, 'statusCode'),
  );
  expect(clusters).toMatchObject({ statusCode: 200 });
  expect(JSON.parse(clusters!.body).metadata.self).toBe('https://api.example/wadi/v3/clusters');
  expect(unserved).toMatchObject({ statusCode: 404 });
  const routes = lines.filter((line) => Object.hasOwn(line as object, '_aws'));
  expect(routes).toMatchObject([{ route: 'GET /v3/clusters' }, { route: '$default' }]);
});

test('maintenance is asked for, sent to the queue, and done by the worker, which tells in CloudWatch', async () => {
  const params = { cluster_id: 'one' };
  const maintenance = '/v3/clusters/{cluster_id}/maintenance';
  const [asked] = await invoke('maintenanceApi', [
    {
      method: 'POST',
      path: `${CLUSTER}/maintenance/run`,
      route: `${maintenance}/run`,
      params,
      body: { topic_name: 'orders' },
    },
  ]);
  expect(asked).toMatchObject({ statusCode: 202 });
  const { run_id, left_count } = JSON.parse(asked!.body);
  expect(left_count).toBe(1);

  // The second message is what the first one's worker handed on.
  const lines: unknown[] = [];
  for (const outcome of ['more', 'done']) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: environment.WADI_QUEUE_URL, MaxNumberOfMessages: 10 }),
    );
    expect(Messages).toHaveLength(1);
    const records = Messages.map(({ MessageId, Body }) => ({ messageId: MessageId, body: Body }));
    const told = await handle('maintenance', [{ Records: records }]);
    expect(told.at(-1)).toEqual({ batchItemFailures: [] });
    expect(told).toContainEqual(expect.objectContaining({ message: 'maintenance', outcome, name: 'orders' }));
    lines.push(...told);
  }
  const metrics = lines.find((line) => Object.hasOwn(line as object, '_aws'));
  expect(metrics).toMatchObject({ cluster: 'one', service: 'maintenance', Runs: 1, Merges: 1 });

  const [told] = await invoke('maintenanceApi', [
    {
      method: 'GET',
      path: `${CLUSTER}/maintenance/runs/${run_id}`,
      route: `${maintenance}/runs/{run_id}`,
      params: { ...params, run_id },
    },
  ]);
  expect(JSON.parse(told!.body)).toMatchObject({ left_count: 0, counts: { merges: 1 } });
});

test('the lag of groups that are named is told in CloudWatch, and in the log of which it cannot be told', async () => {
  const group = '/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}';
  const [reset] = await invoke('groups', [
    {
      method: 'POST',
      path: `${CLUSTER}/consumer-groups/billing/positions:reset`,
      route: `${group}/positions:reset`,
      params: { cluster_id: 'one', consumer_group_id: 'billing' },
      body: { to: 'earliest', topics: [{ topic_name: 'orders' }] },
    },
  ]);
  expect(reset).toMatchObject({ statusCode: 200 });
  const named = { ...environment, WADI_LAG_GROUPS: '["nobody","billing"]' };
  const lines = await handle('lag', [{}], named);
  expect(lines.filter((line) => Object.hasOwn(line as object, '_aws'))).toMatchObject([
    {
      ...{ cluster: 'one', service: 'lag', group: 'billing', ConsumerLag: 2, ConsumerLagMax: 2 },
      _aws: { CloudWatchMetrics: [{ Namespace: 'Wadi', Dimensions: [['service', 'cluster', 'group']] }] },
    },
  ]);
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'ERROR', service: 'lag', message: "Group 'nobody' does not exist." }),
  );
});

test('the planner sends what is due', async () => {
  const lines = await handle('planner', [{}]);
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'INFO', message: 'plan', service: 'planner', sent: 0 }),
  );
});

test('an append that fails is counted by its function, though the answer is 207', async () => {
  const record = {
    method: 'POST',
    path: `${CLUSTER}/topics/orders/records:batch`,
    route: '/v3/clusters/{cluster_id}/topics/{topic_name}/records:batch',
    params: { cluster_id: 'one', topic_name: 'orders' },
    // Large enough to be an object.
    body: { entries: [{ id: 'a', value: { type: 'STRING', data: 'x'.repeat(10_000) } }] },
  };
  const nowhere = { ...environment, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' };
  const lines = await handle('produce', [event(record)], nowhere);
  expect(lines.at(-1)).toMatchObject({ statusCode: 207 });
  const failed = lines.filter((line) => Object.hasOwn(line as object, 'AppendsFailed'));
  expect(failed).toMatchObject([
    {
      ...{ cluster: 'one', service: 'produce', AppendsFailed: 1 },
      _aws: { CloudWatchMetrics: [{ Namespace: 'Wadi', Dimensions: [['service', 'cluster']] }] },
    },
  ]);
});

test('a request leaves metrics of its route, and what went wrong in the log', async () => {
  const route = '/v3/clusters/{cluster_id}/topics/{topic_name}/records';
  const record = {
    method: 'POST',
    path: `${CLUSTER}/topics/orders/records`,
    route,
    params: { cluster_id: 'one', topic_name: 'orders' },
    body: { value: { type: 'STRING', data: 'third' } },
  };
  const metricsOf = (lines: unknown[]) => lines.find((line) => Object.hasOwn(line as object, '_aws'));
  expect(metricsOf(await handle('produce', [event(record)]))).toMatchObject({
    ...{ cluster: 'one', service: 'produce', route: `POST ${route}`, Status2xx: 1, AppendAttempts: 1 },
    RequestBytes: JSON.stringify(record.body).length,
    Latency: expect.any(Number),
    ResponseBytes: expect.any(Number),
    _aws: { CloudWatchMetrics: [{ Namespace: 'Wadi', Dimensions: [['service', 'cluster', 'route']] }] },
  });

  const nowhere = { ...environment, AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' };
  const lines = await handle('produce', [event(record)], nowhere);
  expect(metricsOf(lines)).toMatchObject({ Status5xx: 1 });
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 'ERROR',
      service: 'produce',
      error: expect.objectContaining({ name: 'WadiError' }),
    }),
  );
});

/** Lambda's Invoke, of functions whose bundles are run; what each answered is told. */
async function startLambda(bundles: Readonly<Record<string, { name: string; env: Record<string, string> }>>) {
  const answers: unknown[] = [];
  const running: Promise<unknown>[] = [];
  const server = createServer(async (request, response) => {
    const name = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.url!)?.[1] ?? '';
    const made = bundles[name];
    if (request.headers['x-amz-invocation-type'] !== 'Event' || made === undefined) {
      response.writeHead(404, { 'x-amzn-errortype': 'ResourceNotFoundException' }).end('{}');
      return;
    }
    running.push(handle(made.name, [{}], made.env).then((lines) => answers.push(...lines)));
    response.writeHead(202).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async answers() {
      await Promise.all(running);
      return answers;
    },
    stop: () => new Promise((stopped) => server.close(stopped)),
  };
}

test('a streams application counts words when the clock calls it, and when the waker does', async () => {
  const topics = '/v3/clusters/{cluster_id}/topics';
  const params = (topic_name: string) => ({ cluster_id: 'one', topic_name });
  for (const topic_name of ['lines', 'words']) {
    const create = { method: 'POST', path: `${CLUSTER}/topics`, route: topics, body: { topic_name } };
    expect(await invoke('topics', [{ ...create, params: { cluster_id: 'one' } }])).toMatchObject([
      { statusCode: 201 },
    ]);
  }
  const say = (line: string) =>
    invoke('produce', [
      {
        ...{
          method: 'POST',
          path: `${CLUSTER}/topics/lines/records`,
          route: `${topics}/{topic_name}/records`,
        },
        ...{ params: params('lines'), body: { value: { type: 'STRING', data: line } } },
      },
    ]);
  const counts = async () => {
    const [fetched] = await invoke('fetch', [
      {
        ...{ method: 'GET', path: `${CLUSTER}/topics/words/partitions/0/records`, query: 'offset=0' },
        route: `${topics}/{topic_name}/partitions/{partition_id}/records`,
        params: { ...params('words'), partition_id: '0' },
      },
    ]);
    const { records } = JSON.parse(fetched!.body) as { records: { value: { data: number } }[] };
    return records.map(({ value }) => value.data);
  };
  const service = 'streams-wordCount';
  const named = { ...environment, AWS_LAMBDA_FUNCTION_NAME: 'words-fn' };

  await say('the quick fox');
  const lines = await handle(service, [{}], named);
  expect(lines.at(-1)).toMatchObject({ records: 4, failed: 0, left: 0 });
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'INFO', message: 'streams', service, records: 4 }),
  );
  const [told] = lines.filter((line) => Object.hasOwn(line as object, '_aws'));
  expect(told).toMatchObject({
    ...{ cluster: 'one', service, StreamsRecords: 4 },
    _aws: { CloudWatchMetrics: [{ Namespace: 'Wadi', Dimensions: [['service', 'cluster']] }] },
  });
  expect(told).not.toHaveProperty('StreamsTasksFailed');
  expect(lines).toContainEqual(expect.objectContaining({ cluster: 'one', service, StreamsLag: 0 }));
  expect(await counts()).toEqual([1, 1, 1]);

  const lambda = await startLambda({ 'words-fn': { name: service, env: named } });
  const { metadata, close } = awsTables({
    ...RESOURCES,
    ...EMULATOR_ACCESS,
    dynamodbEndpoint: dynamodb.endpoint,
  });
  const changed = async (topic: string) => {
    const { pk, sk } = headKey((await readTopic(metadata, topic)).id, 0);
    return { eventName: 'MODIFY', dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } } } };
  };
  await say('the end');
  const event = { Records: [await changed('words'), await changed('lines'), await changed('lines')] };
  const woken = await handle('waker', [event], { ...environment, AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint });
  expect(woken).toEqual([1]);
  expect((await lambda.answers()).at(-1)).toMatchObject({ records: 3, failed: 0 });
  expect(await counts()).toEqual([1, 1, 1, 2, 1]);

  // The function is gone.
  await lambda.stop();
  const without = await startLambda({});
  const refused = await handle('waker', [event], {
    ...environment,
    AWS_ENDPOINT_URL_LAMBDA: without.endpoint,
  });
  expect(refused).toEqual([
    expect.objectContaining({ level: 'ERROR', message: expect.stringContaining('words-fn is not there') }),
    0,
  ]);
  await Promise.all([without.stop(), close()]);
});
