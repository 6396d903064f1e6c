import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  CorsHttpMethod,
  HttpApi,
  type HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  type IHttpRouteAuthorizer,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer, HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { HTTP_FUNCTIONS } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { WadiFunction, type WadiFunctionOptions } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

/** An issuer of tokens (OpenID Connect); a caller's principal is its token's `sub`. */
export interface Jwt {
  /** As in the tokens' `iss`; its keys are found at `<issuer>/.well-known/openid-configuration`. */
  readonly issuer: string;
  /** A token's `aud` (or `client_id`) is one of these. */
  readonly audience: readonly string[];
}

/**
 * Who may call the API: with `iam`, requests signed (SigV4) by an identity that is allowed `execute-api:Invoke`; with a `Jwt`, those
 * with a token (`Authorization: Bearer …`); with `none`, anyone who knows the URL may read, write and delete everything.
 */
export type Authorization = 'iam' | 'none' | Jwt;

export interface WadiApiProps extends WadiFunctionOptions {
  readonly storage: WadiStorage;
  /** Of maintenance. */
  readonly queue: IQueue;
  /** `iam` unless given. */
  readonly authorization?: Authorization;
  /**
   * Kafka's `super.users`: they may do everything, whatever ACLs say. `User:<ARN>` of an IAM user or role
   * (`arn:aws:iam::<account>:role/<name>`, without its path), or `User:<sub>` of a token. Nobody unless given.
   */
  readonly superUsers?: readonly string[];
  /** Kafka's `allow.everyone.if.no.acl.found`: what no ACL is about is everyone's whom the API lets in. True unless given. */
  readonly allowEveryoneIfNoAclFound?: boolean;
  /** Origins of pages that may call the API from a browser (`https://app.example`), or `*`. None unless given. */
  readonly corsAllowOrigins?: readonly string[];
  /** Requests a second that the API takes from all callers together; above that it answers 429. 2,000 unless given. */
  readonly throttlingRateLimit?: number;
  /** How many more at once it takes after a pause. 2,000 unless given. */
  readonly throttlingBurstLimit?: number;
  /** How long the access log is kept, which has a line of JSON for each request; three months unless given. */
  readonly accessLogRetention?: RetentionDays;
}

/** The HTTP API and the functions behind it: what can be replaced at any time. */
export class WadiApi extends Construct {
  /** Without a slash at its end. */
  readonly url: string;
  readonly httpApi: HttpApi;
  /** By their names in the manifest. */
  readonly functions: ReadonlyMap<string, WadiFunction>;

  constructor(scope: Construct, id: string, props: WadiApiProps) {
    super(scope, id);
    const { authorization = 'iam', corsAllowOrigins = [] } = props;
    const { superUsers = [], allowEveryoneIfNoAclFound = true } = props;
    const environment = {
      WADI_SUPER_USERS: superUsers.join(';'),
      WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND: String(allowEveryoneIfNoAclFound),
    };
    this.httpApi = new HttpApi(this, 'HttpApi', {
      apiName: 'wadi',
      createDefaultStage: false,
      ...(corsAllowOrigins.length > 0 && { corsPreflight: cors(corsAllowOrigins) }),
    });
    this.url = this.httpApi.apiEndpoint;
    addStage(this.httpApi, props);

    const authorizer = authorizerOf(authorization);
    const functions = new Map<string, WadiFunction>();
    for (const spec of HTTP_FUNCTIONS) {
      const made = new WadiFunction(this, spec.name, { ...props, spec, environment });
      functions.set(spec.name, made);
      const integration = new HttpLambdaIntegration('Integration', made.function, {
        // A statement per route would soon fill the 20 KB that a function's policy may have.
        scopePermissionToRoute: false,
      });
      const addRoute = (route: string, authorizer: IHttpRouteAuthorizer) =>
        new HttpRoute(this, route, {
          httpApi: this.httpApi,
          routeKey: routeKey(route),
          integration,
          authorizer,
        });
      for (const route of spec.routes) addRoute(route, authorizer);
      if (!spec.routes.includes('$default')) continue;
      allowDefaultRoute(made.function, this.httpApi);
      if (corsAllowOrigins.length === 0) continue;
      for (const route of PREFLIGHT) {
        acknowledge(addRoute(route, new HttpNoneAuthorizer()), {
          'AwsSolutions-APIG4': 'A browser signs no preflight; it is answered before any function sees it',
        });
      }
    }
    this.functions = functions;
    if (authorization === 'none') {
      acknowledge(this, { 'AwsSolutions-APIG4': "Open to everyone by the operator's word, for a trial" });
    }
  }
}

