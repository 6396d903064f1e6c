import { App, Stack } from 'aws-cdk-lib';
import { StreamsApplication, type StreamsApplicationProps } from '../../cdk/streamsApplication.ts';
import { WadiCluster } from '../../cdk/wadiCluster.ts';
import { WadiStorage } from '../../cdk/wadiStorage.ts';
import { STREAMS, WAKER } from '../../functions/manifest.ts';
import { headKey } from '../../lib/log/head.ts';
import {
  functionOf,
  getAtt,
  type Pair,
  type Resource,
  resourceName,
  resourcesOf,
  statementsOf,
  synthesize,
  type Template,
} from './support.ts';

const WORD_COUNT = 'lib/streams/examples/wordCount.ts';
const EARTHQUAKES = 'lib/streams/examples/earthquakes.ts';
const BOTH = `${WORD_COUNT},${EARTHQUAKES}`;
const SERVICES = ['streams-wordCount', 'streams-earthquakes'];
const REGIONS = ['us-east-1', 'us-east-2', 'us-west-2'];

async function withSettings(
  context: Record<string, unknown>,
): Promise<Pair & { regions: Record<string, Pair> }> {
  const made = await synthesize({ bundle: false, context });
  await made.remove();
  return made;
}

interface Invoked {
  readonly Action: string;
  readonly FunctionName: unknown;
  readonly Principal: unknown;
}

/** Who but the API may call a function by its own policy. */
const callersOf = (template: Template, id: string) =>
  resourcesOf<Invoked>(template, 'AWS::Lambda::Permission')
    .map(([, { Properties }]) => Properties)
    .filter(({ FunctionName }) => getAtt(FunctionName) === id);

const mappingsOf = (template: Template) =>
  resourcesOf<{ FunctionName: { Ref: string }; EventSourceArn: unknown; FilterCriteria?: unknown }>(
    template,
    'AWS::Lambda::EventSourceMapping',
  );

const streamsOf = (template: Template) =>
  resourcesOf<{ StreamSpecification?: unknown }>(template, 'AWS::DynamoDB::GlobalTable').flatMap(
    ([id, { Properties }]) => (Properties.StreamSpecification ? [[id, Properties.StreamSpecification]] : []),
  );

const alarmsOf = (template: Template) =>
  resourcesOf<{ AlarmDescription: string; MetricName: string; AlarmActions?: unknown[] }>(
    template,
    'AWS::CloudWatch::Alarm',
  );

let api: Template;
let storage: Template;
beforeAll(async () => {
  ({ api, storage } = await withSettings({ streams: BOTH, alarmEmail: 'ops@example.com' }));
});

