import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allOperations } from '../../functions/cluster.ts';
import { FUNCTIONS, HTTP_FUNCTIONS, LAG, MAINTENANCE, PLANNER } from '../../functions/manifest.ts';
import { lagGroups, lambdaSettings } from '../../lib/settings.ts';
import {
  allowed,
  functionOf,
  getAtt,
  type Resource,
  resourceName,
  resourcesOf,
  type Statement,
  type Synthesis,
  statementsOf,
  synthesize,
  type Template,
} from './support.ts';

let synthesis: Synthesis;
let api: Template;
let storage: Template;

/** So that there is all that there can be. */
const LAGGING = { alarmConsumerLag: 'billing:10000' };

beforeAll(async () => {
  synthesis = await synthesize({ bundle: false, context: LAGGING });
  ({ api, storage } = synthesis);
});
afterAll(() => synthesis?.remove());

const NAMES = FUNCTIONS.map(({ name }) => name);
const ROUTES = HTTP_FUNCTIONS.flatMap(({ name, routes }) => routes.map((route) => ({ name, route })));

/** The same of stores and queue alone. */
function allowedOfState(name: string): Record<string, string[]> {
  const state = ['objects', 'bucket', 'log', 'metadata', 'groups', 'queue'];
  return Object.fromEntries(
    Object.entries(allowed(api, name)).filter(([resource]) => state.includes(resource)),
  );
}

/** The app with other settings: its `Wadi` and its `WadiStorage`. */
async function withSettings(context: Record<string, unknown>): Promise<Synthesis> {
  const other = await synthesize({ bundle: false, context: { ...LAGGING, ...context } });
  await other.remove();
  return other;
}

interface Route {
  readonly RouteKey: string;
  readonly AuthorizationType: string;
  readonly AuthorizerId?: { readonly Ref: string };
}

const routesOf = (template: Template) =>
  resourcesOf<Route>(template, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => Properties);

describe('the API', () => {
  interface Stage {
    readonly DefaultRouteSettings: unknown;
    readonly AccessLogSettings: { readonly Format: string; readonly DestinationArn: unknown };
  }
  const stageOf = (template: Template) =>
    resourcesOf<Stage>(template, 'AWS::ApiGatewayV2::Stage')[0]![1].Properties;

  test('takes 2,000 requests a second unless told otherwise', async () => {
    const limits = { ThrottlingRateLimit: 2_000, ThrottlingBurstLimit: 2_000 };
    expect(stageOf(api).DefaultRouteSettings).toMatchObject(limits);
    const other = await withSettings({ throttlingRateLimit: 50, throttlingBurstLimit: 10 });
    expect(stageOf(other.api).DefaultRouteSettings).toMatchObject({
      ThrottlingRateLimit: 50,
      ThrottlingBurstLimit: 10,
    });
  });

  test('notes who asked for what as JSON, but no header, query or body', () => {
    const { Format, DestinationArn } = stageOf(api).AccessLogSettings;
    const variables = Object.values(JSON.parse(Format) as Record<string, string>);
    for (const variable of variables) expect(variable).toMatch(/^\$context\.[a-zA-Z.]+$/);
    expect(variables).toEqual(expect.arrayContaining(['$context.identity.userArn', '$context.status']));
    expect(Format).not.toMatch(/header|query|body/i);
    const group = api.Resources[getAtt(DestinationArn)] as Resource<{ LogGroupName: unknown }>;
    expect(group.Properties).toMatchObject({ RetentionInDays: 90 });
    expect(JSON.stringify(group.Properties.LogGroupName)).toContain('/aws/vendedlogs/');
  });

  test('can be opened for a trial, by its word only', async () => {
    const routes = routesOf((await withSettings({ authorization: 'none' })).api);
    expect(routes).toHaveLength(ROUTES.length);
    for (const { AuthorizationType } of routes) expect(AuthorizationType).toBe('NONE');
  });

  test('can ask for tokens of an issuer instead', async () => {
    const settings = { authorization: 'jwt', jwtIssuer: 'https://issuer.example', jwtAudience: 'wadi' };
    const { api } = await withSettings(settings);
    const [[id, authorizer]] = resourcesOf(api, 'AWS::ApiGatewayV2::Authorizer') as [[string, Resource]];
    expect(authorizer.Properties).toMatchObject({
      AuthorizerType: 'JWT',
      IdentitySource: ['$request.header.Authorization'],
      JwtConfiguration: { Issuer: 'https://issuer.example', Audience: ['wadi'] },
    });
    for (const route of routesOf(api)) {
      expect(route).toMatchObject({ AuthorizationType: 'JWT', AuthorizerId: { Ref: id } });
    }
  });

  test('tells browsers nothing, unless pages of some origins may call it: they then see every header of Wadi', async () => {
    const cors = (template: Template) =>
      resourcesOf<{ CorsConfiguration?: { ExposeHeaders: string[]; AllowHeaders: string[] } }>(
        template,
        'AWS::ApiGatewayV2::Api',
      )[0]![1].Properties.CorsConfiguration;
    expect(cors(api)).toBeUndefined();
    const other = await withSettings({ corsAllowOrigins: 'https://app.example,https://b.example' });
    expect(cors(other.api)).toMatchObject({
      AllowOrigins: ['https://app.example', 'https://b.example'],
      AllowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    });
    const { ExposeHeaders, AllowHeaders } = cors(other.api)!;
    const told = allOperations.flatMap(({ answerHeaders = {} }) => Object.keys(answerHeaders));
    expect(ExposeHeaders).toEqual(expect.arrayContaining(told.map((header) => header.toLowerCase())));
    expect(AllowHeaders).toEqual(
      expect.arrayContaining(['authorization', 'idempotency-key', 'wadi-member-id']),
    );

    const open = routesOf(other.api).filter(({ AuthorizationType }) => AuthorizationType === 'NONE');
    expect(open.map(({ RouteKey }) => RouteKey).sort()).toEqual(['OPTIONS /', 'OPTIONS /{proxy+}']);
  });
});

