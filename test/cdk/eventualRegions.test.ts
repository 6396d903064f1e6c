import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FAILOVER, FUNCTIONS } from '../../functions/manifest.ts';
import { lambdaSettings } from '../../lib/settings.ts';
import {
  functionOf,
  type Pair,
  resourcesOf,
  type Statement,
  type Synthesis,
  statementsOf,
  synthesize,
  type Template,
} from './support.ts';

/** Of no set of DynamoDB's. */
const REGIONS = ['us-east-1', 'eu-west-1'];
const WITNESS = 'sa-east-1';
const COPIES = [...REGIONS, WITNESS];

let synthesis: Synthesis;
beforeAll(async () => {
  const context = { regions: REGIONS.join(), witnessRegion: WITNESS, consistency: 'eventual' };
  synthesis = await synthesize({ bundle: false, context });
});
afterAll(() => synthesis.remove());

const pairs = (): [string, Pair][] => Object.entries(synthesis.regions);
const storageOfWitness = () => join(synthesis.folder, `WadiStorage-${WITNESS}.template.json`);

/** What CloudFormation makes of a value that is joined of account, partition and texts; what it imports is told by its name. */
function text(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, 'Fn::Join': joined, ...rest } = value as { Ref?: string; 'Fn::Join'?: [string, unknown[]] };
  if (joined) return joined[1].map(text).join('');
  return Ref ?? JSON.stringify(rest);
}

interface TableProperties {
  readonly Replicas: { readonly Region: string; readonly SSESpecification?: { KMSMasterKeyId: unknown } }[];
}
const tablesOf = (template: Template) =>
  resourcesOf<TableProperties>(template, 'AWS::DynamoDB::GlobalTable').map(
    ([, { Properties }]) => Properties,
  );

describe('tables', () => {
  test('have a replica in each region and in the witness’s, each protected and taken back in time', () => {
    const tables = tablesOf(synthesis.storage);
    expect(tables).toHaveLength(3);
    for (const table of tables) {
      expect(table.Replicas.map(({ Region }) => Region).sort()).toEqual([...COPIES].sort());
      for (const replica of table.Replicas) {
        expect(replica).toMatchObject({
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 7 },
        });
        const alias = `arn:AWS::Partition:kms:${replica.Region}:AWS::AccountId:alias/wadi`;
        if (replica.Region !== REGIONS[0]) expect(text(replica.SSESpecification!.KMSMasterKeyId)).toBe(alias);
      }
    }
    expect(tablesOf(synthesis.regions['eu-west-1']!.storage)).toEqual([]);
  });

  test('are not strongly consistent, have no witness of DynamoDB’s, and delete nothing by themselves', () => {
    for (const table of tablesOf(synthesis.storage)) {
      expect(table).not.toHaveProperty('MultiRegionConsistency');
      expect(table).not.toHaveProperty('GlobalTableWitnesses');
      expect(table).not.toHaveProperty('TimeToLiveSpecification');
    }
  });
});

describe('the witness', () => {
  test('has the key of its replicas, which is there before them, and nothing else', async () => {
    const { Resources } = JSON.parse(await readFile(storageOfWitness(), 'utf8')) as Template;
    expect(Object.values(Resources).map(({ Type }) => Type)).toEqual(['AWS::KMS::Key', 'AWS::KMS::Alias']);
    for (const { DeletionPolicy } of Object.values(Resources)) expect(DeletionPolicy).toBe('Retain');
    const { artifacts } = JSON.parse(await readFile(join(synthesis.folder, 'manifest.json'), 'utf8'));
    expect(artifacts['WadiStorage-us-east-1'].dependencies).toEqual(
      expect.arrayContaining([`WadiStorage-${WITNESS}`, 'WadiStorage-eu-west-1']),
    );
    expect(existsSync(join(synthesis.folder, `Wadi-${WITNESS}.template.json`))).toBe(false);
  });

  test('has no stack where AWS’s keys encrypt, and none is needed by three regions', async () => {
    const eventual = { consistency: 'eventual', customerKey: false };
    const two = await synthesize({
      bundle: false,
      context: { ...eventual, regions: REGIONS.join(), witnessRegion: WITNESS },
    });
    await two.remove();
    expect(JSON.stringify(two.regions)).not.toMatch(/kms/i);
    const four = [...COPIES, 'ap-south-1'];
    const many = await synthesize({ bundle: false, context: { ...eventual, regions: four.join() } });
    await many.remove();
    for (const table of tablesOf(many.storage))
      expect(table.Replicas.map(({ Region }) => Region).sort()).toEqual([...four].sort());
  });
});