describe('an application', () => {
  test.each(SERVICES)(
    '%s has a function, which the clock calls, and of which a call is not kept for long',
    (service) => {
      const [id, { Properties }] = functionOf(api, service);
      expect(Properties).toMatchObject({
        MemorySize: STREAMS.memoryMb,
        Timeout: STREAMS.timeoutSeconds,
        ReservedConcurrentExecutions: 1,
        Environment: { Variables: { POWERTOOLS_SERVICE_NAME: service } },
      });
      const schedules = resourcesOf<{
        ScheduleExpression: string;
        Target: { Arn: unknown; RoleArn: unknown };
      }>(api, 'AWS::Scheduler::Schedule');
      const [, schedule] = schedules.find(([, each]) => getAtt(each.Properties.Target.Arn) === id)!;
      expect(schedule.Properties.ScheduleExpression).toBe('rate(5 minutes)');
      expect(statementsOf(api, getAtt(schedule.Properties.Target.RoleArn))).toEqual([
        { Action: 'lambda:InvokeFunction', Effect: 'Allow', Resource: { 'Fn::GetAtt': [id, 'Arn'] } },
      ]);
      const configs = resourcesOf<{ FunctionName: { Ref: string } }>(api, 'AWS::Lambda::EventInvokeConfig');
      const [, config] = configs.find(([, each]) => each.Properties.FunctionName.Ref === id)!;
      expect(config.Properties).toMatchObject({ MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 });
    },
  );

  test.each(SERVICES)('%s lets the waker call it, and nobody else', (service) => {
    const [id] = functionOf(api, service);
    const { Role } = functionOf(api, WAKER.name)[1].Properties;
    expect(callersOf(api, id)).toMatchObject([{ Action: 'lambda:InvokeFunction', Principal: Role }]);
  });

  test.each(SERVICES)('%s has alarms on what fails, which somebody is told of', (service) => {
    const own = alarmsOf(api).filter(([id]) => id.startsWith(`S${service.slice(1).replace('-', '')}`));
    expect(own.map(([, { Properties }]) => Properties.MetricName).sort()).toEqual([
      'Errors',
      'StreamsTasksFailed',
    ]);
    for (const [, { Properties }] of own) expect(Properties.AlarmActions).toHaveLength(1);
    const [, { Properties }] = own.find(([, each]) => each.Properties.MetricName === 'StreamsTasksFailed')!;
    expect(Properties).toMatchObject({
      Namespace: 'Wadi',
      Dimensions: [{ Name: 'cluster' }, { Name: 'service', Value: service }],
    });
  });

  test('may be given more', async () => {
    const options = { memoryMb: 4096, maxWorkers: 3, everyMinutes: 1, timeoutSeconds: 900 };
    const { api } = await withSettings({ streams: { [WORD_COUNT]: options } });
    const [, { Properties }] = functionOf(api, 'streams-wordCount');
    expect(Properties).toMatchObject({ MemorySize: 4096, Timeout: 900, ReservedConcurrentExecutions: 3 });
    expect(JSON.stringify(resourcesOf(api, 'AWS::Scheduler::Schedule'))).toContain('rate(1 minute)');
  });

  test.each([
    [{}, 'breaching'],
    // Only where home is it tells how far it is.
    [{ regions: REGIONS.join(), consistency: 'eventual' }, 'notBreaching'],
  ])('may have an alarm on its lag; with %j nothing told is %s', async (context, missing) => {
    const { api } = await withSettings({ streams: { [WORD_COUNT]: { alarmLag: 5_000 } }, ...context });
    const [, { Properties }] = alarmsOf(api).find(([, each]) => each.Properties.MetricName === 'StreamsLag')!;
    expect(Properties).toMatchObject({
      ...{ Threshold: 5_000, Statistic: 'Maximum', Period: 300, EvaluationPeriods: 3, DatapointsToAlarm: 3 },
      TreatMissingData: missing,
      Dimensions: [{ Name: 'cluster' }, { Name: 'service', Value: 'streams-wordCount' }],
    });
  });

  test.each([
    [{ stopped: true }, 0],
    [{ reserveConcurrency: false }, undefined],
  ])('has no more concurrency than %j says', async (context, expected) => {
    const { api } = await withSettings({ streams: WORD_COUNT, ...context });
    const { ReservedConcurrentExecutions } = functionOf(api, 'streams-wordCount')[1].Properties as {
      ReservedConcurrentExecutions?: number;
    };
    expect(ReservedConcurrentExecutions).toBe(expected);
  });
});

describe('the waker', () => {
  test('is one for all applications, and is handed changes of the log table', () => {
    const mappings = mappingsOf(api).filter(
      ([, { Properties }]) => Properties.FunctionName.Ref === functionOf(api, WAKER.name)[0],
    );
    expect(mappings).toHaveLength(1);
    const [[, { Properties }]] = mappings as [(typeof mappings)[0]];
    expect(resourceName(Properties.EventSourceArn)).toBe('stream of log');
    expect(Properties).toMatchObject({
      StartingPosition: 'LATEST',
      MaximumBatchingWindowInSeconds: 1,
      MaximumRetryAttempts: 2,
      MaximumRecordAgeInSeconds: 60,
    });
    expect(streamsOf(storage)).toEqual([
      [expect.stringMatching(/^StorageLog/), { StreamViewType: 'KEYS_ONLY' }],
    ]);
  });

  test('is handed changes of heads alone', () => {
    const [, { Properties }] = mappingsOf(api).find(([, each]) => each.Properties.FilterCriteria)!;
    const { Filters } = Properties.FilterCriteria as { Filters: { Pattern: string }[] };
    const [{ Pattern }] = Filters as [{ Pattern: string }];
    const { sk } = headKey('topic', 0);
    expect(JSON.parse(Pattern)).toEqual({ eventName: ['MODIFY'], dynamodb: { Keys: { sk: { S: [sk] } } } });
  });

  test('has alarms on errors and throttles', () => {
    const ids = alarmsOf(api).map(([id]) => id);
    for (const alarm of ['FunctionErrorswaker', 'FunctionThrottleswaker'])
      expect(ids).toContainEqual(expect.stringContaining(`Waker${alarm}`));
  });

  test('is not there without applications, nor is the stream', async () => {
    const { api, storage } = await withSettings({});
    expect(functionOf(api, WAKER.name)).toBeUndefined();
    expect(mappingsOf(api)).toHaveLength(1);
    expect(streamsOf(storage)).toEqual([]);
  });

  test('is not there with restored tables; what it has used is kept until it is gone', async () => {
    const restored = await withSettings({ streams: BOTH, restoredTables: 'log-1,metadata-1,groups-1' });
    expect(functionOf(restored.api, WAKER.name)).toBeUndefined();
    expect(callersOf(restored.api, functionOf(restored.api, 'streams-wordCount')[0])).toEqual([]);
    expect(restored.storage.Outputs).toEqual(storage.Outputs);
    expect(streamsOf(restored.storage)).toEqual(streamsOf(storage));
  });
});