describe('alarms', () => {
  interface AlarmProperties {
    readonly AlarmDescription: string;
    readonly AlarmActions?: unknown[];
    readonly OKActions?: unknown[];
    readonly TreatMissingData: string;
    readonly Metrics?: { readonly Id: string }[];
  }
  const alarmsOf = (template: Template) => resourcesOf<AlarmProperties>(template, 'AWS::CloudWatch::Alarm');
  const alarm = (id: string) =>
    alarmsOf(api).find(([name]) => name.startsWith(`ClusterAlarms${id}`))![1].Properties;

  test('each points to its paragraph of the runbook, and each paragraph has an alarm', async () => {
    const runbook = await readFile(join(import.meta.dirname, '../../cdk/README.md'), 'utf8');
    const paragraphs = [...runbook.matchAll(/^#+ (Alarm: .*)$/gm)].map(([, title]) =>
      title!.toLowerCase().replace(':', '').replaceAll(' ', '-'),
    );
    const regional = await withSettings({
      regions: 'us-east-1,us-east-2,us-west-2',
      consistency: 'eventual',
      streams: { 'lib/streams/examples/wordCount.ts': { alarmLag: 1 } },
    });
    const pointed = alarmsOf(regional.api).map(([, { Properties }]) => {
      const [, anchor] = / What to do: cdk\/README\.md#(\S+)$/.exec(Properties.AlarmDescription)!;
      return anchor!;
    });
    expect([...new Set(pointed)].sort()).toEqual(paragraphs.sort());
  });

  test('a planner that is silent is noticed: nothing measured is as bad as no run', () => {
    expect(alarm('PlannerSilent')).toMatchObject({
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      EvaluationPeriods: 3,
      Period: 300,
      TreatMissingData: 'breaching',
    });
    for (const [id, { Properties }] of alarmsOf(api)) {
      if (!/PlannerSilent|ConsumerLag/.test(id)) expect(Properties.TreatMissingData).toBe('notBreaching');
    }
  });

  test('each function has one for errors and one for throttles, each table too', () => {
    const ids = alarmsOf(api).map(([id]) => id);
    const expected = [
      ...NAMES.flatMap((name) => [`FunctionErrors${name}`, `FunctionThrottles${name}`]),
      ...['log', 'metadata', 'groups'].flatMap((name) => [`TableErrors${name}`, `TableThrottles${name}`]),
    ];
    for (const name of expected) expect(ids).toContainEqual(expect.stringContaining(name));
  });

  test('none takes more metrics than CloudWatch allows for one', () => {
    for (const [, { Properties }] of alarmsOf(api)) {
      expect(Properties.Metrics?.length ?? 1).toBeLessThanOrEqual(10);
    }
  });

  test('go by the thresholds that are set', async () => {
    const { api } = await withSettings({ alarmAppendLatencyMs: 250, alarmUnmergedMinutes: 30 });
    const threshold = (id: string) =>
      alarmsOf(api).find(([name]) => name.startsWith(`ClusterAlarms${id}`))![1].Properties;
    expect(threshold('AppendLatency')).toMatchObject({ Threshold: 250, ExtendedStatistic: 'p99' });
    expect(threshold('UnmergedData')).toMatchObject({ Threshold: 30 * 60_000, Statistic: 'Maximum' });
  });

  test('appends that fail are told by the requests of which they were, whatever these were answered', async () => {
    const { Metrics = [], ...properties } = alarm('AppendErrors');
    expect(properties).toMatchObject({ Threshold: 1, DatapointsToAlarm: 3, EvaluationPeriods: 5 });
    expect(Metrics).toMatchObject([
      { Expression: '100 * FILL(failed, 0) / requests' },
      {
        Id: 'failed',
        MetricStat: {
          Metric: {
            Namespace: 'Wadi',
            MetricName: 'AppendsFailed',
            Dimensions: [{ Name: 'cluster' }, { Name: 'service', Value: 'produce' }],
          },
          Stat: 'SampleCount',
          Period: 60,
        },
      },
      { Id: 'requests', MetricStat: { Metric: { MetricName: 'Invocations' }, Stat: 'Sum', Period: 60 } },
    ]);
    const { api } = await withSettings({ alarmAppendErrorPercent: 5 });
    const [, { Properties }] = alarmsOf(api).find(([id]) => id.startsWith('ClusterAlarmsAppendErrors'))!;
    expect(Properties).toMatchObject({ Threshold: 5 });
  });

  test('are told to nobody, to a mailbox, or to a topic, also when they are over', async () => {
    for (const [, { Properties }] of alarmsOf(api)) expect(Properties.AlarmActions).toBeUndefined();

    const mailed = (await withSettings({ alarmEmail: 'ops@example.com' })).api;
    const [[topic]] = resourcesOf(mailed, 'AWS::SNS::Topic') as [[string, Resource]];
    expect(resourcesOf(mailed, 'AWS::SNS::Subscription')[0]![1].Properties).toMatchObject({
      Protocol: 'email',
      Endpoint: 'ops@example.com',
    });
    const arn = 'arn:aws:sns:eu-central-1:123456789012:ops';
    const told = (await withSettings({ alarmTopicArn: arn })).api;
    for (const [template, target] of [
      [mailed, { Ref: topic }],
      [told, arn],
    ] as const) {
      for (const [, { Properties }] of alarmsOf(template)) {
        expect(Properties).toMatchObject({ AlarmActions: [target], OKActions: [target] });
      }
    }
  });

  test('can be left out, with the dashboard', async () => {
    const { api } = await withSettings({ alarms: false });
    const types = Object.values(api.Resources).map(({ Type }) => Type);
    expect(types.filter((type) => type.startsWith('AWS::CloudWatch::'))).toEqual([]);
  });
});

describe('the lag of consumer groups', () => {
  interface LagAlarm {
    readonly AlarmDescription: string;
    readonly MetricName?: string;
    readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
  }
  const lagAlarms = (template: Template) =>
    resourcesOf<LagAlarm>(template, 'AWS::CloudWatch::Alarm').filter(
      ([, { Properties }]) => Properties.MetricName === 'ConsumerLag',
    );

  test('is measured for those groups that alarms are asked for, and for no others', async () => {
    const { api } = await withSettings({
      alarmConsumerLag: { billing: 10_000, 'a/b,c:d': 5, 'a--b,c:d': 7 },
    });
    const { Variables } = functionOf(api, 'lag')[1].Properties.Environment;
    expect(lagGroups(Variables as Record<string, string>)).toEqual(['billing', 'a/b,c:d', 'a--b,c:d']);
    const groups = lagAlarms(api).map(([, { Properties }]) =>
      Properties.Dimensions!.map(({ Name, Value }) => (Name === 'cluster' ? [Name] : [Name, Value])),
    );
    expect(groups.sort()).toEqual(
      ['billing', 'a/b,c:d', 'a--b,c:d']
        .map((group) => [['cluster'], ['group', group], ['service', 'lag']])
        .sort(),
    );
    expect(JSON.stringify(resourcesOf(api, 'AWS::CloudWatch::Dashboard'))).toContain('ConsumerLagMax');
  });

  test('is too much when it was above the threshold for a quarter of an hour, or was not measured', () => {
    expect(lagAlarms(api)).toHaveLength(1);
    expect(lagAlarms(api)[0]![1].Properties).toMatchObject({
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 10_000,
      Statistic: 'Maximum',
      Period: 300,
      EvaluationPeriods: 3,
      DatapointsToAlarm: 3,
      TreatMissingData: 'breaching',
    });
  });

  test.each([[{}], [{ ...LAGGING, alarms: false }]])(
    'is not measured where no alarm is wanted: %j',
    async (context) => {
      const { api, remove } = await synthesize({ bundle: false, context });
      await remove();
      expect(functionOf(api, 'lag')).toBeUndefined();
      expect(resourcesOf(api, 'AWS::Scheduler::Schedule')).toHaveLength(1);
      expect(JSON.stringify(api)).not.toContain('ConsumerLag');
    },
  );
});

describe('encryption by keys of AWS', () => {
  test('takes no key, and no rights to one', async () => {
    const { api, storage } = await withSettings({ customerKey: false });
    expect(resourcesOf(storage, 'AWS::KMS::Key')).toEqual([]);
    expect(JSON.stringify(api)).not.toContain('kms:');
    expect(JSON.stringify(storage)).toContain('AES256');
  });
});

describe('restored tables', () => {
  test('take the place of the cluster’s own, which are kept as they are', async () => {
    const { api, storage } = await withSettings({ restoredTables: 'log-1,metadata-1,groups-1' });
    expect(resourcesOf(storage, 'AWS::DynamoDB::GlobalTable')).toHaveLength(3);
    for (const name of NAMES) {
      expect(functionOf(api, name)[1].Properties.Environment.Variables).toMatchObject({
        WADI_LOG_TABLE: 'log-1',
        WADI_METADATA_TABLE: 'metadata-1',
        WADI_GROUPS_TABLE: 'groups-1',
      });
    }
    expect(JSON.stringify(allowed(api, 'cluster'))).toContain('table/metadata-1');
  });

  test('leave the exports of the stack that is kept as they are: CloudFormation takes none away that is in use', async () => {
    const restored = await withSettings({ restoredTables: 'log-1,metadata-1,groups-1' });
    expect(restored.storage.Outputs).toEqual(storage.Outputs);
  });
});

describe('routes', () => {
  const routes = () =>
    resourcesOf<{ RouteKey: string; AuthorizationType: string; Target: unknown }>(
      api,
      'AWS::ApiGatewayV2::Route',
    );

  test('the API has the routes of the manifest and no other', () => {
    expect(
      routes()
        .map(([, { Properties }]) => Properties.RouteKey)
        .sort(),
    ).toEqual(ROUTES.map(({ route }) => route).sort());
  });

  test.each(ROUTES)('$route is answered by $name, which the API may call for it', ({ name, route }) => {
    const [id] = functionOf(api, name);
    const [, found] = routes().find(([, { Properties }]) => Properties.RouteKey === route)!;
    const target = found.Properties.Target as { 'Fn::Join': [string, [string, { Ref: string }]] };
    const integration = api.Resources[target['Fn::Join'][1][1].Ref] as Resource<{ IntegrationUri: unknown }>;
    expect(getAtt(integration.Properties.IntegrationUri)).toBe(id);

    const call = `/$default/${route.replace(' ', '')}`;
    expect(permissions(id).some((pattern) => pattern.test(call))).toBe(true);
  });

  test('requests must be signed', () => {
    for (const [, { Properties }] of routes()) expect(Properties.AuthorizationType).toBe('AWS_IAM');
  });

  /** What API Gateway may be asked to call a function for: `/stage/METHOD/path`, or `/stage/$default`. */
  function permissions(functionId: string): RegExp[] {
    const found = resourcesOf<{ FunctionName: unknown; SourceArn: { 'Fn::Join': [string, unknown[]] } }>(
      api,
      'AWS::Lambda::Permission',
    ).filter(([, { Properties }]) => getAtt(Properties.FunctionName) === functionId);
    return found.map(([, { Properties }]) => {
      const pattern = Properties.SourceArn['Fn::Join'][1].at(-1) as string;
      return new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
    });
  }
});

describe.each(FUNCTIONS)('the function $name', ({ name, memoryMb, timeoutSeconds }) => {
  test('runs on Arm under Node 24, with the memory and time of the manifest', () => {
    const [, lambda] = functionOf(api, name);
    expect(lambda.Properties).toMatchObject({
      Architectures: ['arm64'],
      Runtime: 'nodejs24.x',
      MemorySize: memoryMb,
      Timeout: timeoutSeconds,
    });
  });

  test('is traced', () => {
    expect(functionOf(api, name)[1].Properties).toMatchObject({ TracingConfig: { Mode: 'Active' } });
    expect(allowed(api, name)).toHaveProperty('traces', [
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
  });

  test('is given the settings that it reads', () => {
    const [, lambda] = functionOf(api, name);
    // Lambda itself says where the function runs.
    const names = [...Object.keys(lambda.Properties.Environment.Variables), 'AWS_REGION'];
    const { authorizer, ...settings } = lambdaSettings(Object.fromEntries(names.map((each) => [each, each])));
    const told = [...Object.values(settings), ...authorizer.superUsers];
    const isAsked = HTTP_FUNCTIONS.some((each) => each.name === name);
    const others = [
      'POWERTOOLS_SERVICE_NAME',
      ...(isAsked ? ['WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND'] : []),
      ...(name === LAG.name ? ['WADI_LAG_GROUPS'] : []),
    ];
    expect([...told, ...others].sort()).toEqual(names.sort());
  });

  test('writes to a log group of its own, which forgets', () => {
    const [, lambda] = functionOf(api, name);
    const { LogGroup } = (lambda.Properties as unknown as { LoggingConfig: { LogGroup: { Ref: string } } })
      .LoggingConfig;
    const group = api.Resources[LogGroup.Ref] as Resource<{ RetentionInDays: number; KmsKeyId: unknown }>;
    expect(group.Properties.RetentionInDays).toBe(30);
    expect(resourceName(group.Properties.KmsKeyId)).toBe('key');
    expect(LogGroup.Ref).toContain(name);
    expect(allowed(api, name)).toHaveProperty('logs', ['logs:CreateLogStream', 'logs:PutLogEvents']);
  });

  test('has a role of its own, and no more than its policy', () => {
    const role = getAtt(functionOf(api, name)[1].Properties.Role);
    const others = NAMES.filter((other) => other !== name);
    expect(others.map((other) => getAtt(functionOf(api, other)[1].Properties.Role))).not.toContain(role);
    expect(Object.keys(api.Resources[role]!.Properties as object)).toEqual(['AssumeRolePolicyDocument']);
  });

  test('is allowed no action by a wildcard', () => {
    for (const action of Object.values(allowed(api, name)).flat())
      expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
  });
});

describe('permissions', () => {
  const readItems = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'];
  const writeItems = ['dynamodb:PutItem', 'dynamodb:UpdateItem'];

  test('produce adds to the log, but can neither read records nor delete anything', () => {
    expect(allowedOfState('produce')).toEqual({
      objects: ['s3:PutObject'],
      log: [...readItems, ...writeItems].sort(),
      metadata: readItems,
    });
  });

  test('fetch only reads; it may list, so that S3 tells what is gone from what is forbidden', () => {
    expect(allowedOfState('fetch')).toEqual({
      objects: ['s3:GetObject'],
      bucket: ['s3:ListBucket'],
      log: readItems,
      metadata: readItems,
    });
  });

  test.each(['consumers', 'groups'])('%s reads the log, and changes nothing but groups', (name) => {
    expect(allowedOfState(name)).toEqual({
      objects: ['s3:GetObject'],
      bucket: ['s3:ListBucket'],
      log: readItems,
      metadata: readItems,
      groups: [...readItems, ...writeItems, 'dynamodb:DeleteItem'].sort(),
    });
  });

  test('topics changes items, but writes no objects, and deletes nothing: what it marks, maintenance takes away', () => {
    const changed = [...readItems, ...writeItems].sort();
    expect(allowedOfState('topics')).toEqual({
      objects: ['s3:GetObject'],
      bucket: ['s3:ListBucket'],
      log: changed,
      metadata: changed,
    });
  });

  test('streamsApi only reads: items, and of records those of changelogs, for which it is the ACLs that answer', () => {
    expect(allowedOfState('streamsApi')).toEqual({
      objects: ['s3:GetObject'],
      bucket: ['s3:ListBucket'],
      log: readItems,
      metadata: readItems,
      groups: readItems,
    });
  });

  test('streamsReset appends what was committed, marks topics, and deletes steps and snapshots', () => {
    const changed = [...readItems, ...writeItems].sort();
    expect(allowedOfState('streamsReset')).toEqual({
      objects: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
      bucket: ['s3:ListBucket'],
      log: changed,
      metadata: changed,
      groups: [...changed, 'dynamodb:DeleteItem'].sort(),
    });
  });

  test('planner reads what is due, puts the daily sweep there, and sends; it sees no records and no topics', () => {
    expect(allowedOfState('planner')).toEqual({
      log: [...readItems, ...writeItems].sort(),
      queue: ['sqs:GetQueueAttributes', 'sqs:SendMessage'],
    });
  });

  test('maintenance may do everything to objects and items, receive its messages and hand on', () => {
    const all = [...readItems, ...writeItems, 'dynamodb:DeleteItem'].sort();
    expect(allowedOfState('maintenance')).toEqual({
      objects: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
      bucket: ['s3:ListBucket'],
      log: all,
      metadata: all,
      groups: all,
      queue: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage', 'sqs:SendMessage'],
    });
  });

  test('lag reads items, no records, and changes nothing', () => {
    expect(allowedOfState('lag')).toEqual({ log: readItems, metadata: readItems, groups: readItems });
  });

  test('maintenanceApi asks for work, and does none', () => {
    expect(allowedOfState('maintenanceApi')).toEqual({
      log: [...readItems, ...writeItems].sort(),
      metadata: readItems,
      queue: ['sqs:SendMessage'],
    });
  });

  test('cluster sees nothing of the log', () => {
    expect(allowedOfState('cluster')).toEqual({ metadata: readItems });
  });

  test('who appends can encrypt records, and decrypt none of them', () => {
    expect(allowed(api, 'produce')).toMatchObject({
      'key through s3': ['kms:GenerateDataKey'],
      'key through dynamodb': ['kms:Decrypt'],
    });
    expect(allowed(api, 'fetch')).toMatchObject({ 'key through s3': ['kms:Decrypt'] });
    expect(allowed(api, 'cluster')).not.toHaveProperty('key through s3');
  });
});

describe('maintenance', () => {
  const queues = () => resourcesOf(api, 'AWS::SQS::Queue');

  test.each([PLANNER, LAG])(
    'the clock calls $name every 5 minutes, as a role that may do that alone',
    ({ name }) => {
      interface ScheduleProperties {
        readonly ScheduleExpression: string;
        readonly State: string;
        readonly Target: { readonly Arn: unknown; readonly RoleArn: unknown };
      }
      const [called] = functionOf(api, name);
      const [[, schedule]] = resourcesOf<ScheduleProperties>(api, 'AWS::Scheduler::Schedule').filter(
        ([, { Properties }]) => getAtt(Properties.Target.Arn) === called,
      ) as [[string, Resource<ScheduleProperties>]];
      const { ScheduleExpression, State, Target } = schedule.Properties;
      expect({ ScheduleExpression, State }).toEqual({
        ScheduleExpression: 'rate(5 minutes)',
        State: 'ENABLED',
      });
      const role = getAtt(Target.RoleArn);
      expect(statementsOf(api, role)).toEqual([
        { Action: 'lambda:InvokeFunction', Effect: 'Allow', Resource: { 'Fn::GetAtt': [called, 'Arn'] } },
      ]);
    },
  );

  test('the queue is encrypted, only for TLS, hides a message for as long as Lambda asks, and puts aside what kills', () => {
    expect(queues()).toHaveLength(2);
    for (const [, { Properties }] of queues()) {
      const { KmsMasterKeyId } = Properties as { KmsMasterKeyId: unknown };
      expect(resourceName(KmsMasterKeyId)).toBe('key');
    }
    const [queue, deadLetters] = ['Queue', 'DeadLetters'].map(
      (name) => queues().find(([id]) => id.startsWith(`ClusterMaintenance${name}`))!,
    );
    expect(queue![1].Properties).toMatchObject({
      VisibilityTimeout: 6 * MAINTENANCE.timeoutSeconds,
      RedrivePolicy: {
        deadLetterTargetArn: { 'Fn::GetAtt': [deadLetters![0], 'Arn'] },
        maxReceiveCount: 5,
      },
    });
    const policies = resourcesOf<{ PolicyDocument: { Statement: (Statement & { Condition: unknown })[] } }>(
      api,
      'AWS::SQS::QueuePolicy',
    );
    expect(policies).toHaveLength(2);
    for (const [, { Properties }] of policies) {
      expect(Properties.PolicyDocument.Statement).toMatchObject([
        { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      ]);
    }
  });

  test('workers get one message each, no more of them than the manifest says, and answer for each', () => {
    const [[, mapping]] = resourcesOf<{ EventSourceArn: unknown; FunctionName: { Ref: string } }>(
      api,
      'AWS::Lambda::EventSourceMapping',
    ) as [[string, Resource<{ EventSourceArn: unknown; FunctionName: { Ref: string } }>]];
    expect(mapping.Properties).toMatchObject({
      BatchSize: 1,
      ScalingConfig: { MaximumConcurrency: MAINTENANCE.concurrency },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      FunctionName: { Ref: functionOf(api, 'maintenance')[0] },
    });
    expect(resourceName(mapping.Properties.EventSourceArn)).toBe('queue');
  });
});

describe('what is kept', () => {
  const kept = ['AWS::S3::Bucket', 'AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key'];

  const keyId = () => resourcesOf(storage, 'AWS::KMS::Key')[0]![0];

  test('is all in a stack of its own, with nothing that can be replaced', () => {
    const types = Object.values(storage.Resources).map(({ Type }) => Type);
    expect(new Set(types)).toEqual(new Set([...kept, 'AWS::S3::BucketPolicy']));
    for (const { Type } of Object.values(api.Resources)) expect(kept).not.toContain(Type);
  });

  test('outlives its stack', () => {
    const resources = Object.values(storage.Resources).filter(({ Type }) => kept.includes(Type));
    expect(resources).toHaveLength(5);
    for (const { DeletionPolicy } of resources) expect(DeletionPolicy).toBe('Retain');
  });

  test('the tables are as the storage adapter expects them, protected, and can be taken back in time', () => {
    const tables = resourcesOf(storage, 'AWS::DynamoDB::GlobalTable');
    expect(tables).toHaveLength(3);
    for (const [, { Properties }] of tables) {
      expect(Properties).toMatchObject({
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: [
          {
            DeletionProtectionEnabled: true,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 7 },
            SSESpecification: { KMSMasterKeyId: { 'Fn::GetAtt': [keyId(), 'Arn'] } },
          },
        ],
      });
    }
  });

  test('one key encrypts it all, and is changed every year', () => {
    expect(storage.Resources[keyId()]!.Properties).toMatchObject({ EnableKeyRotation: true });
  });

  test('the bucket is encrypted by way of a key of its own, and closed to the public', () => {
    const [[, bucket]] = resourcesOf(storage, 'AWS::S3::Bucket') as [[string, Resource]];
    expect(bucket.Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: {
              SSEAlgorithm: 'aws:kms',
              KMSMasterKeyID: { 'Fn::GetAtt': [keyId(), 'Arn'] },
            },
          },
        ],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    });
  });

  test('what is deleted from the bucket is kept for as long as tables can be taken back, uploads that broke off are not', () => {
    const [[, bucket]] = resourcesOf(storage, 'AWS::S3::Bucket') as [[string, Resource]];
    expect(bucket.Properties).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      LifecycleConfiguration: {
        Rules: [
          { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' },
          {
            NoncurrentVersionExpiration: { NoncurrentDays: 8 },
            ExpiredObjectDeleteMarker: true,
            Status: 'Enabled',
          },
        ],
      },
    });
  });

  test('the bucket policy only denies, first of all what comes without TLS', () => {
    const [[, policy]] = resourcesOf(storage, 'AWS::S3::BucketPolicy') as [
      [string, Resource<{ PolicyDocument: { Statement: (Statement & { Condition: unknown })[] } }>],
    ];
    const statements = policy.Properties.PolicyDocument.Statement;
    for (const { Effect } of statements) expect(Effect).toBe('Deny');
    expect(statements.map(({ Condition }) => Condition)).toContainEqual({
      Bool: { 'aws:SecureTransport': 'false' },
    });
  });
});