test('functions are told how the copies are kept alike, and where there are more than regions', () => {
  for (const [region, { api }] of pairs()) {
    for (const { name } of [...FUNCTIONS.filter(({ name }) => name !== 'lag'), FAILOVER]) {
      const variables = Object.entries(functionOf(api, name)[1].Properties.Environment.Variables);
      const environment = Object.fromEntries(variables.map(([key, value]) => [key, text(value)]));
      expect(lambdaSettings({ ...environment, AWS_REGION: region })).toMatchObject({
        ...{ region, consistency: 'eventual', witnessRegion: WITNESS, logTable: 'wadi-log' },
        regions: REGIONS.map((name) => ({ name, bucket: `wadi-AWS::AccountId-${name}` })),
      });
    }
  }
});

describe('the function failover', () => {
  test('is in each region, has all the time that there is, and is named by an output', () => {
    for (const [, { api }] of pairs()) {
      const [id, lambda] = functionOf(api, 'failover');
      expect(lambda.Properties).toMatchObject({ Timeout: 900, MemorySize: 2048 });
      expect(api.Outputs.FailoverFunctionName!.Value).toEqual({ Ref: id });
    }
  });

  test('is called by nobody but whom IAM allows to: neither the API, nor the clock, nor a queue', () => {
    for (const [, { api }] of pairs()) {
      const [id, lambda] = functionOf(api, 'failover');
      const role = (lambda.Properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0];
      const users = Object.entries(api.Resources).filter(([, resource]) =>
        JSON.stringify(resource.Properties ?? {}).includes(`"${id}"`),
      );
      // What says that an invocation is not repeated.
      expect(users.map(([, { Type }]) => Type)).toEqual(['AWS::Lambda::EventInvokeConfig']);
      expect(users[0]![1]).toMatchObject({ Properties: { MaximumRetryAttempts: 0 } });
      expect(statementsOf(api, role)).not.toEqual([]);
    }
  });

  test('is not there where no region is home', async () => {
    const regions = 'us-east-1,us-east-2,us-west-2';
    const strong = await synthesize({ bundle: false, context: { regions } });
    await strong.remove();
    expect(JSON.stringify(strong.api)).not.toContain('Wadi failover');
    expect(strong.api.Outputs).not.toHaveProperty('FailoverFunctionName');
  });
});

test('quotas are counted in the tables of whoever is home, in whatever epoch, and nothing else is written', () => {
  for (const [, { api }] of pairs()) {
    const [, lambda] = functionOf(api, 'fetch');
    const role = (lambda.Properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0];
    const puts = (statementsOf(api, role) as Statement[]).filter(
      ({ Action }) => Action === 'dynamodb:PutItem',
    );
    expect(puts.map(({ Resource }) => /:dynamodb:([\w-]+):/.exec(text(Resource))![1]).sort()).toEqual(
      [...REGIONS].sort(),
    );
    for (const { Condition } of puts) {
      expect(Condition).toEqual({
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['spent/*', 'e*/spent/*'] },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      });
    }
  }
});

test('an alarm tells when items are late, of each of the tables and each other copy', () => {
  interface AlarmProperties {
    readonly Threshold: number;
    readonly Metrics: {
      readonly Expression?: string;
      readonly MetricStat?: {
        readonly Metric: { MetricName: string; Dimensions: { Name: string; Value: string }[] };
      };
    }[];
  }
  for (const [region, { api }] of pairs()) {
    const alarms = resourcesOf<AlarmProperties>(api, 'AWS::CloudWatch::Alarm').filter(([id]) =>
      id.startsWith('ClusterAlarmsTableLag'),
    );
    const seen = alarms.map(([, { Properties }]) => {
      expect(Properties.Threshold).toBe(5_000);
      const metrics = Properties.Metrics.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []));
      return metrics.map(({ MetricName, Dimensions }) => [
        MetricName,
        Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
      ]);
    });
    expect(seen).toEqual(
      COPIES.filter((copy) => copy !== region).map((ReceivingRegion) =>
        ['log', 'metadata', 'groups'].map((table) => [
          'ReplicationLatency',
          { ReceivingRegion, TableName: `wadi-${table}` },
        ]),
      ),
    );
  }
});

describe('snapshots, to see in a change what it changes', () => {
  const seen = ({ Resources }: Template, ids: RegExp) =>
    Object.fromEntries(Object.entries(Resources).filter(([id]) => ids.test(id)));

  test('of the tables', () => expect(seen(synthesis.storage, /Replicated/)).toMatchSnapshot());
  test('of what a failover may do, what produce may, and the alarms', () =>
    expect(
      seen(
        synthesis.regions['eu-west-1']!.api,
        /^ClusterFailoverfailover(Role|Function)|^ClusterApiproduceRole|AlarmsTableLag/,
      ),
    ).toMatchSnapshot());
});
