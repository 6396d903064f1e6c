import { fuzzTests } from './budget.ts';
import { checkRequests, routeFuzzes } from './routeProperties.ts';
import { CLUSTER_ID } from './service.ts';

fuzzTests(routeFuzzes, 3_000);

const produce = (body: string) => ({
  request: {
    method: 'POST',
    path: `/v3/clusters/${CLUSTER_ID}/topics/orders/records`,
    query: '',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(body),
  },
});

/** Requests that failed once, and what was wrong. */
test.each([
  [
    'a type nested too deeply to be a text is refused',
    produce(`{"value":{"type":${'['.repeat(30_000)}${']'.repeat(30_000)},"data":1}}`),
  ],
  [
    'a type that cannot be a text is refused',
    produce('{"value":{"type":{"toString":1,"valueOf":1},"data":1}}'),
  ],
])('%s', (_, sent) => checkRequests([sent]));
