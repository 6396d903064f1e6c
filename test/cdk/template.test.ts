import { FUNCTIONS, HTTP_FUNCTIONS, MAINTENANCE } from '../../functions/manifest.ts';
import { lambdaSettings } from '../../lib/settings.ts';
import {
  functionOf,
  type Resource,
  resourcesOf,
  type Synthesis,
  synthesize,
  type Template,
} from './support.ts';

let synthesis: Synthesis;
let api: Template;
let storage: Template;

beforeAll(async () => {
  synthesis = await synthesize({ bundle: false });
  ({ api, storage } = synthesis);
});
afterAll(() => synthesis.remove());

const NAMES = FUNCTIONS.map(({ name }) => name);
const ROUTES = HTTP_FUNCTIONS.flatMap(({ name, routes }) => routes.map((route) => ({ name, route })));

interface Statement {
  Action: string | string[];
  Effect: string;
  Resource: unknown;
}

/** What the role of a function allows: actions by what they are for. */
function allowed(name: string): Record<string, string[]> {
  const [, lambda] = functionOf(api, name);
  const role = getAtt(lambda.Properties.Role);
  const policies = resourcesOf<{ PolicyDocument: { Statement: Statement[] }; Roles: { Ref: string }[] }>(
    api,
    'AWS::IAM::Policy',
  ).filter(([, { Properties }]) => Properties.Roles.some(({ Ref }) => Ref === role));
  const statements = policies.flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
  const allowed: Record<string, string[]> = {};
  for (const { Action, Effect, Resource } of statements) {
    expect(Effect).toBe('Allow');
    const resource = resourceName(Resource);
    allowed[resource] = [...new Set([...(allowed[resource] ?? []), Action].flat())].sort();
  }
  return allowed;
}

const getAtt = (value: unknown) => (value as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'][0];

/** Which of the things that a function may reach; anything else fails the test that asks. */
function resourceName(resource: unknown): string {
  const text = JSON.stringify(resource);
  const names = {
    objects:
      /^\{"Fn::Join":\["",\[\{"Fn::ImportValue":"WadiStorage:\w*StorageObjects\w+Arn\w+"\},"\/\*"\]\]\}$/,
    bucket: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageObjects\w+Arn\w+"\}$/,
    log: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageLog\w+Arn\w+"\}$/,
    metadata: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageMetadata\w+Arn\w+"\}$/,
    groups: /^\{"Fn::ImportValue":"WadiStorage:\w*StorageGroups\w+Arn\w+"\}$/,
    queue: /^\{"Fn::GetAtt":\["\w+MaintenanceQueue\w+","Arn"\]\}$/,
    logs: /^\{"Fn::GetAtt":\["\w+Logs\w+","Arn"\]\}$/,
  };
  return Object.entries(names).find(([, pattern]) => pattern.test(text))?.[0] ?? text;
}

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

  test('is given the settings that it reads', () => {
    const [, lambda] = functionOf(api, name);
    const names = Object.keys(lambda.Properties.Environment.Variables);
    const { authorizer, ...settings } = lambdaSettings(Object.fromEntries(names.map((each) => [each, each])));
    const told = [...Object.values(settings), ...authorizer.superUsers];
    const isAsked = HTTP_FUNCTIONS.some((each) => each.name === name);
    expect([...told, ...(isAsked ? ['WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND'] : [])].sort()).toEqual(
      names.sort(),
    );
  });

  test('writes to a log group of its own, which forgets', () => {
    const [, lambda] = functionOf(api, name);
    const { LogGroup } = (lambda.Properties as unknown as { LoggingConfig: { LogGroup: { Ref: string } } })
      .LoggingConfig;
    const group = api.Resources[LogGroup.Ref] as Resource<{ RetentionInDays: number }>;
    expect(group.Properties.RetentionInDays).toBe(30);
    expect(LogGroup.Ref).toContain(name);
    expect(allowed(name)).toHaveProperty('logs', ['logs:CreateLogStream', 'logs:PutLogEvents']);
  });

  test('has a role of its own, and no more than its policy', () => {
    const role = getAtt(functionOf(api, name)[1].Properties.Role);
    const others = NAMES.filter((other) => other !== name);
    expect(others.map((other) => getAtt(functionOf(api, other)[1].Properties.Role))).not.toContain(role);
    expect(Object.keys(api.Resources[role]!.Properties as object)).toEqual(['AssumeRolePolicyDocument']);
  });

  test('is allowed no action by a wildcard', () => {
    for (const action of Object.values(allowed(name)).flat()) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
  });
});

