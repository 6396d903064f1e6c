import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { readSettings, SETTING_NAMES } from '../../cdk/settings.ts';
import { synthesize } from './support.ts';

test('without settings every construct has its defaults', () => {
  expect(readSettings({})).toEqual({
    regions: [],
    witnessRegion: undefined,
    clusterName: undefined,
    consistency: undefined,
    storage: {},
    cluster: { authorization: 'iam', alarmThresholds: {} },
    streams: {},
    alarmEmail: undefined,
    alarmTopicArn: undefined,
    localstack: false,
    leftOut: [],
  });
});

test('settings may be texts, as on the command line, or what JSON has, as in cdk.json', () => {
  const regions = ['eu-central-1', 'eu-west-1', 'eu-west-2'];
  const texts = { regions: regions.join(), customerKey: 'false', restoreWindowDays: '3' };
  const values = { regions, customerKey: false, restoreWindowDays: 3 };
  expect(readSettings(texts)).toEqual(readSettings(values));
  expect(readSettings(texts)).toMatchObject({
    regions,
    storage: { customerKey: false, restoreWindow: Duration.days(3) },
  });
});

test('for LocalStack it is told which settings have no effect there', async () => {
  const context = { localstack: true, authorization: 'none', regions: 'eu-central-1', logRetentionDays: 7 };
  expect(readSettings(context).leftOut).toEqual(['authorization', 'regions']);
  expect(readSettings({ ...context, localstack: false }).leftOut).toEqual([]);
  const { regions: _, ...ofOne } = context;
  const { folder, remove } = await synthesize({ bundle: false, context: ofOne });
  const told = await readFile(join(folder, 'Wadi.metadata.json'), 'utf8');
  await remove();
  expect(told).toContain('without effect on LocalStack: authorization');
});

test('super users are told apart by semicolons, as in Kafka', () => {
  const superUsers = 'User:arn:aws:iam::123456789012:role/Ops;User:anna';
  expect(readSettings({ superUsers }).cluster.superUsers).toEqual(superUsers.split(';'));
});

test.each<[unknown, Record<string, number>]>([
  ['billing:10000', { billing: 10_000 }],
  ['billing:10000,audit:500000', { billing: 10_000, audit: 500_000 }],
  [['billing:10000', 'audit:500000'], { billing: 10_000, audit: 500_000 }],
  ['shop:eu:billing:5', { 'shop:eu:billing': 5 }],
  [
    { billing: 10_000, 'a,b:c': 5 },
    { billing: 10_000, 'a,b:c': 5 },
  ],
  ['{"billing":10000,"a,b:c":5}', { billing: 10_000, 'a,b:c': 5 }],
])('groups and how far they may be behind are given as %j', (alarmConsumerLag, expected) => {
  expect(readSettings({ alarmConsumerLag }).cluster.alarmThresholds).toEqual({ consumerLag: expected });
});

