import { Stack } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  ApiDefinition,
  Deployment,
  EndpointType,
  type IRestApi,
  LogGroupLogDestination,
  MethodLoggingLevel,
  SpecRestApi,
  Stage,
} from 'aws-cdk-lib/aws-apigateway';
import { InterfaceVpcEndpoint } from 'aws-cdk-lib/aws-ec2';
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { ACCESS_LOG, apiLogGroup, type Gateway, type GatewayProps, throttle, uniqueName } from './gateway.ts';
import { restDefinition } from './restDefinition.ts';

/** No path of the API begins with it: so functions can tell it from one. */
const STAGE = 'wadi';

/** A REST API that can be reached through VPC endpoints only, which an HTTP API cannot be limited to. */
export function privateApi(scope: Construct, id: string, props: GatewayProps): Gateway {
  const { authorization = 'iam', corsAllowOrigins = [], privateVpcEndpointIds = [], functions } = props;
  if (typeof authorization === 'object') throw new Error('a private API takes no tokens');
  if (corsAllowOrigins.length > 0) throw new Error('a private API has no corsAllowOrigins');
  const { partition, region, urlSuffix } = Stack.of(scope);
  const name = uniqueName(scope).replace('/', '-');
  const definition = restDefinition({
    title: name,
    authorizationType: authorization === 'iam' ? 'AWS_IAM' : 'NONE',
    uriOf: (functionName) => {
      const { functionArn } = functions.get(functionName)!.function;
      return `arn:${partition}:apigateway:${region}:lambda:path/2015-03-31/functions/${functionArn}/invocations`;
    },
  });
  const api = new SpecRestApi(scope, id, {
    // Metrics are by this name.
    restApiName: name,
    apiDefinition: ApiDefinition.fromInline(definition),
    endpointConfiguration: {
      types: [EndpointType.PRIVATE],
      vpcEndpoints: privateVpcEndpointIds.map((vpcEndpointId) =>
        InterfaceVpcEndpoint.fromInterfaceVpcEndpointAttributes(scope, vpcEndpointId, {
          vpcEndpointId,
          port: 443,
        }),
      ),
    },
    // Else the import of the definition makes an edge-optimized API first, which cannot become a private one.
    parameters: { endpointConfigurationTypes: EndpointType.PRIVATE },
    policy: policyOf(authorization, privateVpcEndpointIds),
    // Else bytes would be taken for text; with it, all bodies come as base64.
    binaryMediaTypes: ['*/*'],
    // A REST API writes logs as a role that the account names for all of its APIs in the region.
    cloudWatchRole: true,
    deploy: false,
  });
  addStage(api, props);
  for (const { function: lambda } of functions.values()) {
    lambda.addPermission('PrivateApi', {
      principal: new ServicePrincipal('apigateway.amazonaws.com'),
      // A statement per route would soon fill the 20 KB that a function's policy may have.
      sourceArn: api.arnForExecuteApi('*', '/*', STAGE),
    });
  }
  acknowledge(api, {
    'AwsSolutions-APIG2': 'Functions check each request against its schema, and say what is wrong with it',
    'AwsSolutions-APIG3': 'Nothing reaches it but through VPC endpoints of the operator',
    'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]':
      'The policy that AWS made for this role: the account has one for all of its APIs in the region',
  });
  return { url: `https://${api.restApiId}.execute-api.${region}.${urlSuffix}/${STAGE}`, metrics: api };
}

/**
 * Through the endpoints only. A policy that allowed everyone would, within the account, be as good as one of the caller's own; so where
 * requests are signed it allows the account, and leaves it to the caller's own policies.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
function policyOf(authorization: 'iam' | 'none', vpcEndpointIds: readonly string[]): PolicyDocument {
  const invoke = { actions: ['execute-api:Invoke'], resources: ['execute-api:/*'] };
  return new PolicyDocument({
    statements: [
      new PolicyStatement({
        ...invoke,
        principals: [authorization === 'iam' ? new AccountRootPrincipal() : new AnyPrincipal()],
      }),
      new PolicyStatement({
        ...invoke,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        conditions: { StringNotEquals: { 'aws:SourceVpce': [...vpcEndpointIds] } },
      }),
    ],
  });
}

function addStage(api: SpecRestApi, props: GatewayProps): void {
  const accessLog = apiLogGroup(api, 'AccessLog', `/aws/vendedlogs/${uniqueName(api)}`, props);
  // API Gateway would make it by itself, to be kept for ever.
  const errors = apiLogGroup(api, 'Errors', `API-Gateway-Execution-Logs_${api.restApiId}/${STAGE}`, props);
  const { rateLimit, burstLimit } = throttle(props);
  api.deploymentStage = new Stage(api, 'Stage', {
    stageName: STAGE,
    deployment: new Deployment(api, 'Deployment', { api: api as IRestApi }),
    throttlingRateLimit: rateLimit,
    throttlingBurstLimit: burstLimit,
    tracingEnabled: true,
    loggingLevel: MethodLoggingLevel.ERROR,
    accessLogDestination: new LogGroupLogDestination(accessLog),
    accessLogFormat: AccessLogFormat.custom(JSON.stringify(REST_ACCESS_LOG)),
  });
  api.deploymentStage.node.addDependency(errors);
}

const { subject: _, ...fields } = ACCESS_LOG;
const REST_ACCESS_LOG = {
  ...fields,
  vpcEndpoint: '$context.identity.vpceId',
  routeKey: `${AccessLogField.contextHttpMethod()} ${AccessLogField.contextResourcePath()}`,
};
