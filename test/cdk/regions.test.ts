import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { App, Stack } from 'aws-cdk-lib';
import { WadiStorage } from '../../cdk/wadiStorage.ts';
import { FUNCTIONS } from '../../functions/manifest.ts';
import { lambdaSettings } from '../../lib/settings.ts';
import {
  functionOf,
  type Pair,
  type Resource,
  resourcesOf,
  type Statement,
  type Synthesis,
  statementsOf,
  synthesize,
  type Template,
} from './support.ts';

const REGIONS = ['us-east-1', 'us-east-2', 'us-west-2'] as const;
const ACCOUNT = '123456789012';

let synthesis: Synthesis;
interface StackArtifact {
  readonly type: string;
  readonly environment: string;
  readonly properties: { readonly stackName: string };
  readonly dependencies?: string[];
}

let stacks: [string, StackArtifact][];
beforeAll(async () => {
  synthesis = await synthesize({
    bundle: false,
    context: { regions: REGIONS.join(), alarmConsumerLag: 'billing:10000' },
  });
  const { artifacts } = JSON.parse(await readFile(join(synthesis.folder, 'manifest.json'), 'utf8')) as {
    artifacts: Record<string, StackArtifact>;
  };
  stacks = Object.entries(artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
});
afterAll(() => synthesis?.remove());

const pairs = (): [string, Pair][] => Object.entries(synthesis.regions);
const othersOf = (region: string) => REGIONS.filter((other) => other !== region);
const bucketOf = (region: string) => `wadi-${ACCOUNT}-${region}`;
const aliasOf = (region: string) => `arn:aws:kms:${region}:${ACCOUNT}:alias/wadi`;

/** What CloudFormation makes of a value, where it knows account, partition and the exports of the storage stack of that region. */
function deployed(value: unknown, region: string): unknown {
  if (Array.isArray(value)) return value.map((each) => deployed(each, region));
  if (typeof value !== 'object' || value === null) return value;
  const { Ref, 'Fn::Join': joined, 'Fn::ImportValue': imported } = value as Record<string, unknown>;
  if (Ref === 'AWS::AccountId') return ACCOUNT;
  if (Ref === 'AWS::Partition') return 'aws';
  if (joined) return (deployed((joined as [string, unknown[]])[1], region) as unknown[]).join('');
  if (/RefStorageObjects/.test(String(imported))) return bucketOf(region);
  if (/StorageReplication/.test(String(imported))) return `arn:aws:iam::${ACCOUNT}:role/replication`;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, deployed(each, region)]));
}

interface TableProperties {
  readonly TableName: string;
  readonly TimeToLiveSpecification?: unknown;
  readonly GlobalTableWitnesses?: unknown;
  readonly Replicas: { readonly Region: string; readonly SSESpecification?: unknown }[];
}
const tablesOf = (template: Template) =>
  resourcesOf<TableProperties>(template, 'AWS::DynamoDB::GlobalTable').map(
    ([, { Properties }]) => Properties,
  );

describe('stacks', () => {
  test('are a pair in each region, with the names that one alone would have', () => {
    expect(
      stacks.map(([id, { environment, properties }]) => [id, environment, properties.stackName]),
    ).toEqual(
      REGIONS.flatMap((region) => [
        [`WadiStorage-${region}`, `aws://unknown-account/${region}`, 'WadiStorage'],
        [`Wadi-${region}`, `aws://unknown-account/${region}`, 'Wadi'],
      ]),
    );
  });

  test('have an order: the tables come after all keys, and functions after all that is kept', () => {
    const kept = REGIONS.map((region) => `WadiStorage-${region}`);
    const before = stacks.map(([id, { dependencies = [] }]) => [
      id,
      dependencies.filter((each) => !each.endsWith('.assets')),
    ]);
    expect(Object.fromEntries(before)).toEqual({
      'WadiStorage-us-east-1': ['WadiStorage-us-east-2', 'WadiStorage-us-west-2'],
      'WadiStorage-us-east-2': [],
      'WadiStorage-us-west-2': [],
      'Wadi-us-east-1': kept,
      'Wadi-us-east-2': kept,
      'Wadi-us-west-2': kept,
    });
  });

  test('know of other regions only names: no stack is asked for what another has made', () => {
    for (const [, { api, storage }] of pairs()) {
      expect(JSON.stringify([api, storage])).not.toContain('CrossRegionExport');
      const types = Object.values(api.Resources).map(({ Type }) => Type);
      expect(types.filter((type) => type.startsWith('Custom::'))).toEqual(['Custom::BucketReplication']);
    }
  });
});

