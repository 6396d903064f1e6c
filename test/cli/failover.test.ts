import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FailoverReport } from '../../lib/failover/failover.ts';
import { startLocalCluster } from '../../lib/local/cluster.ts';
import type { FailoverState } from '../../lib/local/failovers.ts';
import { run } from './support.ts';

const REPORT: FailoverReport = {
  epoch: 2,
  from: 'a',
  to: 'b',
  source: 'a',
  items: 1_234,
  lost: [],
  tookMs: 12_345,
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A front that answers the POST with the first of these, and each GET with the next. */
async function front(...states: readonly FailoverState[]) {
  const asked: string[] = [];
  const server = createServer(({ method, url }, response) => {
    const state = states[Math.min(asked.push(`${method} ${url}`), states.length) - 1];
    response.writeHead(method === 'POST' ? 202 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(state));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function failover(...states: readonly FailoverState[]) {
  const { url, asked } = await front(...states);
  const { code, out, err } = await run(url, ['regions', 'failover', 'b']);
  return { code, out: out.toString(), err, asked };
}

test('a failover is begun, followed to its end, and told step by step, each once', async () => {
  const running = (progress: string): FailoverState => ({ state: 'running', to: 'b', progress });
  expect(
    await failover(
      { state: 'running', to: 'b' },
      running('waiting 12 s until nobody relies on a any more'),
      running('waiting 12 s until nobody relies on a any more'),
      running('telling the regions that b begins'),
      { state: 'done', to: 'b', report: REPORT },
    ),
  ).toEqual({
    code: 0,
    out: 'b is home, from epoch 2 on, after 12.3 s, with all that a had: 1234 items.\n',
    err: 'waiting 12 s until nobody relies on a any more\ntelling the regions that b begins\n',
    asked: ['POST /local/failover/b', ...Array.from({ length: 4 }, () => 'GET /local/failover')],
  });
});

test('without the old home it says from where the copy is, and that it has no gaps', async () => {
  const { out } = await failover({ state: 'done', to: 'b', report: { ...REPORT, source: 'c' } });
  expect(out).toBe(
    'b is home, from epoch 2 on, after 12.3 s, with what had been replicated to c, without gaps: 1234 items.\n',
  );
});

test('what was lost is told by topic, partition and offsets', async () => {
  const lost = [
    { topic: 'orders', partition: 0, from: 10, to: 12 },
    { topic: 'payments', partition: 3, from: 7, to: 8 },
  ];
  const { code, out } = await failover({ state: 'done', to: 'b', report: { ...REPORT, source: 'b', lost } });
  expect([code, out.split('\n')]).toEqual([
    0,
    [
      'b is home, from epoch 2 on, after 12.3 s, with what had been replicated to b, but for 3 records: 1234 items.',
      'lost: orders/0, offsets 10 to 11',
      'lost: payments/3, offsets 7 to 7',
      '',
    ],
  ]);
});

test('where the region is home already nothing is done', async () => {
  expect(await failover({ state: 'done', to: 'b', report: null })).toMatchObject({
    ...{ code: 0, out: 'b is home already.\n', err: '' },
  });
});

test('a failover that failed says why, and what to do', async () => {
  const error = 'fewer than 2 of 3 regions tell who is home';
  expect(await failover({ state: 'failed', to: 'b', error })).toMatchObject({
    ...{ code: 1, out: '', err: `wadi: the failover failed: ${error}; do it again\n` },
  });
});

test('a cluster in which no region is home knows no failover', async () => {
  for (const regions of [undefined, ['a', 'b']]) {
    const cluster = await startLocalCluster({ maintenanceIntervalMs: 0, ...(regions && { regions }) });
    try {
      const { code, err } = await run(cluster.url, ['regions', 'failover', 'b']);
      expect([code, err]).toEqual([
        1,
        `wadi: ${cluster.url} does not know /local/failover/b: it is for local clusters of several regions (npm start -- --help)\n`,
      ]);
    } finally {
      await cluster.close();
    }
  }
});

test('a region is asked for', async () => {
  const { code, err } = await run('http://127.0.0.1:9', ['regions', 'failover']);
  expect([code, err]).toEqual([2, expect.stringContaining("missing required argument 'region'")]);
});

test('the help says what is lost, what must answer, and how long it takes', async () => {
  const { code, out } = await run('http://127.0.0.1:9', ['regions', 'failover', '--help']);
  expect(code).toBe(0);
  for (const said of [
    'Most regions must answer',
    'nothing is lost',
    'some 15 s',
    '$ wadi regions failover b',
  ])
    expect(out.toString()).toContain(said);
  expect((await run('http://127.0.0.1:9', ['regions', '--help'])).out.toString()).toContain(
    'failover <region>',
  );
});
