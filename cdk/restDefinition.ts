import { HTTP_FUNCTIONS } from '../functions/manifest.ts';

export interface RestDefinitionProps {
  readonly title: string;
  readonly authorizationType: 'AWS_IAM' | 'NONE';
  /** By which API Gateway calls the function that the manifest calls so. */
  readonly uriOf: (functionName: string) => string;
}

/**
 * The routes of the manifest as OpenAPI, with API Gateway's extensions: as constructs of the CDK they would be some 250 resources of a
 * stack's 500. What no route takes is for the function of `$default`: `/{proxy+}` is for paths that are not there, and `ANY` for
 * methods of those that are, which API Gateway would answer by "Missing Authentication Token". Each segment is a resource of the REST
 * API; it may have 300.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
 */
export function restDefinition({ title, authorizationType, uriOf }: RestDefinitionProps): object {
  const method = (functionName: string) => ({
    responses: {},
    'x-amazon-apigateway-auth': { type: authorizationType },
    'x-amazon-apigateway-integration': {
      type: 'aws_proxy',
      // Of the call to Lambda, whatever the method of the request.
      httpMethod: 'POST',
      uri: uriOf(functionName),
    },
  });
  const otherwise = HTTP_FUNCTIONS.find(({ routes }) => routes.includes('$default'))!;
  const paths: Record<string, Record<string, unknown>> = {};
  const pathItem = (path: string) => {
    paths[path] ??= { 'x-amazon-apigateway-any-method': method(otherwise.name) };
    return paths[path];
  };
  for (const { name, routes } of HTTP_FUNCTIONS) {
    for (const route of routes) {
      if (route === '$default') continue;
      const [verb, path] = route.split(' ') as [string, string];
      for (const above of pathsAbove(path)) pathItem(above);
      pathItem(path)[verb.toLowerCase()] = method(name);
    }
  }
  pathItem('/{proxy+}');
  return { openapi: '3.0.1', info: { title, version: '3' }, paths };
}

/** `/`, `/a` and `/a/b` of `/a/b/c`. */
function pathsAbove(path: string): string[] {
  const segments = path.split('/').slice(1, -1);
  return ['/', ...segments.map((_, i) => `/${segments.slice(0, i + 1).join('/')}`)];
}
