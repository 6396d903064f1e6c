import { HTTP_FUNCTIONS } from '../../functions/manifest.ts';
import {
  functionOf,
  getAtt,
  type Resource,
  resourcesOf,
  type Synthesis,
  synthesize,
  type Template,
} from './support.ts';

const ENDPOINTS = ['vpce-0123456789abcdef0', 'vpce-0fedcba9876543210'];

let api: Template;
beforeAll(async () => {
  ({ api } = await withSettings({}));
});

/** The app with a private API and other settings. */
async function withSettings(context: Record<string, unknown>): Promise<Synthesis> {
  const other = await synthesize({
    bundle: false,
    context: { privateVpcEndpointIds: ENDPOINTS.join(), ...context },
  });
  await other.remove();
  return other;
}

interface Method {
  readonly 'x-amazon-apigateway-auth': { readonly type: string };
  readonly 'x-amazon-apigateway-integration': {
    readonly type: string;
    readonly httpMethod: string;
    readonly uri: { readonly 'Fn::Join': [string, unknown[]] };
  };
}

interface RestApi {
  readonly Name: string;
  readonly Body: { readonly info: object; readonly paths: Record<string, Record<string, Method>> };
  readonly Policy: { readonly Statement: readonly object[] };
}

interface Stage {
  readonly AccessLogSetting: { readonly Format: string; readonly DestinationArn: unknown };
  readonly MethodSettings: unknown;
}

const only = <P>(template: Template, type: string): [string, Resource<P>] => {
  const found = resourcesOf<P>(template, type);
  expect(found).toHaveLength(1);
  return found[0]!;
};
const restApi = (template: Template) => only<RestApi>(template, 'AWS::ApiGateway::RestApi');
const stageOf = (template: Template) => only<Stage>(template, 'AWS::ApiGateway::Stage')[1];

test('a private API takes the place of the HTTP API, and all else stays', () => {
  const types = Object.values(api.Resources).map(({ Type }) => Type);
  expect(types.filter((type) => type.startsWith('AWS::ApiGatewayV2::'))).toEqual([]);
  expect(resourcesOf(api, 'AWS::Lambda::Function')).toHaveLength(HTTP_FUNCTIONS.length + 2);
});

test('it is reached through the VPC endpoints alone, also where its definition is imported', () => {
  expect(restApi(api)[1].Properties).toMatchObject({
    EndpointConfiguration: { Types: ['PRIVATE'], VpcEndpointIds: ENDPOINTS },
    Parameters: { endpointConfigurationTypes: 'PRIVATE' },
  });
});

describe('its policy', () => {
  const denied = {
    Effect: 'Deny',
    Principal: { AWS: '*' },
    Action: 'execute-api:Invoke',
    Resource: 'execute-api:/*',
    Condition: { StringNotEquals: { 'aws:SourceVpce': ENDPOINTS } },
  };
  const allowed = { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: 'execute-api:/*' };

  test('leaves it to the policies of callers whether they may sign requests, where these come from the endpoints', () => {
    const account = {
      'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::', { Ref: 'AWS::AccountId' }, ':root']],
    };
    expect(restApi(api)[1].Properties.Policy.Statement).toEqual([
      { ...allowed, Principal: { AWS: account } },
      denied,
    ]);
  });

  test('lets in whoever comes through the endpoints, by the word of the operator', async () => {
    const open = (await withSettings({ authorization: 'none' })).api;
    const { Policy, Body } = restApi(open)[1].Properties;
    expect(Policy.Statement).toEqual([{ ...allowed, Principal: { AWS: '*' } }, denied]);
    for (const method of Object.values(Body.paths).flatMap((methods) => Object.values(methods))) {
      expect(method['x-amazon-apigateway-auth']).toEqual({ type: 'NONE' });
    }
  });
});

describe('its routes', () => {
  const pathsOf = (template: Template) => restApi(template)[1].Properties.Body.paths;
  const functionBehind = ({ 'x-amazon-apigateway-integration': integration }: Method): string =>
    getAtt(integration.uri['Fn::Join'][1].find((part) => JSON.stringify(part).includes('Fn::GetAtt')));
  const ROUTES = HTTP_FUNCTIONS.flatMap(({ name, routes }) =>
    routes.filter((route) => route !== '$default').map((route) => ({ name, route })),
  );

  test('are those of the manifest, each answered by its function', () => {
    const found = Object.entries(pathsOf(api)).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => !method.startsWith('x-'))
        .map(([method, definition]) => [`${method.toUpperCase()} ${path}`, functionBehind(definition)]),
    );
    expect(found.sort()).toEqual(ROUTES.map(({ name, route }) => [route, functionOf(api, name)[0]]).sort());
  });

  test('leave all else to the function of $default: paths that are not there, and methods of those that are', () => {
    const [otherwise] = functionOf(api, 'cluster');
    const paths = Object.entries(pathsOf(api));
    expect(paths.map(([path]) => path)).toEqual(expect.arrayContaining(['/', '/{proxy+}', '/consumers']));
    for (const [, { 'x-amazon-apigateway-any-method': any }] of paths) {
      expect(functionBehind(any!)).toBe(otherwise);
    }
  });

  test('ask for signed requests, and hand them over whole', () => {
    for (const method of Object.values(pathsOf(api)).flatMap((methods) => Object.values(methods))) {
      expect(method).toMatchObject({
        'x-amazon-apigateway-auth': { type: 'AWS_IAM' },
        'x-amazon-apigateway-integration': { type: 'aws_proxy', httpMethod: 'POST' },
      });
    }
    expect(restApi(api)[1].Properties).toMatchObject({ BinaryMediaTypes: ['*/*'] });
  });

  test('may call their functions, by one statement for each', () => {
    const [id] = restApi(api);
    const permissions = resourcesOf<{
      FunctionName: unknown;
      SourceArn: { 'Fn::Join': [string, unknown[]] };
    }>(api, 'AWS::Lambda::Permission').map(([, { Properties }]) => Properties);
    expect(permissions.map(({ FunctionName }) => getAtt(FunctionName)).sort()).toEqual(
      HTTP_FUNCTIONS.map(({ name }) => functionOf(api, name)[0]).sort(),
    );
    for (const { SourceArn } of permissions) {
      expect(SourceArn['Fn::Join'][1].slice(-2)).toEqual([{ Ref: id }, '/wadi/*/*']);
    }
  });
});

