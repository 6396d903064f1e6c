import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { run } from './support.ts';

const clusters: LocalCluster[] = [];
afterEach(() => Promise.all(clusters.splice(0).map((cluster) => cluster.close())));

async function start(regions?: readonly string[]): Promise<LocalCluster> {
  const cluster = await startLocalCluster({ maintenanceIntervalMs: 0, ...(regions && { regions }) });
  clusters.push(cluster);
  return cluster;
}

test('faults are listed and set through any front', async () => {
  const { fronts } = await start(['a', 'b']);
  const [a, b] = fronts.map(({ url }) => url) as [string, string];
  expect(await run(b, ['faults', 'set', 'b', 'down'])).toMatchObject({ code: 0, err: '' });
  for (const url of [a, b]) {
    const { code, out } = await run(url, ['faults', 'list']);
    expect(code).toBe(0);
    expect(out.toString()).toBe(`region  fault  url\na       up     ${a}\nb       down   ${b}\n`);
  }
  expect((await run(a, ['faults', 'set', 'b', 'up'])).code).toBe(0);
  expect((await run(a, ['faults', 'list'])).out.toString()).not.toContain('down');
});

test('a region that there is not, or a fault, is told in one line', async () => {
  const { url } = await start(['a', 'b']);
  const unknown = await run(url, ['faults', 'set', 'x', 'down']);
  expect([unknown.code, unknown.err]).toEqual([1, "wadi: There is no region 'x', but a, b.\n"]);
  const snow = await run(url, ['faults', 'set', 'a', 'snow']);
  expect(snow.code).toBe(2);
  expect(snow.err).toContain('Allowed choices are up, down, slow, stale');
  const body = '{"fault":"snow"}';
  expect((await fetch(`${url}/local/faults/a`, { method: 'PUT', body })).status).toBe(400);
  expect((await fetch(`${url}/local/faults/a`, { method: 'PUT', body: '{' })).status).toBe(400);
});

test('a cluster without regions knows no faults, as a deployment does', async () => {
  const { url } = await start();
  expect((await fetch(`${url}/local/faults`)).status).toBe(404);
  for (const [path, ...args] of [
    ['/local/faults', 'list'],
    ['/local/faults/a', 'set', 'a', 'down'],
  ]) {
    const err = `wadi: ${url} does not know ${path}: it is for local clusters of several regions (npm start -- --help)\n`;
    expect(await run(url, ['faults', ...args])).toMatchObject({ code: 1, err });
  }
});

test('no server is told in one line', async () => {
  const { code, err } = await run('http://127.0.0.1:9', ['faults', 'list']);
  expect(code).toBe(1);
  expect(err).toMatch(/^wadi: No answer.*\n$/);
});

test('the help says what each fault means', async () => {
  const { out } = await run('http://127.0.0.1:9', ['faults', 'set', '--help']);
  for (const fault of ['down ', 'slow ', 'stale ', 'up ']) expect(out.toString()).toContain(`\n${fault}`);
});
