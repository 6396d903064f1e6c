import { Stack } from 'aws-cdk-lib';
import {
  HttpApi,
  type HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { HTTP_FUNCTIONS } from '../functions/manifest.ts';
import { WadiFunction } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

/**
 * Who may call the API: with `iam`, requests signed (SigV4) by an identity that is allowed `execute-api:Invoke`; with
 * `none`, anyone who knows the URL may read, write and delete everything.
 */
export type Authorization = 'iam' | 'none';

export interface WadiApiProps {
  readonly storage: WadiStorage;
  /** Of maintenance. */
  readonly queue: IQueue;
  /** `iam` unless given. */
  readonly authorization?: Authorization;
  /**
   * Kafka's `super.users`: they may do everything, whatever ACLs say. `User:<ARN>` of an IAM user or role
   * (`arn:aws:iam::<account>:role/<name>`, without its path).
   */
  readonly superUsers?: readonly string[];
  /** Kafka's `allow.everyone.if.no.acl.found`: what no ACL is about is everyone's whom the API lets in. True unless given. */
  readonly allowEveryoneIfNoAclFound?: boolean;
  /** How long the functions' logs are kept, a month unless given. */
  readonly logRetention?: RetentionDays;
}

/** The HTTP API and the functions behind it: what can be replaced at any time. */
export class WadiApi extends Construct {
  /** Without a slash at its end. */
  readonly url: string;

  constructor(scope: Construct, id: string, { authorization = 'iam', ...props }: WadiApiProps) {
    super(scope, id);
    const { superUsers = [], allowEveryoneIfNoAclFound = true } = props;
    const environment = {
      WADI_SUPER_USERS: superUsers.join(';'),
      WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND: String(allowEveryoneIfNoAclFound),
    };
    const httpApi = new HttpApi(this, 'HttpApi', { apiName: 'wadi' });
    this.url = httpApi.apiEndpoint;
    const authorizer = authorization === 'iam' ? new HttpIamAuthorizer() : new HttpNoneAuthorizer();

    for (const spec of HTTP_FUNCTIONS) {
      const { function: handler } = new WadiFunction(this, spec.name, { spec, environment, ...props });
      const integration = new HttpLambdaIntegration('Integration', handler, {
        // A statement per route would soon fill the 20 KB that a function's policy may have.
        scopePermissionToRoute: false,
      });
      if (spec.routes.includes('$default')) allowDefaultRoute(handler, httpApi);
      for (const route of spec.routes) {
        new HttpRoute(this, route, { httpApi, routeKey: routeKey(route), integration, authorizer });
      }
    }
  }
}

/** What the integration allows, `{stage}/{method}/{path}`, does not match `$default`, which has neither. */
function allowDefaultRoute(handler: NodejsFunction, { apiId }: HttpApi): void {
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

/** Of a context value or the like. Throws an error that names what is allowed. */
export function authorizationOf(value: unknown = 'iam'): Authorization {
  if (value === 'iam' || value === 'none') return value;
  throw new Error(`authorization must be 'iam' or 'none', not '${value}'`);
}
