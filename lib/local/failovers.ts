import type { HttpEvent, HttpResult } from '../../functions/handler.ts';
import { type FailoverContext, type FailoverReport, failover } from '../failover/failover.ts';
import { logError } from '../logError.ts';
import { errorResponse, HttpError } from '../rest/errors.ts';

const PATH = '/local/failover';

/** `state`: `none` was asked for; `running`, `done` or `failed`. */
export interface FailoverState {
  readonly state: 'none' | 'running' | 'done' | 'failed';
  /** The region that is to be home. */
  readonly to?: string;
  readonly progress?: string;
  readonly report?: FailoverReport | null;
  readonly error?: string;
}

/** `POST /local/failover/{region}` begins one, `GET /local/failover` tells how far the last one is. */
export function failoverRoutes(context: Omit<FailoverContext, 'told'>) {
  let current: FailoverState = { state: 'none' };

  function begin(to: string): FailoverState {
    if (!context.regions.some(({ name }) => name === to)) {
      const known = context.regions.map(({ name }) => name).join(', ');
      throw new HttpError(404, `There is no region '${to}', but ${known}.`, { field: 'region' });
    }
    if (current.state === 'running')
      throw new HttpError(409, `A failover to ${current.to} is under way.`, { field: 'region' });
    current = { state: 'running', to };
    const told = (progress: string) => {
      current = { state: 'running', to, progress };
    };
    failover({ ...context, told }, to).then(
      (report) => {
        current = { state: 'done', to, report: report ?? null };
      },
      (error: Error) => {
        if (!context.signal?.aborted) logError(error);
        current = { state: 'failed', to, error: error.message };
      },
    );
    return current;
  }

  const answering =
    (status: number, handle: (event: HttpEvent) => FailoverState) =>
    async (event: HttpEvent): Promise<HttpResult> => {
      try {
        const body = JSON.stringify(handle(event));
        return { statusCode: status, headers: { 'content-type': 'application/json' }, body };
      } catch (error) {
        const { status, headers, body } = errorResponse(error, 'v3');
        return { statusCode: status, headers: { ...headers }, ...(body !== undefined && { body }) };
      }
    };
  return new Map([
    [`GET ${PATH}`, answering(200, () => current)],
    [`POST ${PATH}/{region}`, answering(202, ({ pathParameters }) => begin(pathParameters?.region ?? ''))],
  ]);
}
