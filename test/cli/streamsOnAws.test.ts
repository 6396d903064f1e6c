import { spawn } from 'node:child_process';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { awsStorage } from '../../lib/storage/aws/aws.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { EMULATOR_ACCESS, startDynamoDb, startS3 } from '../support/emulators.ts';
import { run } from './support.ts';

const s3 = await startS3();
const dynamodb = await startDynamoDb('dynalite');
if ('unavailable' in dynamodb) throw new Error(dynamodb.unavailable);
const names = { bucket: 'records', logTable: 'log', metadataTable: 'metadata', groupsTable: 'groups' };
const at = { ...EMULATOR_ACCESS, s3Endpoint: s3.endpoint, dynamodbEndpoint: dynamodb.endpoint, ...names };

let cluster: LocalCluster | undefined;
beforeAll(async () => {
  await createAwsResources(at);
  cluster = await startLocalCluster({ storage: awsStorage(at), maintenanceIntervalMs: 0 });
});
afterAll(async () => {
  await cluster?.close();
  await Promise.all([s3.stop(), dynamodb.stop()]);
});

const WORDS = new URL('../../lib/streams/examples/wordCount.ts', import.meta.url).pathname;
const MAIN = new URL('../../lib/cli/main.ts', import.meta.url).pathname;

test('an application runs on a bucket and tables, named by options or as for a function', async () => {
  for (const name of ['lines', 'words']) await cluster!.wadi.topics.create({ name });
  await run(cluster!.url, ['produce', 'lines'], 'one two\ntwo\n');
  const { region, credentials } = EMULATOR_ACCESS;
  const child = spawn(
    process.execPath,
    [MAIN, 'streams', 'run', WORDS, '--storage', 'aws', '--log-table', 'log', '--metadata-table', 'metadata'],
    {
      env: {
        ...{ PATH: process.env.PATH, AWS_REGION: region, AWS_ACCESS_KEY_ID: credentials.accessKeyId },
        ...{ AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey, AWS_ENDPOINT_URL_S3: s3.endpoint },
        ...{ AWS_ENDPOINT_URL_DYNAMODB: at.dynamodbEndpoint, WADI_BUCKET: 'records' },
        ...{ WADI_GROUPS_TABLE: 'groups', WADI_LOG_TABLE: 'another' },
      },
    },
  );
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    for (const end = Date.now() + 30_000; !/ [1-9]\d* records .*lag 0\n/.test(said); ) {
      if (Date.now() > end) throw new Error(said);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    child.kill('SIGTERM');
  }
  expect(await ended).toBe(0);
  const { out } = await run(cluster!.url, ['streams', 'lag', 'word-count']);
  expect(out.toString()).toMatch(/^total .* 0$/m);
}, 60_000);
