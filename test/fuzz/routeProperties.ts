import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import type { HttpEvent } from '../../functions/handler.ts';
import { checkAnswer } from './answers.ts';
import { anyLarge } from './large.ts';
import { PARTITION_RECORDS } from './pieces.ts';
import { fuzz, type Property } from './property.ts';
import { anyRequest } from './requests.ts';
import { CLUSTER_ID, type HttpRequestParts, roundTrip, type Service, startService } from './service.ts';

/** What every route holds for any request, and every function for any event. */

// ---------------------------------------------------------------- any requests

/** A request, and what its event has that API Gateway would not have made of it. */
export interface Sent {
  readonly request: HttpRequestParts;
  readonly bent?: Partial<HttpEvent>;
}

const anyParameters = fc.dictionary(
  fc.constantFrom('cluster_id', 'topic_name', 'partition_id', 'name', '__proto__'),
  fc.string({ unit: 'binary' }),
);

const anyBent: fc.Arbitrary<Partial<HttpEvent>> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Partial<HttpEvent>>(
      { body: 'not base64: \ud800' },
      { isBase64Encoded: false },
      { pathParameters: {} },
      { headers: {} },
      { routeKey: '$default' },
      { routeKey: 'GET /nowhere' },
    ),
  },
  { weight: 1, arbitrary: anyParameters.map((pathParameters) => ({ pathParameters })) },
);

export const anySent: fc.Arbitrary<Sent> = fc.record({ request: anyRequest, bent: anyBent });

export const routesProperty: Property<readonly Sent[]> = {
  name: 'routes',
  share: 5,
  cases: 50,
  inputs: fc.array(anySent, { minLength: 1, maxLength: 4 }),
  show: (sent) => JSON.stringify(sent.map(({ request, bent }) => ({ ...shown(request), bent }))),
  check: checkRequests,
};

/** The body as it is, if that is text. */
function shown({ body, ...request }: HttpRequestParts) {
  const bytes = Buffer.from(body);
  return { ...request, ...(isUtf8(bytes) ? { body: bytes.toString() } : { hex: bytes.toString('hex') }) };
}

/** Every case has a service of its own: what fails depends on nothing that went before. */
export async function checkRequests(sent: readonly Sent[]): Promise<void> {
  const service = await startService();
  for (const { request, bent } of sent) {
    const before = await service.state();
    const event: HttpEvent = { ...service.event(request), ...bent };
    const answer = await service.call(event);
    checkAnswer(answer, service.operationOf(event));
    if (answer.statusCode >= 400)
      assert.deepEqual(await service.state(), before, 'a refusal changed something');
  }
  assert(!('polluted' in {}), 'Object.prototype was changed');
  await roundTrip((request) => succeed(service, request), CLUSTER_ID);
}

export async function succeed(service: Service, request: HttpRequestParts): Promise<unknown> {
  const { statusCode, body } = await service.call(service.event(request));
  assert.equal(statusCode, 200, String(body));
  return JSON.parse(String(body));
}

// ---------------------------------------------------------------- large requests

/** What a request of 4.4 MB, and four that fetch what it left, may take together before anything is collected. */
const MAX_ALLOCATED_BYTES = 512 * 1024 * 1024;

export const largeProperty: Property<HttpRequestParts> = {
  name: 'large',
  share: 1,
  cases: 1,
  inputs: anyLarge,
  show: ({ body, ...request }) => {
    const begin = shown({ ...request, body: body.subarray(0, 300) });
    return `${JSON.stringify(begin)}… (${body.length} bytes)`;
  },
  check: checkLarge,
};

/** What was produced is then fetched in all the ways there are. */
export async function checkLarge(large: HttpRequestParts): Promise<void> {
  const fetches = ['auto', 'binary', 'string', 'json'].map((format): HttpRequestParts => {
    const query = `format=${format}&max_records=10000&max_bytes=4194304`;
    return { method: 'GET', path: PARTITION_RECORDS, query, headers: {}, body: new Uint8Array(0) };
  });
  const before = process.memoryUsage();
  await checkRequests([large, ...fetches].map((request) => ({ request })));
  const after = process.memoryUsage();
  const allocated = after.external - before.external + after.heapUsed - before.heapUsed;
  assert(allocated < MAX_ALLOCATED_BYTES, `${allocated} bytes were allocated`);
}

export const routeFuzzes = [fuzz(routesProperty), fuzz(largeProperty)];