describe('its stage', () => {
  test('takes as many requests as is set, is traced, and writes down what goes wrong, but no data', async () => {
    expect(stageOf(api).Properties).toMatchObject({ StageName: 'wadi', TracingEnabled: true });
    const settings = (ThrottlingRateLimit: number, ThrottlingBurstLimit: number) => [
      {
        ...{ HttpMethod: '*', ResourcePath: '/*', LoggingLevel: 'ERROR', DataTraceEnabled: false },
        ...{ ThrottlingRateLimit, ThrottlingBurstLimit },
      },
    ];
    expect(stageOf(api).Properties.MethodSettings).toEqual(settings(2_000, 2_000));
    const other = await withSettings({ throttlingRateLimit: 50, throttlingBurstLimit: 10 });
    expect(stageOf(other.api).Properties.MethodSettings).toEqual(settings(50, 10));
  });

  test('notes who asked for what through which endpoint as JSON, but no header, query or body', () => {
    const { Format } = stageOf(api).Properties.AccessLogSetting;
    const fields = JSON.parse(Format) as Record<string, string>;
    for (const field of Object.values(fields))
      expect(field).toMatch(/^\$context\.[a-zA-Z.]+( \$context\.[a-zA-Z]+)?$/);
    expect(fields).toMatchObject({
      userArn: '$context.identity.userArn',
      vpcEndpoint: '$context.identity.vpceId',
      routeKey: '$context.httpMethod $context.resourcePath',
    });
    expect(Format).not.toMatch(/header|query|body/i);
  });

  test('has logs that are encrypted, and forget, from the first line on', () => {
    const { AccessLogSetting } = stageOf(api).Properties;
    const { DependsOn } = stageOf(api) as Resource & { DependsOn: string[] };
    const errors = DependsOn.find((id) => api.Resources[id]!.Type === 'AWS::Logs::LogGroup')!;
    for (const id of [getAtt(AccessLogSetting.DestinationArn), errors]) {
      expect(api.Resources[id]!.Properties).toMatchObject({
        RetentionInDays: 90,
        KmsKeyId: expect.anything(),
      });
    }
    expect(JSON.stringify(api.Resources[errors]!.Properties)).toContain('API-Gateway-Execution-Logs_');
    // Without it, API Gateway takes no stage that has logs.
    expect(DependsOn.map((id) => api.Resources[id]!.Type)).toContain('AWS::ApiGateway::Account');
  });
});

test('its URL names the stage, and has no slash at its end', () => {
  const { Value } = api.Outputs.Url as { Value: { 'Fn::Join': [string, unknown[]] } };
  expect(Value['Fn::Join'][1][1]).toEqual({ Ref: restApi(api)[0] });
  expect(Value['Fn::Join'][1].at(-1)).toBe('/wadi');
});

test('alarms and dashboard look at it by its name, which is no other’s', () => {
  const { Name, Body } = restApi(api)[1].Properties;
  expect(Name).toMatch(/^Wadi-[0-9a-f]{8}$/);
  expect(Body.info).toMatchObject({ title: Name });
  const [, { Properties }] = resourcesOf<{ Metrics: { MetricStat?: { Metric: object } }[] }>(
    api,
    'AWS::CloudWatch::Alarm',
  ).find(([id]) => id.includes('ApiErrors'))!;
  const dimensions = { Namespace: 'AWS/ApiGateway', Dimensions: [{ Name: 'ApiName', Value: Name }] };
  expect(Properties.Metrics.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []))).toEqual([
    { ...dimensions, MetricName: '5XXError' },
    { ...dimensions, MetricName: 'Count' },
  ]);
  const dashboard = JSON.stringify(only(api, 'AWS::CloudWatch::Dashboard'));
  for (const metric of ['4XXError', '5XXError', 'Count', 'Latency']) {
    expect(dashboard).toContain(`\\"AWS/ApiGateway\\",\\"${metric}\\",\\"ApiName\\",\\"${Name}\\"`);
  }
});

test('there is room for more in its stack and its template', () => {
  expect(Object.keys(api.Resources).length).toBeLessThan(200);
  expect(JSON.stringify(api, null, 1).length).toBeLessThan(500_000);
});

test('a snapshot, to see in a change what it changes, but for the routes, which are looked at above', () => {
  const [[id]] = resourcesOf(api, 'AWS::ApiGateway::Deployment') as [[string, Resource]];
  const made = Object.entries(api.Resources).filter(([, { Type }]) => Type.startsWith('AWS::ApiGateway::'));
  const text = JSON.stringify(Object.fromEntries(made)).replaceAll(id, 'Deployment');
  expect(
    JSON.parse(text, (key, value) => (key === 'paths' ? 'paths' : key === 'Metadata' ? undefined : value)),
  ).toMatchSnapshot();
});
