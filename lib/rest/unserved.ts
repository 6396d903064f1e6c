import type { Unserved } from './dispatch.ts';
import { HttpError } from './errors.ts';
import type { Operation } from './operation.ts';

/** Answers what no route takes: 404 on a path that is not served, 405 or 400 on one that is, and OPTIONS. */
export function unservedBy(operations: readonly Operation[]): Unserved {
  const paths = [...new Set(operations.map(({ path }) => path))].map((path) => ({
    pattern: pathPattern(path),
    methods: operations.filter((operation) => operation.path === path).map(({ method }) => method),
  }));
  return ({ method, path }) => {
    const methods = paths.filter(({ pattern }) => pattern.test(path)).flatMap((served) => served.methods);
    if (methods.length === 0) throw new HttpError(404, 'HTTP 404 Not Found');
    const allow = [...new Set(methods), 'OPTIONS'].join(', ');
    if (methods.some((served) => served === method)) {
      throw new HttpError(400, 'The path is not valid percent-encoded UTF-8.');
    }
    if (method === 'OPTIONS') return { status: 204, headers: { allow } };
    throw new HttpError(405, 'HTTP 405 Method Not Allowed', { headers: { allow } });
  };
}

/** `/topics/{topic_name}` as a pattern; a parameter may have a literal end, as in `{topic_name}:alter`. */
function pathPattern(path: string): RegExp {
  const literals = path.split(/\{\w+\}/).map((literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.join('[^/]+')}$`);
}