describe('tables', () => {
  test('are made once, of all regions, strongly consistent, and in no other stack', () => {
    const [first, ...others] = pairs();
    for (const [, { storage }] of others) expect(tablesOf(storage)).toEqual([]);
    const tables = tablesOf(first![1].storage);
    expect(tables.map(({ TableName }) => TableName)).toEqual(['wadi-log', 'wadi-metadata', 'wadi-groups']);
    for (const table of tables) {
      expect(table).toMatchObject({ MultiRegionConsistency: 'STRONG', BillingMode: 'PAY_PER_REQUEST' });
      expect(table.Replicas.map(({ Region }) => Region).sort()).toEqual([...REGIONS]);
      expect(table).not.toHaveProperty('GlobalTableWitnesses');
    }
  });

  test('have no time to live, which AWS does not give them', () => {
    for (const table of tablesOf(synthesis.storage)) {
      expect(table).not.toHaveProperty('TimeToLiveSpecification');
      expect(table).not.toHaveProperty('LocalSecondaryIndexes');
    }
  });

  test('are protected, taken back in time, and encrypted with the region’s own key, in every region', () => {
    const [[keyId]] = resourcesOf(synthesis.storage, 'AWS::KMS::Key') as [[string, Resource]];
    for (const table of tablesOf(synthesis.storage)) {
      for (const replica of table.Replicas) {
        expect(replica).toMatchObject({
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 7 },
        });
        const key = { KMSMasterKeyId: { 'Fn::GetAtt': [keyId, 'Arn'] } };
        expect(deployed(replica.SSESpecification, replica.Region)).toEqual(
          replica.Region === 'us-east-1' ? key : { KMSMasterKeyId: aliasOf(replica.Region) },
        );
      }
    }
  });

  test('of two regions have a witness in a third', async () => {
    const context = { regions: 'eu-central-1,eu-west-1', witnessRegion: 'eu-west-3', clusterName: 'orders' };
    const two = await synthesize({ bundle: false, context });
    await two.remove();
    for (const table of tablesOf(two.storage)) {
      expect(table.TableName).toMatch(/^orders-/);
      expect(table.GlobalTableWitnesses).toEqual([{ Region: 'eu-west-3' }]);
      expect(table.Replicas.map(({ Region }) => Region).sort()).toEqual(['eu-central-1', 'eu-west-1']);
    }
    expect(Object.keys(two.regions)).toEqual(['eu-central-1', 'eu-west-1']);
  });
});

describe('buckets and keys', () => {
  test('have names that the other regions know before they are there, and outlive their stacks', () => {
    for (const [region, { storage }] of pairs()) {
      const [[, bucket]] = resourcesOf<{ BucketName: unknown }>(storage, 'AWS::S3::Bucket') as [
        [string, Resource<{ BucketName: unknown }>],
      ];
      expect(deployed(bucket.Properties.BucketName, region)).toBe(bucketOf(region));
      const [[, alias]] = resourcesOf(storage, 'AWS::KMS::Alias') as [[string, Resource]];
      expect(alias).toMatchObject({ Properties: { AliasName: 'alias/wadi' }, DeletionPolicy: 'Retain' });
      for (const { Type, DeletionPolicy } of Object.values(storage.Resources)) {
        if (/Bucket$|Key$|Alias$|Table$/.test(Type)) expect([Type, DeletionPolicy]).toEqual([Type, 'Retain']);
      }
    }
  });
});

