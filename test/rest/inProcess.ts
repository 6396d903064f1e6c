import { allOperations } from '../../functions/cluster.ts';
import { createRoutes, DEFAULT_ROUTE } from '../../lib/local/routes.ts';
import { createDispatch, routeKey } from '../../lib/rest/dispatch.ts';
import type { Operation } from '../../lib/rest/operation.ts';
import type { Wadi } from '../../lib/wadi.ts';

const dispatch = createDispatch(allOperations);
const findRoute = createRoutes<Operation | undefined>(
  new Map<string, Operation | undefined>([
    ...allOperations.map((operation) => [routeKey(operation), operation] as const),
    [DEFAULT_ROUTE, undefined],
  ]),
);

/** A `fetch` whose requests are served here, each by the Wadi of its operation's function. */
export function fetchFrom(wadiOf: (operation: Operation) => Wadi): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const request = new Request(input as Request, init);
    const url = new URL(request.url);
    const { routeKey, params, target } = findRoute(request.method, url.pathname);
    if (target === undefined) throw new Error(`${request.method} ${url.pathname} is not served`);
    const { status, headers, body } = await dispatch(wadiOf(target), routeKey, {
      ...{ method: request.method, path: url.pathname, params, query: url.searchParams },
      headers: Object.fromEntries(request.headers),
      body: new Uint8Array(await request.arrayBuffer()),
      baseUrl: url.origin,
      caller: { principal: 'User:ANONYMOUS', host: '192.0.2.1' },
    });
    return new Response((body as string | undefined) ?? null, { status, headers: { ...headers } });
  };
}
