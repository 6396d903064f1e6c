import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccessLogField } from 'aws-cdk-lib/aws-apigateway';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { WadiApiProps } from './wadiApi.ts';
import type { WadiFunction } from './wadiFunction.ts';

/** API Gateway in front of the functions, of whichever kind. */
export interface Gateway {
  /** Without a slash at its end. */
  readonly url: string;
  readonly metrics: Pick<
    HttpApi,
    'metricCount' | 'metricClientError' | 'metricServerError' | 'metricLatency'
  >;
}

export interface GatewayProps extends Omit<WadiApiProps, 'queue'> {
  /** By their names in the manifest. */
  readonly functions: ReadonlyMap<string, WadiFunction>;
}

export const throttle = ({ throttlingRateLimit = 2_000, throttlingBurstLimit = 2_000 }: GatewayProps) => ({
  rateLimit: throttlingRateLimit,
  burstLimit: throttlingBurstLimit,
});

/** A name that no other API of the account and region has. */
export const uniqueName = (scope: Construct): string =>
  `${Stack.of(scope).stackName}/${scope.node.addr.slice(-8)}`;

export function apiLogGroup(
  scope: Construct,
  id: string,
  logGroupName: string,
  props: GatewayProps,
): LogGroup {
  const { accessLogRetention, storage } = props;
  return new LogGroup(scope, id, {
    logGroupName,
    retention: accessLogRetention ?? RetentionDays.THREE_MONTHS,
    ...(storage.key && { encryptionKey: storage.key }),
    removalPolicy: RemovalPolicy.DESTROY,
  });
}

/** Who asked for what, and how it went; no header, query or body, in which there might be secrets or data. */
export const ACCESS_LOG = {
  time: AccessLogField.contextRequestTime(),
  requestId: AccessLogField.contextRequestId(),
  sourceIp: AccessLogField.contextIdentitySourceIp(),
  userArn: AccessLogField.contextIdentityUserArn(),
  subject: AccessLogField.contextAuthorizerClaims('sub'),
  method: AccessLogField.contextHttpMethod(),
  path: AccessLogField.contextPath(),
  routeKey: '$context.routeKey',
  status: AccessLogField.contextStatus(),
  latencyMs: AccessLogField.contextResponseLatency(),
  functionLatencyMs: AccessLogField.contextIntegrationLatency(),
  answerBytes: AccessLogField.contextResponseLength(),
  error: AccessLogField.contextErrorMessage(),
  functionError: '$context.integrationErrorMessage',
};