const manyGroups = (count: number, name: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}${i}`, 1]));

test.each([
  ['billing'],
  ['billing:'],
  ['billing:0'],
  ['billing:1e3'],
  ['billing:1,'],
  ['billing:1,billing:2'],
  [':5'],
  ['..:5'],
  ['größe:5'],
  [{}],
  [{ billing: '5' }],
  [{ billing: 1.5 }],
  ['{"billing":'],
  [manyGroups(51, 'g')],
  [manyGroups(50, 'g'.repeat(60))],
])('%j are no groups and lags', (alarmConsumerLag) => {
  expect(() => readSettings({ alarmConsumerLag })).toThrow(
    'alarmConsumerLag must be <group>:<records>, or several with , between, or {"<group>":<records>,…}; of 50 groups at most, ' +
      'with names of printable ASCII that take 2500 bytes in all, not ',
  );
});

test('there may be 50 groups', () => {
  const consumerLag = manyGroups(50, 'g');
  expect(readSettings({ alarmConsumerLag: consumerLag }).cluster.alarmThresholds).toEqual({ consumerLag });
});

test.each<[unknown, Record<string, object>]>([
  ['apps/a.ts', { 'apps/a.ts': {} }],
  ['apps/a.ts,apps/b.js', { 'apps/a.ts': {}, 'apps/b.js': {} }],
  [['apps/a.ts', 'apps/b.js'], { 'apps/a.ts': {}, 'apps/b.js': {} }],
  [
    { 'apps/a.ts': { memoryMb: 2048, maxWorkers: 4, everyMinutes: 1, timeoutSeconds: 900 }, 'apps/b.js': {} },
    { 'apps/a.ts': { memoryMb: 2048, maxWorkers: 4, everyMinutes: 1, timeoutSeconds: 900 }, 'apps/b.js': {} },
  ],
])('streams applications are given as %j', (streams, expected) => {
  expect(readSettings({ streams }).streams).toEqual(expected);
});

test.each([
  [''],
  ['a.ts,'],
  ['{'],
  [{ 'a.ts': 5 }],
  [{ 'a.ts': null }],
  [{ 'a.ts': { memory: 128 } }],
  [{ 'a.ts': { memoryMb: '128' } }],
  [{ 'a.ts': { timeoutSeconds: 59 } }],
  [{ 'a.ts': { maxWorkers: 0.5 } }],
])('%j are no streams applications', (streams) => {
  expect(() => readSettings({ streams })).toThrow(
    'streams must be a path of a module, or several with , between, or {"<path>":{…},…} with everyMinutes from 1 to 60, ' +
      'memoryMb from 128 to 10240, timeoutSeconds from 60 to 900, maxWorkers from 1 to 1000, alarmLag from 1 to 1000000000000, not ',
  );
});

test('what the CDK itself keeps in the context is no setting', () => {
  const context = {
    '@aws-cdk/core:flag': true,
    'aws:cdk:bundling-stacks': [],
    'ssm:account=1': 'x',
    'cli-telemetry': false,
  };
  expect(readSettings(context)).toEqual(readSettings({}));
});

const JWT = { authorization: 'jwt', jwtIssuer: 'https://issuer.example', jwtAudience: 'wadi,other' };

test('tokens take an issuer and an audience', () => {
  expect(readSettings(JWT).cluster.authorization).toEqual({
    issuer: 'https://issuer.example',
    audience: ['wadi', 'other'],
  });
});

test('a private API has one VPC endpoint or several', () => {
  const privateVpcEndpointIds = ['vpce-0123456789abcdef0', 'vpce-01234567'];
  expect(readSettings({ privateVpcEndpointIds: privateVpcEndpointIds.join() }).cluster).toMatchObject({
    privateVpcEndpointIds,
  });
});

test('an unknown setting is refused by a line that names all there are', () => {
  expect(() => readSettings({ authorisation: 'none' })).toThrow(
    `there is no setting authorisation; there are: ${SETTING_NAMES.join(', ')}`,
  );
});

test.each([
  [{ authorization: 'None' }, "authorization must be iam or jwt or none, not 'None'"],
  [{ authorization: 'jwt' }, 'authorization=jwt takes jwtIssuer and jwtAudience as well'],
  [{ jwtIssuer: 'https://a' }, 'jwtIssuer and jwtAudience are for authorization=jwt alone'],
  [{ jwtIssuer: 'http://a' }, "jwtIssuer must be an https URL, not 'http://a'"],
  [{ superUsers: 'anna' }, "superUsers must be User:<name>, or several with ; between, not 'anna'"],
  [{ customerKey: 'yes' }, "customerKey must be true or false, not 'yes'"],
  [{ restoreWindowDays: 0 }, "restoreWindowDays must be a whole number of days from 1 to 35, not '0'"],
  [{ throttlingRateLimit: '1e3' }, 'throttlingRateLimit must be a whole number of requests a second'],
  [{ logRetentionDays: 31 }, "logRetentionDays must be one of CloudWatch's numbers of days: 1, 3, 5"],
  [
    { regions: 'Frankfurt' },
    "regions must be a region, as eu-central-1, or several with , between, not 'Frankfurt'",
  ],
  [
    { regions: 'us-east-1', witnessRegion: 'us-east-2' },
    'witnessRegion and clusterName are for several regions',
  ],
  [{ regions: 'us-east-1', consistency: 'eventual' }, 'consistency is for several regions'],
  [{ consistency: 'weak' }, "consistency must be strong or eventual, not 'weak'"],
  [{ clusterName: 'wadi-two' }, 'witnessRegion and clusterName are for several regions'],
  [{ clusterName: 'Wadi' }, "clusterName must be 3 to 24 of a-z, 0-9 and -, a letter first, not 'Wadi'"],
  [
    { regions: 'us-east-1,us-east-2,us-west-2', restoredTables: 'a,b,c' },
    'restoredTables are for one region',
  ],
  [
    { privateVpcEndpointIds: 'vpc-0123456789abcdef0' },
    'privateVpcEndpointIds must be the id of a VPC endpoint, as vpce-0123456789abcdef0, or several with , between',
  ],
  [
    { privateVpcEndpointIds: 'vpce-01234567', ...JWT },
    'with privateVpcEndpointIds, authorization must be iam or none: a private API takes no tokens',
  ],
  [
    { privateVpcEndpointIds: 'vpce-01234567', corsAllowOrigins: '*' },
    'give privateVpcEndpointIds or corsAllowOrigins, not both',
  ],
  [
    { privateVpcEndpointIds: 'vpce-01234567', regions: 'us-east-1,us-east-2,us-west-2' },
    'privateVpcEndpointIds are of one region: the API of several regions is public',
  ],
  [{ corsAllowOrigins: 'app.example' }, 'corsAllowOrigins must be an origin, as https://app.example, or *'],
  [{ alarmEmail: 'a@b', alarmTopicArn: 'arn:aws:sns:x' }, 'give alarmEmail or alarmTopicArn, not both'],
  [
    { regions: 'us-east-1,us-east-2,us-west-2', alarmTopicArn: 'arn:aws:sns:x' },
    'alarmTopicArn is of one region: with several regions, give alarmEmail',
  ],
])('%j is refused by a line that says what is wrong', (context, message) => {
  expect(() => readSettings(context)).toThrow(message);
});

test.each([
  { regions: 'us-east-1,us-east-2' },
  { regions: 'us-east-1,us-east-2,us-west-2', witnessRegion: 'us-west-2' },
  { regions: 'us-east-1,us-east-2', witnessRegion: 'us-east-2' },
  { regions: 'us-east-1,us-east-2,us-east-2' },
  { regions: 'eu-west-1,eu-west-2,eu-west-3,eu-central-1' },
])('%j is refused: DynamoDB takes three regions, of which one may be a witness', (context) => {
  expect(() => readSettings(context)).toThrow(
    'regions must be one, or three, or two with a witnessRegion, each another',
  );
});

test.each([
  { regions: 'us-east-1,us-east-2,eu-west-1' },
  { regions: 'us-east-1,us-east-2', witnessRegion: 'us-west-1' },
  { regions: 'sa-east-1,us-east-2,us-east-1' },
])('%j is refused: regions are of one of the sets in which DynamoDB keeps tables consistent', (context) => {
  expect(() => readSettings(context)).toThrow(
    "regions and witnessRegion must be of one of DynamoDB's sets: of us-east-1, us-east-2, us-west-2; or of eu-west-1",
  );
});

test.each([
  { regions: 'us-east-1,eu-west-1' },
  { regions: 'us-east-1,eu-west-1,eu-west-1' },
  { regions: 'us-east-1,eu-west-1', witnessRegion: 'eu-west-1' },
  { regions: 'us-east-1,eu-west-1,sa-east-1', witnessRegion: 'us-west-2' },
])('%j of eventual consistency is refused: a majority must remain when a region is lost', (context) => {
  expect(() => readSettings({ ...context, consistency: 'eventual' })).toThrow(
    'with consistency=eventual, regions must be three or more, or two with a witnessRegion, each another',
  );
});

test.each([
  { regions: 'us-east-1,us-east-2,us-west-2' },
  { regions: 'us-east-1,eu-west-1,sa-east-1,ap-south-1', consistency: 'eventual' },
  { regions: 'us-east-1,eu-west-1', witnessRegion: 'sa-east-1', consistency: 'eventual' },
  { regions: 'eu-central-1,eu-west-1', witnessRegion: 'eu-west-3', clusterName: 'orders-2' },
])('%j is one cluster of several regions', (context) => {
  const { regions, ...others } = context;
  expect(readSettings(context)).toMatchObject({ regions: regions.split(','), ...others });
});
