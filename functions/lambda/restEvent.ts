import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { HttpEvent } from '../handler.ts';

type Context = APIGatewayProxyEvent['requestContext'];

/** The event of a REST API, which a private API is (payload format 1.0), as far as it is read here. */
export type RestEvent = Pick<
  APIGatewayProxyEvent,
  | 'resource'
  | 'path'
  | 'httpMethod'
  | 'multiValueHeaders'
  | 'multiValueQueryStringParameters'
  | 'body'
  | 'isBase64Encoded'
> & {
  requestContext: Pick<Context, 'domainName' | 'stage' | 'path'> & {
    identity: Pick<Context['identity'], 'sourceIp' | 'userArn'>;
  };
};

/**
 * The same request as an HTTP API would tell it. `path` is percent-encoded, as sent, and without the stage; parameters of the query are
 * decoded. Parameters of the path are taken from it, since AWS does not say whether `pathParameters` are decoded.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
 */
export function httpEvent(event: RestEvent, routes: ReadonlySet<string>): HttpEvent {
  const { resource, path, httpMethod, body, isBase64Encoded, requestContext } = event;
  const { domainName = '', stage, identity } = requestContext;
  const route = `${httpMethod} ${resource}`;
  const params = routes.has(route) ? pathParameters(resource, path) : undefined;
  return {
    routeKey: params ? route : '$default',
    rawPath: path,
    rawQueryString: String(new URLSearchParams(pairs(event.multiValueQueryStringParameters))),
    headers: headers(event.multiValueHeaders),
    pathParameters: params ?? {},
    isBase64Encoded,
    ...(body !== null && { body }),
    requestContext: {
      domainName,
      // A domain of one's own leads to the stage without naming it.
      basePath: requestContext.path.split('/')[1] === stage ? `/${stage}` : '',
      http: { method: httpMethod, sourceIp: identity.sourceIp },
      authorizer: { iam: { userArn: identity.userArn } },
    },
  };
}

/** `undefined` if they are not valid percent-encoded UTF-8. */
function pathParameters(resource: string, path: string): Record<string, string> | undefined {
  const values = path.split('/');
  try {
    return Object.fromEntries(
      resource
        .split('/')
        .flatMap((name, i) =>
          name.startsWith('{') ? [[name.slice(1, -1), decodeURIComponent(values[i] ?? '')]] : [],
        ),
    );
  } catch {
    return undefined;
  }
}

/** By lower-case name, values of one name with commas between. */
function headers(sent: APIGatewayProxyEvent['multiValueHeaders']): Record<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of pairs(sent)) {
    const known = joined.get(name.toLowerCase());
    joined.set(name.toLowerCase(), known === undefined ? value : `${known},${value}`);
  }
  return Object.fromEntries(joined);
}

/** There are none where there would be no key. */
function pairs(values: Readonly<Record<string, readonly string[] | undefined>> | null): [string, string][] {
  return Object.entries(values ?? {}).flatMap(([name, all = []]) =>
    all.map((value): [string, string] => [name, value]),
  );
}