function authorizerOf(authorization: Authorization): IHttpRouteAuthorizer {
  if (authorization === 'iam') return new HttpIamAuthorizer();
  if (authorization === 'none') return new HttpNoneAuthorizer();
  const { issuer, audience } = authorization;
  return new HttpJwtAuthorizer('Jwt', issuer, { jwtAudience: [...audience] });
}

/**
 * Else `$default` would take a preflight, and ask for a signature
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html).
 */
const PREFLIGHT = ['OPTIONS /{proxy+}', 'OPTIONS /'];

function cors(allowOrigins: readonly string[]) {
  const { GET, POST, PUT, PATCH, DELETE } = CorsHttpMethod;
  return {
    allowOrigins: [...allowOrigins],
    allowMethods: [GET, POST, PUT, PATCH, DELETE],
    allowHeaders: [
      ...['accept', 'authorization', 'content-type', 'idempotency-key', 'wadi-member-id'],
      // Of a signed request.
      ...['x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token'],
    ],
    exposeHeaders: [
      ...['wadi-next-offset', 'wadi-high-watermark', 'wadi-log-start-offset'],
      ...['wadi-member-id', 'wadi-member-epoch', 'wadi-revoking', 'retry-after'],
    ],
    maxAge: Duration.hours(1),
  };
}

/** The stage `$default`, under the id that `HttpApi` gives to its own. */
function addStage(httpApi: HttpApi, props: WadiApiProps): void {
  const { storage, throttlingRateLimit = 2_000, throttlingBurstLimit = 2_000 } = props;
  const accessLog = new LogGroup(httpApi, 'AccessLog', {
    // CloudWatch Logs allows API Gateway to write to groups of this prefix without a policy for each.
    logGroupName: `/aws/vendedlogs/${Stack.of(httpApi).stackName}/${httpApi.node.addr.slice(-8)}`,
    retention: props.accessLogRetention ?? RetentionDays.THREE_MONTHS,
    ...(storage.key && { encryptionKey: storage.key }),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  new HttpStage(httpApi, 'DefaultStage', {
    httpApi,
    autoDeploy: true,
    throttle: { rateLimit: throttlingRateLimit, burstLimit: throttlingBurstLimit },
    accessLogSettings: {
      destination: new LogGroupLogDestination(accessLog),
      format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
    },
  });
}

/** Who asked for what, and how it went; no header, query or body, in which there might be secrets or data. */
const ACCESS_LOG = {
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

/** What the integration allows, `{stage}/{method}/{path}`, does not match `$default`, which has neither. */
function allowDefaultRoute(handler: LambdaFunction, { apiId }: HttpApi): void {
  handler.addPermission('DefaultRoute', {
    principal: new ServicePrincipal('apigateway.amazonaws.com'),
    sourceArn: Stack.of(handler).formatArn({
      service: 'execute-api',
      resource: apiId,
      resourceName: '*/*',
    }),
  });
}

/**
 * API Gateway takes the route that matches in full before `$default`, a literal segment before a variable, and a variable
 * only as a whole segment: `{topic_name}:batch` could not be served, `records:batch` is a literal. That a literal may
 * hold a colon is documented for REST APIs; for HTTP APIs no list of characters is given.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
 */
function routeKey(route: string): HttpRouteKey {
  if (route === '$default') return HttpRouteKey.DEFAULT;
  const [method, path] = route.split(' ') as [HttpMethod, string];
  return HttpRouteKey.with(path, method);
}