describe('what acks=1 has put into one bucket', () => {
  interface Call {
    readonly service: string;
    readonly action: string;
    readonly parameters: { readonly Bucket: string; readonly ReplicationConfiguration: { Rules: Rule[] } };
  }
  interface Rule {
    readonly ID: string;
    readonly Priority: number;
    readonly Destination: object;
  }
  const callOf = ([region, { api }]: [string, Pair]): Call => {
    const [[, rules]] = resourcesOf<{ Create: unknown; Update: unknown; Delete?: unknown }>(
      api,
      'Custom::BucketReplication',
    ) as [[string, Resource<{ Create: unknown; Update: unknown; Delete?: unknown }>]];
    // They stay when the functions' stack goes.
    expect(rules.Properties.Delete).toBeUndefined();
    expect(rules.Properties.Update).toEqual(rules.Properties.Create);
    return JSON.parse(deployed(rules.Properties.Create, region) as string);
  };

  test('is brought to each of the others within 15 minutes, by its tag; deletions are not', () => {
    for (const [region, pair] of pairs()) {
      const { parameters, ...call } = callOf([region, pair]);
      expect(call).toMatchObject({ service: 'S3', action: 'PutBucketReplication' });
      expect(parameters.Bucket).toBe(bucketOf(region));
      expect(parameters.ReplicationConfiguration.Rules).toEqual(
        othersOf(region).map((other, i) => ({
          ID: `to-${other}`,
          Status: 'Enabled',
          Priority: i + 1,
          Filter: { Tag: { Key: 'wadi-replicate', Value: 'true' } },
          DeleteMarkerReplication: { Status: 'Disabled' },
          SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: 'Enabled' } },
          Destination: {
            Bucket: `arn:aws:s3:::${bucketOf(other)}`,
            EncryptionConfiguration: { ReplicaKmsKeyID: aliasOf(other) },
            ReplicationTime: { Status: 'Enabled', Time: { Minutes: 15 } },
            Metrics: { Status: 'Enabled', EventThreshold: { Minutes: 15 } },
          },
        })),
      );
    }
  });

  test('the call says all of that in the form that S3 takes: nothing is lost on the SDK', async () => {
    const { parameters } = callOf(pairs()[0]!);
    const { PutBucketReplicationCommand } = await import('@aws-sdk/client-s3');
    let sent = '';
    const client = new S3Client({
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    client.middlewareStack.add(
      () => (args) => {
        sent = (args as { request: { body: string } }).request.body;
        return Promise.reject(new Error('sent'));
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    await expect(client.send(new PutBucketReplicationCommand(parameters as never))).rejects.toThrow('sent');
    const values = (value: unknown): unknown[] =>
      typeof value === 'object' ? Object.values(value as object).flatMap(values) : [value];
    const told = [...sent.matchAll(/>([^<>]+)</g)].map(([, text]) => text);
    expect(told.sort()).toEqual(values(parameters.ReplicationConfiguration).map(String).sort());
  });

  test('is brought by a role that reads here, adds there, deletes nothing, and uses each key for its bucket alone', () => {
    for (const [region, { storage }] of pairs()) {
      const [role] = resourcesOf<object>(storage, 'AWS::IAM::Role').map(([id]) => id);
      const seen = (deployed(statementsOf(storage, role!), region) as Statement[]).map((statement) => {
        const { Effect, Action, Resource, Condition } = statement;
        expect(Effect).toBe('Allow');
        return [[Action].flat().join(), typeof Resource === 'string' ? Resource : 'own', Condition] as const;
      });
      const here = [
        's3:GetReplicationConfiguration,s3:ListBucket',
        's3:GetObjectVersionForReplication,s3:GetObjectVersionAcl,s3:GetObjectVersionTagging',
      ];
      expect(seen.slice(0, 2).map(([actions]) => actions)).toEqual(here);
      expect(seen.slice(2, 4)).toEqual(
        othersOf(region).map((other) => [
          's3:ReplicateObject,s3:ReplicateTags',
          `arn:aws:s3:::${bucketOf(other)}/*`,
          undefined,
        ]),
      );
      const [decrypt, ...encrypt] = seen.slice(4);
      expect(decrypt).toMatchObject([
        'kms:Decrypt',
        'own',
        { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
      ]);
      expect(encrypt).toEqual(
        othersOf(region).map((other) => [
          'kms:Encrypt',
          `arn:aws:kms:${other}:${ACCOUNT}:key/*`,
          {
            StringEquals: {
              'kms:ViaService': `s3.${other}.amazonaws.com`,
              'kms:EncryptionContext:aws:s3:arn': `arn:aws:s3:::${bucketOf(other)}`,
            },
            'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/wadi' },
          },
        ]),
      );
    }
  });

  test('takes no key, and no rights to one, where AWS’s keys encrypt', async () => {
    const context = { regions: REGIONS.join(), customerKey: false };
    const plain = await synthesize({ bundle: false, context });
    await plain.remove();
    expect(JSON.stringify(plain.regions)).not.toMatch(/kms/i);
  });
});

describe.each(REGIONS)('the functions in %s', (region) => {
  test('are told all buckets in the order of the configuration, the same cluster, and the tables of that region', () => {
    for (const { name } of FUNCTIONS) {
      const [, lambda] = functionOf(synthesis.regions[region]!.api, name);
      const variables = deployed(lambda.Properties.Environment.Variables, region) as Record<string, string>;
      expect(lambdaSettings({ ...variables, AWS_REGION: region })).toMatchObject({
        region,
        bucket: bucketOf(region),
        clusterId: `wadi-${ACCOUNT}-us-east-1`,
        regions: REGIONS.map((each) => ({ name: each, bucket: bucketOf(each) })),
        logTable: 'wadi-log',
        metadataTable: 'wadi-metadata',
        groupsTable: 'wadi-groups',
      });
    }
  });

  test('have alarms on regions that are out, and on S3: failures are told where objects come from, delay where they go', () => {
    interface AlarmProperties {
      readonly MetricName?: string;
      readonly Dimensions?: { readonly Name: string; readonly Value: unknown }[];
    }
    const alarms = resourcesOf<AlarmProperties>(synthesis.regions[region]!.api, 'AWS::CloudWatch::Alarm').map(
      ([, { Properties }]) => deployed(Properties, region) as AlarmProperties,
    );
    const seen = (metric: string) =>
      alarms
        .filter(({ MetricName }) => MetricName === metric)
        .map(({ Dimensions = [] }) => Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])));
    expect(seen('OperationsFailedReplication')).toEqual(
      othersOf(region).map((other) => ({
        SourceBucket: bucketOf(region),
        DestinationBucket: bucketOf(other),
        RuleId: `to-${other}`,
      })),
    );
    expect(seen('ReplicationLatency')).toEqual(
      othersOf(region).map((other) => ({
        SourceBucket: bucketOf(other),
        DestinationBucket: bucketOf(region),
        RuleId: `to-${region}`,
      })),
    );
    expect(seen('RegionsOut')).toEqual([{ cluster: `wadi-${ACCOUNT}-us-east-1`, service: 'maintenance' }]);
  });
});

