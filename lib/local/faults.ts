import type { HttpEvent, HttpResult } from '../../functions/handler.ts';
import { errorResponse, HttpError } from '../rest/errors.ts';
import { FAULTS, type Fault, type Weather } from './weather.ts';

const PATH = '/local/faults';

/** Whether it is of this path, which every front serves, whatever its region suffers from. */
export function isOfFaults(path: string): boolean {
  return path === PATH || path.startsWith(`${PATH}/`);
}

/** What the path tells of a region: `{"region":"b","fault":"down","url":"http://127.0.0.1:8081"}` */
export interface RegionFault {
  readonly region: string;
  readonly fault: Fault;
  readonly url: string;
}

export interface FaultyRegion {
  readonly weather: Weather;
  /** Of its front. */
  url(): string;
}

type Handle = (event: HttpEvent) => Promise<HttpResult>;

/** By route. No operations of the API: a deployment has no such path. */
export function faultRoutes(regions: readonly FaultyRegion[]): ReadonlyMap<string, Handle> {
  const described = ({ weather, url }: FaultyRegion): RegionFault => ({
    region: weather.region,
    fault: weather.fault(),
    url: url(),
  });
  const answering =
    (handle: (event: HttpEvent) => unknown): Handle =>
    async (event) => {
      try {
        const body = JSON.stringify(handle(event));
        return { statusCode: 200, headers: { 'content-type': 'application/json' }, body };
      } catch (error) {
        const { status, headers, body } = errorResponse(error, 'v3');
        return { statusCode: status, headers: { ...headers }, ...(body !== undefined && { body }) };
      }
    };
  const named = ({ pathParameters }: HttpEvent): FaultyRegion => {
    const name = pathParameters?.region;
    const found = regions.find(({ weather }) => weather.region === name);
    if (found !== undefined) return found;
    const known = regions.map(({ weather }) => weather.region).join(', ');
    throw new HttpError(404, `There is no region '${name}', but ${known}.`, { field: 'region' });
  };
  return new Map([
    [`GET ${PATH}`, answering(() => ({ data: regions.map(described) }))],
    [`GET ${PATH}/{region}`, answering((event) => described(named(event)))],
    [
      `PUT ${PATH}/{region}`,
      answering((event) => {
        const region = named(event);
        region.weather.set(faultOf(event.local?.body));
        return described(region);
      }),
    ],
  ]);
}

function faultOf(body: Uint8Array | undefined): Fault {
  const fault = FAULTS.find((each) => each === fieldOf(Buffer.from(body ?? []).toString()));
  if (fault !== undefined) return fault;
  throw new HttpError(400, `The body must be {"fault": "${FAULTS.join('" | "')}"}.`, { field: 'fault' });
}

function fieldOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { fault?: unknown } | null)?.fault;
  } catch {
    return undefined;
  }
}
