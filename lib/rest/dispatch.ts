import type { Wadi } from '../wadi.ts';
import { errorResponse, HttpError } from './errors.ts';
import { requireAcceptable, requireBodyType } from './media.ts';
import type { HttpRequest, HttpResponse, Operation } from './operation.ts';
import { withinQuota } from './quota.ts';
import { MAX_BODY_BYTES } from './request.ts';
import { authorize } from './rights.ts';

/** `METHOD /path/{param}`, as API Gateway writes it. */
export const routeKey = ({ method, path }: Pick<Operation, 'method' | 'path'>): string => `${method} ${path}`;

export type Dispatch = (wadi: Wadi, routeKey: string, request: HttpRequest) => Promise<HttpResponse>;

/** Answers what no route takes, or throws. */
export type Unserved = (request: HttpRequest) => HttpResponse;

/** Serves a request by its route; never rejects. */
export function createDispatch(operations: readonly Operation[], unserved: Unserved = notFound): Dispatch {
  const byRoute = new Map(operations.map((operation) => [routeKey(operation), operation]));
  return async (wadi, route, request) => {
    const operation = byRoute.get(route);
    try {
      if (operation === undefined) return unserved(request);
      const { cluster_id } = request.params;
      if (cluster_id !== undefined && cluster_id !== wadi.clusterId) {
        throw new HttpError(404, `Cluster ${cluster_id} cannot be found.`, { field: 'cluster_id' });
      }
      const access = await authorize(wadi, operation, request);
      if (request.body.length > MAX_BODY_BYTES) throw new HttpError(413, BODY_TOO_LARGE, { field: 'body' });
      requireBodyType(operation, request);
      requireAcceptable(operation, request);
      return await withinQuota(wadi, operation, request, () => operation.handle(wadi, request, access));
    } catch (error) {
      return errorResponse(error, operation?.form ?? formOf(request.path));
    }
  };
}

export const BODY_TOO_LARGE = `The request body is larger than ${MAX_BODY_BYTES} bytes.`;

/** The form of what is refused before its operation is known. */
export const formOf = (path: string): Operation['form'] => (path.startsWith('/v3') ? 'v3' : 'v2');

function notFound(): never {
  throw new HttpError(404, 'HTTP 404 Not Found');
}
