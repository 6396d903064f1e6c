import type { Context } from 'aws-lambda';
import type { CreateHandler, HttpEvent, HttpResult } from '../../functions/handler.ts';
import { type FunctionSpec, HTTP_FUNCTIONS } from '../../functions/manifest.ts';
import type { Wadi } from '../wadi.ts';

export interface LocalFunction {
  readonly handler: (event: HttpEvent, context: Context) => Promise<HttpResult>;
  readonly context: Context;
}

/** The manifest's HTTP functions, by route. */
export async function loadFunctions(wadi: Wadi): Promise<Map<string, LocalFunction>> {
  const byRoute = new Map<string, LocalFunction>();
  for (const spec of HTTP_FUNCTIONS) {
    const { createHandler }: { createHandler: CreateHandler } = await import(`../../functions/${spec.entry}`);
    const loaded = { handler: createHandler(wadi), context: contextOf(spec) };
    for (const route of spec.routes) byRoute.set(route, loaded);
  }
  return byRoute;
}

/** The same routes, of no Wadi in particular. */
export function routesOf(): { route: string; context: Context }[] {
  return HTTP_FUNCTIONS.flatMap((spec) => spec.routes.map((route) => ({ route, context: contextOf(spec) })));
}

/** What Lambda tells a function of itself. */
export function contextOf({
  name,
  memoryMb,
  timeoutSeconds,
}: Pick<FunctionSpec, 'name' | 'memoryMb' | 'timeoutSeconds'>): Context {
  return {
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${name}`,
    memoryLimitInMB: String(memoryMb),
    awsRequestId: '',
    logGroupName: '',
    logStreamName: '',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => timeoutSeconds * 1000,
    done() {},
    fail() {},
    succeed() {},
  };
}
