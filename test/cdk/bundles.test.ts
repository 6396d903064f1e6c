import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FUNCTIONS } from '../../functions/manifest.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { EMULATOR_ACCESS, type Emulator, startDynamoDb, startS3 } from '../support/emulators.ts';
import { functionOf, type Synthesis, synthesize } from './support.ts';

type Running = Exclude<Emulator, { unavailable: string }>;

let synthesis: Synthesis;
let s3: Running;
let dynamodb: Running;
let environment: Record<string, string>;

const RESOURCES = { bucket: 'wadi', logTable: 'log', metadataTable: 'metadata' };
const CLUSTER = '/v3/clusters/one';

beforeAll(async () => {
  [synthesis, s3, dynamodb] = await Promise.all([
    synthesize({ bundle: true }),
    startS3(),
    startDynamoDb('dynalite') as Promise<Running>,
  ]);
  const { region, credentials } = EMULATOR_ACCESS;
  await createAwsResources({
    ...RESOURCES,
    ...EMULATOR_ACCESS,
    s3Endpoint: s3.endpoint,
    dynamodbEndpoint: dynamodb.endpoint,
  });
  environment = {
    WADI_BUCKET: RESOURCES.bucket,
    WADI_LOG_TABLE: RESOURCES.logTable,
    WADI_METADATA_TABLE: RESOURCES.metadataTable,
    WADI_CLUSTER_ID: 'one',
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
  };
}, 60_000);

afterAll(() => Promise.all([synthesis.remove(), s3.stop(), dynamodb.stop()]));

/** The file that is uploaded for a function. */
function bundleOf(name: string): string {
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
  const child = spawn(process.execPath, [join(import.meta.dirname, 'invoke.ts'), bundleOf(name)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(calls.map((call) => `${JSON.stringify(event(call))}\n`).join(''));
  const lines = (await text(child.stdout)).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Answer);
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

test.each(FUNCTIONS)(
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