test('the dashboard shows what applications do, all in one row', () => {
  const [[, { Properties }]] = resourcesOf<{ DashboardBody: unknown }>(api, 'AWS::CloudWatch::Dashboard') as [
    [string, Resource<{ DashboardBody: unknown }>],
  ];
  const body = JSON.stringify(Properties.DashboardBody);
  for (const metric of ['StreamsRecords', 'StreamsLag', 'StreamsRestored', 'StreamsTasksFailed'])
    expect(body.split(metric)).toHaveLength(2);
});

test('without alarms there are none of them', async () => {
  const { api } = await withSettings({ streams: BOTH, alarms: false });
  expect(alarmsOf(api)).toEqual([]);
});

describe.each([
  ['strong', { regions: REGIONS.join() }],
  ['eventual', { regions: REGIONS.join(), consistency: 'eventual' }],
])('in several regions of %s consistency', (_, context) => {
  let regions: Record<string, Pair>;
  beforeAll(async () => {
    ({ regions } = await withSettings({ ...context, streams: BOTH }));
  });

  test('each has the applications, under the same names, so that all tell the registry the same', () => {
    for (const { api } of Object.values(regions)) {
      expect(functionOf(api, 'streams-wordCount')[1].Properties).toMatchObject({
        FunctionName: 'wadi-streams-wordCount',
      });
    }
  });

  test('the first has the waker, since only there the stream is known', () => {
    const [first, ...others] = REGIONS.map((region) => regions[region]!.api);
    expect(functionOf(first!, WAKER.name)).toBeDefined();
    expect(callersOf(first!, functionOf(first!, 'streams-wordCount')[0])).toHaveLength(1);
    for (const template of others) {
      expect(functionOf(template, WAKER.name)).toBeUndefined();
      expect(callersOf(template, functionOf(template, 'streams-wordCount')[0])).toEqual([]);
    }
  });
});

describe('in one’s own app', () => {
  const newApp = () => new App({ context: { 'aws:cdk:bundling-stacks': [] } });

  test('applications may be in a stack of their own, which depends on the cluster’s', () => {
    const app = newApp();
    const storage = new WadiStorage(new Stack(app, 'Storage'), 'Storage');
    const cluster = new WadiCluster(new Stack(app, 'Cluster'), 'Wadi', { storage });
    const stack = new Stack(app, 'Words');
    new StreamsApplication(stack, 'Words', {
      cluster,
      entry: WORD_COUNT,
      name: 'words',
      environment: { LANG: 'en' },
    });
    const assembly = app.synth();
    expect(assembly.getStackByName('Words').dependencies.map(({ id }) => id)).toContain('Cluster');
    const template = assembly.getStackByName('Words').template as Template;
    expect(functionOf(template, 'streams-words')[1].Properties.Environment.Variables).toMatchObject({
      LANG: 'en',
    });
    const ofCluster = assembly.getStackByName('Cluster').template as Template;
    expect(functionOf(ofCluster, WAKER.name)).toBeDefined();
    const [permission] = resourcesOf(template, 'AWS::Lambda::Permission') as [[string, Resource<Invoked>]];
    expect(JSON.stringify(permission[1].Properties.Principal)).toContain('Cluster:ExportsOutput');
  });

  test.each<[Partial<StreamsApplicationProps>, string]>([
    [{ entry: 'lib/streams/examples/nothing.ts' }, 'there is no module lib/streams/examples/nothing.ts'],
    [{ name: 'word count' }, "not 'word count'"],
    [{ name: 'w'.repeat(32) }, 'has up to 31 letters, digits, - and _'],
    [{ everyMinutes: 61 }, 'everyMinutes must be from 1 to 60'],
    [{ timeoutSeconds: 59 }, 'timeoutSeconds must be from 60 to 900'],
    [{ timeoutSeconds: 901 }, 'timeoutSeconds must be from 60 to 900'],
  ])('%j is refused', (props, message) => {
    const stack = new Stack(newApp(), 'Stack');
    const cluster = new WadiCluster(stack, 'Wadi');
    expect(() => new StreamsApplication(stack, 'App', { cluster, entry: WORD_COUNT, ...props })).toThrow(
      message,
    );
  });
});
