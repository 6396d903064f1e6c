import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from '../../lib/local/cluster.ts';
import { run } from '../cli/support.ts';

let directory: string;
const clusters: LocalCluster[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wadi-home-'));
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
  rmSync(directory, { recursive: true });
});

async function start(options: Partial<LocalClusterOptions> = {}): Promise<LocalCluster> {
  const cluster = await startLocalCluster({
    ...{ storage: { kind: 'embedded', directory }, maintenanceIntervalMs: 0 },
    ...{ regions: ['a', 'b', 'c'], consistency: 'eventual' },
    home: { leaseMs: 400, renewAfterMs: 200, fenceMs: 500 },
    ...options,
  });
  clusters.push(cluster);
  return cluster;
}

async function stop(cluster: LocalCluster): Promise<void> {
  clusters.splice(clusters.indexOf(cluster), 1);
  await cluster.close();
}

const urlOf = (cluster: LocalCluster, region: string): string =>
  cluster.fronts.find((front) => front.region === region)!.url;

async function wadi(cluster: LocalCluster, region: string, ...args: readonly string[]) {
  const { code, out, err } = await run(urlOf(cluster, region), args);
  if (code !== 0) throw new Error(err);
  return out.toString();
}

async function produce(cluster: LocalCluster, region: string, text: string): Promise<number> {
  const { clusterId } = cluster.wadi;
  const url = `${urlOf(cluster, region)}/v3/clusters/${clusterId}/topics/orders/records`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ partition_id: 0, value: { type: 'STRING', data: text.padEnd(5_000, '.') } }),
  });
  const { offset, error_code } = (await response.json()) as { offset: number; error_code: number };
  if (error_code !== 200) throw new Error(`${error_code}`);
  return offset;
}

async function consume(
  cluster: LocalCluster,
  region: string,
  clusterId = cluster.wadi.clusterId,
): Promise<[number, string][]> {
  const path = `/v3/clusters/${clusterId}/topics/orders/partitions/0/records?offset=0`;
  const response = await fetch(urlOf(cluster, region) + path);
  const { records } = (await response.json()) as {
    records: { offset: number; value: { data: string } }[];
  };
  return records.map(({ offset, value }) => [offset, value.data.replaceAll('.', '')]);
}

test('any region takes records, into the copy of the one that is home', async () => {
  const cluster = await start();
  await wadi(cluster, 'b', 'topics', 'create', 'orders');
  expect(await produce(cluster, 'b', 'one')).toBe(0);
  expect(await produce(cluster, 'c', 'two')).toBe(1);
  expect(await consume(cluster, 'a')).toEqual([
    [0, 'one'],
    [1, 'two'],
  ]);
});

test('the home is lost, another takes over, and the old one comes back as one of the others', async () => {
  const cluster = await start();
  await wadi(cluster, 'a', 'topics', 'create', 'orders');
  await produce(cluster, 'a', 'one');
  await new Promise((resolve) => setTimeout(resolve, 700));
  await wadi(cluster, 'b', 'faults', 'set', 'a', 'down');
  await expect(produce(cluster, 'b', 'in vain')).rejects.toThrow('50003');
  expect(await wadi(cluster, 'b', 'regions', 'failover', 'b')).toMatch(
    /^b is home, from epoch 2 on, after .*, with what had been replicated to b, without gaps/,
  );
  expect(await produce(cluster, 'c', 'two')).toBe(1_000_001);
  await wadi(cluster, 'b', 'faults', 'set', 'a', 'up');
  expect(await consume(cluster, 'a')).toEqual([
    [0, 'one'],
    [1_000_001, 'two'],
  ]);
  expect(await wadi(cluster, 'c', 'regions', 'failover', 'b')).toBe('b is home already.\n');
  expect(await wadi(cluster, 'c', 'regions', 'failover', 'a')).toMatch(/with all that b had/);
  expect(await produce(cluster, 'a', 'three')).toBe(1_000_002);
});

test('a failover needs most regions, and a region that there is', async () => {
  const cluster = await start();
  await wadi(cluster, 'a', 'faults', 'set', 'a', 'down');
  await wadi(cluster, 'a', 'faults', 'set', 'c', 'down');
  await expect(wadi(cluster, 'b', 'regions', 'failover', 'b')).rejects.toThrow(
    'the failover failed: fewer than 2 of 3 regions tell who is home',
  );
  await expect(wadi(cluster, 'b', 'regions', 'failover', 'd')).rejects.toThrow("There is no region 'd'");
});

test('after a restart every region has what home has, whatever was under way', async () => {
  const before = await start();
  await wadi(before, 'a', 'topics', 'create', 'orders');
  await produce(before, 'a', 'one');
  await wadi(before, 'a', 'regions', 'failover', 'b');
  await produce(before, 'a', 'two');
  await stop(before);
  const after = await start();
  await wadi(after, 'a', 'faults', 'set', 'b', 'down');
  expect(await wadi(after, 'c', 'regions', 'failover', 'c')).toMatch(/replicated to [ac], without gaps/);
  expect((await consume(after, 'a')).map(([, text]) => text)).toEqual(['one', 'two']);
});

test('a directory of one kind of regions is not taken for one of the other', async () => {
  await stop(await start());
  await expect(start({ consistency: 'strong' })).rejects.toThrow('give --consistency eventual');
  rmSync(directory, { recursive: true });
  await stop(await start({ consistency: 'strong' }));
  await expect(start()).rejects.toThrow('leave out --consistency eventual');
});

test('a failover that broke off with the process is done again by the same command, once the process is back', async () => {
  const before = await start({ home: { leaseMs: 400, renewAfterMs: 200, fenceMs: 60_000 } });
  await wadi(before, 'a', 'topics', 'create', 'orders');
  await produce(before, 'a', 'one');
  await fetch(`${urlOf(before, 'a')}/local/failover/b`, { method: 'POST' });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { clusterId } = before.wadi;
  await stop(before);

  const after = await start();
  expect(() => after.wadi).toThrow('nobody is home yet');
  const health = await fetch(`${urlOf(after, 'c')}/health`);
  expect(health.status).toBe(503);
  expect(await wadi(after, 'c', 'regions', 'failover', 'b')).toMatch(/^b is home, from epoch 3 on/);
  expect(await consume(after, 'a', clusterId)).toEqual([[0, 'one']]);
}, 60_000);