test('the stack tells what one needs to use the cluster', () => {
  expect(Object.keys(api.Outputs).sort()).toEqual([
    'BucketName',
    'ClusterId',
    'GroupsTableName',
    'LogTableName',
    'MetadataTableName',
    'Url',
  ]);
});

describe('snapshots, to see in a change what it changes', () => {
  /** Without what is made of code, and of routes, which are many and looked at one by one above. */
  const seen = ({ Resources, ...rest }: Template) => {
    const left = Object.entries(Resources).filter(
      ([, { Type }]) => !['AWS::ApiGatewayV2::Route', 'AWS::Lambda::Permission'].includes(Type),
    );
    const text = JSON.stringify({ ...rest, Resources: Object.fromEntries(left) });
    return JSON.parse(text.replace(/[0-9a-f]{64}(?=\.zip)/g, 'hash'));
  };

  test('of what is kept', () => expect(seen(storage)).toMatchSnapshot());
  test('of what can be replaced', () => expect(seen(api)).toMatchSnapshot());
});

describe('concurrency', () => {
  const reserved = (template: Template) =>
    resourcesOf<{ ReservedConcurrentExecutions?: number }>(template, 'AWS::Lambda::Function').map(
      ([, { Properties }]) => Properties.ReservedConcurrentExecutions,
    );

  test('is kept for maintenance, as much as it may use, for what looks at groups, and for nobody else', () => {
    for (const { name } of HTTP_FUNCTIONS) {
      expect(functionOf(api, name)[1].Properties).not.toHaveProperty('ReservedConcurrentExecutions');
    }
    expect(functionOf(api, MAINTENANCE.name)[1].Properties).toMatchObject({
      ReservedConcurrentExecutions: MAINTENANCE.concurrency,
    });
    for (const { name } of [PLANNER, LAG]) {
      expect(functionOf(api, name)[1].Properties).toMatchObject({ ReservedConcurrentExecutions: 1 });
    }
  });

  test.each([
    [{ produceConcurrency: 200 }, { produce: 200 }],
    [{ pollConcurrency: '300' }, { fetch: 300, consumers: 300 }],
    [
      { produceConcurrency: 200, pollConcurrency: 50 },
      { produce: 200, fetch: 50, consumers: 50 },
    ],
  ])('is kept for appends, or for long polls, by %j', async (context, expected) => {
    const other = await withSettings(context);
    const own = HTTP_FUNCTIONS.flatMap(({ name }) => {
      const { Properties } = functionOf(other.api, name)[1] as Resource<{
        ReservedConcurrentExecutions?: number;
      }>;
      const kept = Properties.ReservedConcurrentExecutions;
      return kept === undefined ? [] : [[name, kept] as const];
    });
    expect(Object.fromEntries(own)).toEqual(expected);
  });

  test('is not kept in an account that has little', async () => {
    const small = await withSettings({ reserveConcurrency: 'false' });
    expect(new Set(reserved(small.api))).toEqual(new Set([undefined]));
  });

  test('is nobody’s while all is stopped', async () => {
    const stopped = await withSettings({ stopped: 'true', produceConcurrency: 200, pollConcurrency: 50 });
    expect(reserved(stopped.api)).toEqual(FUNCTIONS.map(() => 0));
  });
});
