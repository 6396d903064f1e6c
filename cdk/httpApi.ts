import { Duration, Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
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
import type { Construct } from 'constructs';
import { HTTP_FUNCTIONS } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { ACCESS_LOG, apiLogGroup, type Gateway, type GatewayProps, throttle, uniqueName } from './gateway.ts';
import type { Authorization } from './wadiApi.ts';

/** An HTTP API, which the internet can reach. */
export function httpApi(scope: Construct, id: string, props: GatewayProps): Gateway {
  const { authorization = 'iam', corsAllowOrigins = [], functions } = props;
  const api = new HttpApi(scope, id, {
    apiName: 'wadi',
    createDefaultStage: false,
    ...(corsAllowOrigins.length > 0 && { corsPreflight: cors(corsAllowOrigins) }),
  });
  addStage(api, props);

  const authorizer = authorizerOf(authorization);
  for (const { name, routes } of HTTP_FUNCTIONS) {
    const { function: handler } = functions.get(name)!;
    const integration = new HttpLambdaIntegration('Integration', handler, {
      // A statement per route would soon fill the 20 KB that a function's policy may have.
      scopePermissionToRoute: false,
    });
    const addRoute = (route: string, authorizer: IHttpRouteAuthorizer) =>
      new HttpRoute(scope, route, { httpApi: api, routeKey: routeKey(route), integration, authorizer });
    for (const route of routes) addRoute(route, authorizer);
    if (!routes.includes('$default')) continue;
    allowDefaultRoute(handler, api);
    if (corsAllowOrigins.length === 0) continue;
    for (const route of PREFLIGHT) {
      acknowledge(addRoute(route, new HttpNoneAuthorizer()), {
        'AwsSolutions-APIG4': 'A browser signs no preflight; it is answered before any function sees it',
      });
    }
  }
  if (authorization === 'none') {
    acknowledge(scope, { 'AwsSolutions-APIG4': "Open to everyone by the operator's word, for a trial" });
  }
  return { url: api.apiEndpoint, metrics: api };
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
function addStage(api: HttpApi, props: GatewayProps): void {
  // CloudWatch Logs allows API Gateway to write to groups of this prefix without a policy for each.
  const accessLog = apiLogGroup(api, 'AccessLog', `/aws/vendedlogs/${uniqueName(api)}`, props);
  new HttpStage(api, 'DefaultStage', {
    httpApi: api,
    autoDeploy: true,
    throttle: throttle(props),
    accessLogSettings: {
      destination: new LogGroupLogDestination(accessLog),
      format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
    },
  });
}

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