describe('a storage of several regions', () => {
  const regions = { name: 'wadi', all: ['us-east-1', 'us-east-2', 'us-west-2'] };
  const inRegion = (region: string) => new Stack(new App(), 'Storage', { env: { region } });

  test('is of one of them', () => {
    expect(() => new WadiStorage(inRegion('eu-west-1'), 'Storage', { regions })).toThrow(
      'is none of us-east-1',
    );
  });

  test('has no name of its own, and no restored tables', () => {
    expect(() => new WadiStorage(inRegion('us-east-1'), 'Storage', { regions, name: 'mine' })).toThrow(
      'has neither a name',
    );
  });
});

describe('snapshots, to see in a change what it changes', () => {
  /** Without what one region has, too. */
  const seen = ({ Resources }: Template, ids: RegExp) =>
    Object.fromEntries(Object.entries(Resources).filter(([id]) => ids.test(id)));

  test('of what is kept in the first region', () => expect(seen(synthesis.storage, /./)).toMatchSnapshot());
  test('of what is kept in another', () =>
    expect(seen(synthesis.regions['us-east-2']!.storage, /Replication|Alias|Objects/)).toMatchSnapshot());
  test('of what can be replaced', () =>
    expect(
      seen(
        synthesis.regions['us-east-2']!.api,
        /^ClusterReplication|^ClusterApiproduceRole|RegionOut|AlarmsReplication/,
      ),
    ).toMatchSnapshot());
});