describe('permissions', () => {
  const readItems = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'];
  const writeItems = ['dynamodb:PutItem', 'dynamodb:UpdateItem'];
  const logs = expect.any(Array);

  test('produce adds to the log, but can neither read records nor delete anything', () => {
    expect(allowed('produce')).toEqual({
      objects: ['s3:PutObject'],
      log: [...readItems, ...writeItems].sort(),
      metadata: readItems,
      logs,
    });
  });

  test('fetch only reads; it may list, so that S3 tells what is gone from what is forbidden', () => {
    expect(allowed('fetch')).toEqual({
      objects: ['s3:GetObject'],
      bucket: ['s3:ListBucket'],
      log: readItems,
      metadata: readItems,
      logs,
    });
  });

  test.each(['consumers', 'groups'])('%s reads the log, and changes nothing but groups', (name) => {
    expect(allowed(name)).toEqual({
      objects: ['s3:GetObject'],
      bucket: ['s3:ListBucket'],
      log: readItems,
      metadata: readItems,
      groups: [...readItems, ...writeItems, 'dynamodb:DeleteItem'].sort(),
      logs,
    });
  });

  test('topics changes items, but writes no objects', () => {
    const all = [...readItems, ...writeItems, 'dynamodb:DeleteItem'].sort();
    expect(allowed('topics')).toEqual({
      objects: ['s3:GetObject'],
      bucket: ['s3:ListBucket'],
      log: all,
      metadata: all,
      logs,
    });
  });

  test('planner reads what is due, puts the daily sweep there, and sends; it sees no records and no topics', () => {
    expect(allowed('planner')).toEqual({
      log: [...readItems, ...writeItems].sort(),
      queue: ['sqs:GetQueueAttributes', 'sqs:SendMessage'],
      logs,
    });
  });

  test('maintenance may do everything to objects and items, receive its messages and hand on', () => {
    const all = [...readItems, ...writeItems, 'dynamodb:DeleteItem'].sort();
    expect(allowed('maintenance')).toEqual({
      objects: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
      bucket: ['s3:ListBucket'],
      log: all,
      metadata: all,
      groups: all,
      queue: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage', 'sqs:SendMessage'],
      logs,
    });
  });

  test('maintenanceApi asks for work, and does none', () => {
    expect(allowed('maintenanceApi')).toEqual({
      log: [...readItems, ...writeItems].sort(),
      metadata: readItems,
      queue: ['sqs:SendMessage'],
      logs,
    });
  });

  test('cluster sees nothing of the log', () => {
    expect(allowed('cluster')).toEqual({ metadata: readItems, logs });
  });
});

describe('maintenance', () => {
  const queues = () => resourcesOf(api, 'AWS::SQS::Queue');

  test('the clock calls the planner every 5 minutes, as a role that may do that alone', () => {
    const [[, schedule]] = resourcesOf(api, 'AWS::Scheduler::Schedule') as [
      [
        string,
        Resource<{ ScheduleExpression: string; State: string; Target: { Arn: unknown; RoleArn: unknown } }>,
      ],
    ];
    const { ScheduleExpression, State, Target } = schedule.Properties;
    expect({ ScheduleExpression, State }).toEqual({
      ScheduleExpression: 'rate(5 minutes)',
      State: 'ENABLED',
    });
    const [planner] = functionOf(api, 'planner');
    expect(getAtt(Target.Arn)).toBe(planner);
    const role = getAtt(Target.RoleArn);
    const policies = resourcesOf<{ PolicyDocument: { Statement: Statement[] }; Roles: { Ref: string }[] }>(
      api,
      'AWS::IAM::Policy',
    ).filter(([, { Properties }]) => Properties.Roles.some(({ Ref }) => Ref === role));
    const statements = policies.flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
    expect(statements).toMatchObject([{ Action: 'lambda:InvokeFunction', Effect: 'Allow' }]);
    expect(JSON.stringify(statements)).toContain(planner);
  });

  test('the queue is encrypted, only for TLS, hides a message for as long as Lambda asks, and puts aside what kills', () => {
    expect(queues()).toHaveLength(2);
    for (const [, { Properties }] of queues())
      expect(Properties).toMatchObject({ SqsManagedSseEnabled: true });
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
  const kept = ['AWS::S3::Bucket', 'AWS::DynamoDB::GlobalTable'];

  test('is all in a stack of its own, with nothing that can be replaced', () => {
    const types = Object.values(storage.Resources).map(({ Type }) => Type);
    expect(new Set(types)).toEqual(new Set([...kept, 'AWS::S3::BucketPolicy']));
    for (const { Type } of Object.values(api.Resources)) expect(kept).not.toContain(Type);
  });

  test('outlives its stack', () => {
    const resources = Object.values(storage.Resources).filter(({ Type }) => kept.includes(Type));
    expect(resources).toHaveLength(4);
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
        Replicas: [
          {
            DeletionProtectionEnabled: true,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          },
        ],
      });
    }
  });

  test('the bucket is encrypted, closed to the public, and forgets uploads that broke off', () => {
    const [[, bucket]] = resourcesOf(storage, 'AWS::S3::Bucket') as [[string, Resource]];
    expect(bucket.Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      LifecycleConfiguration: {
        Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' }],
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

test('the API can be opened for a trial, by its word only', async () => {
  const open = await synthesize({ bundle: false, context: { authorization: 'none' } });
  const routes = resourcesOf<{ AuthorizationType: string }>(open.api, 'AWS::ApiGatewayV2::Route');
  await open.remove();
  expect(routes).toHaveLength(ROUTES.length);
  for (const [, { Properties }] of routes) expect(Properties.AuthorizationType).toBe('NONE');
});

test('an unknown authorization is refused', async () => {
  await expect(synthesize({ bundle: false, context: { authorization: 'None' } })).rejects.toThrow(
    "authorization must be 'iam' or 'none', not 'None'",
  );
});
