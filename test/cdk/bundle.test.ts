import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { bundle } from '../../cdk/bundle/bundle.ts';
import { type DynamoDbPlace, dynamoDbEndpoint } from '../../cdk/bundle/dynamoDbEndpoint.ts';
import { type S3Place, s3Endpoint } from '../../cdk/bundle/s3Endpoint.ts';
import { FAILOVER, FUNCTIONS, type FunctionSpec, STREAMS, WAKER } from '../../functions/manifest.ts';

/** What is in the bundles. Whether they work, `bundles.test.ts` finds out. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wadi-bundle-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A failover copies tables and looks objects through: that takes no log. */
function usesLog(spec: FunctionSpec): boolean {
  return spec !== FAILOVER && spec.stores.objects.length > 0;
}

/** What is known of streams is beside the groups. */
const usesGroups = (spec: FunctionSpec): boolean =>
  ![FAILOVER, WAKER].includes(spec) && spec.stores.groups.length > 0 && !spec.name.startsWith('streams');

/** Of some modules, whether a function has a use for them, by the manifest. */
const USES: readonly (readonly [modules: RegExp, use: (spec: FunctionSpec) => boolean])[] = [
  [/@aws-sdk\/client-s3\/|lib\/storage\/aws\/objects/, ({ stores }) => stores.objects.length > 0],
  [/@aws-sdk\/client-sqs\/|lib\/queue\/sqs/, ({ queue }) => queue !== undefined],
  [/lib\/group\/createGroups|re2js/, usesGroups],
  [/@aws-sdk\/client-lambda\//, (spec) => spec === WAKER],
  [/lib\/streams\/(dsl\/|runtime\/worker)/, (spec) => spec === STREAMS],
  // The log is one part, also for who asks only how far it goes.
  [/lib\/log\/createLog|lib\/log\/appender/, (spec) => usesLog(spec) || spec.name === 'lag'],
  [/lib\/replication\/(replication|membership|placement)/, usesLog],
  [/lib\/quota\/quotas/, ({ name }) => ['produce', 'fetch', 'consumers', 'acls'].includes(name)],
  [/lib\/local|lib\/storage\/(memory|embedded)|lib\/cli|find-my-way|commander/, () => false],
  // TypeBox's compiler, and the SDK's search for credentials.
  [
    /typebox\/build\/esm\/(compiler|value\/check)\/|@aws-sdk\/credential-provider-(ini|sso|http|process)\/|event-streams\/event/,
    () => false,
  ],
];

const WORD_COUNT = join(import.meta.dirname, '../../lib/streams/examples/wordCount.ts');

/** Minified. */
const LIMITS: Readonly<Record<string, number>> = { produce: 400_000, fetch: 400_000 };

test.each([...FUNCTIONS, FAILOVER, WAKER, STREAMS])(
  '$name carries what it uses, and no more',
  async (spec) => {
    const application = spec === STREAMS ? WORD_COUNT : undefined;
    const { outputs } = await bundle(spec.entry, join(folder, spec.name), application);
    const [output] = Object.values(outputs);
    const carried = Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [path] : [],
    );
    for (const [modules, use] of USES) {
      const found = carried.filter((path) => modules.test(path));
      expect([modules, found.length > 0, found]).toEqual([modules, use(spec), found]);
    }
    expect(output!.bytes).toBeLessThan(LIMITS[spec.name] ?? 700_000);
  },
);

const AWS = 'amazonaws.com';

const PLACES: readonly (readonly [place: Partial<S3Place>, dnsSuffix: string])[] = [
  [{}, AWS],
  [{ Region: 'us-east-1' }, AWS],
  [{ Region: 'us-gov-west-1' }, AWS],
  [{ Region: 'cn-north-1' }, 'amazonaws.com.cn'],
  [{ Region: 'us-iso-east-1' }, 'c2s.ic.gov'],
  [{ Region: 'eusc-de-east-1' }, 'amazonaws.eu'],
  [{ UseFIPS: true }, AWS],
  [{ UseDualStack: true }, AWS],
  [{ UseFIPS: true, UseDualStack: true }, AWS],
  [{ ForcePathStyle: true }, AWS],
  [{ Bucket: 'with.dots' }, AWS],
  [{ Endpoint: 'http://127.0.0.1:4566' }, AWS],
  [{ Endpoint: 'http://[::1]:4566' }, AWS],
  [{ Endpoint: 'http://localhost:4566' }, AWS],
  [{ Endpoint: 'https://s3.example.com/base' }, AWS],
  [{ Endpoint: 'https://s3.example.com/base/', ForcePathStyle: true }, AWS],
];

test.each(PLACES)('a bundle finds the bucket where the SDK does: %j', (given, dnsSuffix) => {
  const place = { Region: 'eu-west-1', Bucket: 'wadi-objects', ...given };
  const { endpointProvider } = new S3Client({ region: place.Region }).config;
  expect(s3Endpoint(place, { dnsSuffix })).toEqual(endpointProvider(place));
});

const COMMERCIAL = { name: 'aws', dnsSuffix: AWS, dualStackDnsSuffix: 'api.aws' };
const GOV = { ...COMMERCIAL, name: 'aws-us-gov' };
const CHINA = {
  name: 'aws-cn',
  dnsSuffix: 'amazonaws.com.cn',
  dualStackDnsSuffix: 'api.amazonwebservices.com.cn',
};

const DYNAMODB_PLACES: readonly (readonly [place: Partial<DynamoDbPlace>, partition: typeof COMMERCIAL])[] = [
  [{}, COMMERCIAL],
  [{ Region: 'us-gov-west-1' }, GOV],
  [{ Region: 'us-gov-west-1', UseFIPS: true }, GOV],
  [{ Region: 'us-gov-west-1', UseFIPS: true, UseDualStack: true }, GOV],
  [{ Region: 'cn-north-1' }, CHINA],
  [{ UseFIPS: true }, COMMERCIAL],
  [{ UseDualStack: true }, COMMERCIAL],
  [{ UseFIPS: true, UseDualStack: true }, COMMERCIAL],
  [{ Endpoint: 'http://127.0.0.1:8000' }, COMMERCIAL],
  [{ Endpoint: 'https://dynamodb.example.com/base' }, COMMERCIAL],
];

test.each(DYNAMODB_PLACES)('a bundle finds the tables where the SDK does: %j', (given, partition) => {
  const place = { Region: 'eu-west-1', ...given };
  const { endpointProvider } = new DynamoDBClient({ region: place.Region }).config;
  expect(dynamoDbEndpoint(place, partition).url).toEqual(endpointProvider(place).url);
});
