import createRouter from 'find-my-way';

/** As API Gateway's `$default` route: what no other takes. */
export const DEFAULT_ROUTE = '$default';

/** No parameter is too long to be refused by what it means. Node reads at most 16 KiB of headers. */
const MAX_PARAMETER_LENGTH = 16_384;

export interface RouteMatch<T> {
  readonly routeKey: string;
  readonly params: Record<string, string>;
  readonly target: T;
}

/** Finds the route of a request as API Gateway does: static segments before parameters, parameters decoded. */
export function createRoutes<T>(
  targets: ReadonlyMap<string, T>,
): (method: string, path: string) => RouteMatch<T> {
  const router = createRouter({ maxParamLength: MAX_PARAMETER_LENGTH });
  for (const [routeKey, target] of targets) {
    if (routeKey === DEFAULT_ROUTE) continue;
    const [method, path] = routeKey.split(' ') as [createRouter.HTTPMethod, string];
    const pattern = path.replaceAll(':', '::').replace(/\{(\w+)\}/g, ':$1');
    router.on(method, pattern, () => {}, { routeKey, target });
  }
  const otherwise: RouteMatch<T> = {
    routeKey: DEFAULT_ROUTE,
    params: {},
    target: targets.get(DEFAULT_ROUTE)!,
  };
  return (method, path) => {
    const found = router.find(method as createRouter.HTTPMethod, path);
    // A parameter is never empty: `/topics/` is not a topic.
    if (found === null || Object.values(found.params).includes('')) return otherwise;
    const { routeKey, target } = found.store as { routeKey: string; target: T };
    return { routeKey, target, params: found.params as Record<string, string> };
  };
}
