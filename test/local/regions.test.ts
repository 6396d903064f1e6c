import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import type { Fault } from '../../lib/local/weather.ts';
import { stateOf } from '../../lib/replication/inSync.ts';
import { run } from '../cli/support.ts';

const REGIONS = ['a', 'b', 'c'];
const CUT = { cause: expect.objectContaining({ code: expect.stringMatching(/UND_ERR_SOCKET|ECONNRESET/) }) };

let directory: string;
const clusters: LocalCluster[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wadi-regions-'));
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
  rmSync(directory, { recursive: true });
});

async function start(regions: readonly string[] = REGIONS): Promise<LocalCluster> {
  const cluster = await startLocalCluster({
    storage: { kind: 'embedded', directory },
    // What brings regions back is not the plan of all maintenance.
    maintenanceIntervalMs: 0,
    ...(regions.length > 0 && { regions }),
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

const topicUrl = (cluster: LocalCluster, region: string): string =>
  `${urlOf(cluster, region)}/v3/clusters/${cluster.wadi.clusterId}/topics/orders`;

/** Too large for an item, so that it is an object. */
const large = (text: string): string => text.padEnd(5_000, '.');

async function produce(cluster: LocalCluster, region: string, text: string, acks = 'all'): Promise<number> {
  const response = await fetch(`${topicUrl(cluster, region)}/records?acks=${acks}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ partition_id: 0, value: { type: 'STRING', data: large(text) } }),
  });
  const answer = (await response.json()) as { error_code: number; offset: number };
  expect(answer.error_code).toBe(200);
  return answer.offset;
}

async function texts(cluster: LocalCluster, region: string): Promise<string[]> {
  const response = await fetch(`${topicUrl(cluster, region)}/partitions/0/records?offset=0`);
  expect(response.status).toBe(200);
  const { records } = (await response.json()) as { records: { value: { data: string } }[] };
  return records.map(({ value }) => value.data.replaceAll('.', ''));
}

async function set(cluster: LocalCluster, region: string, fault: Fault, via = 'a'): Promise<void> {
  const done = await run(urlOf(cluster, via), ['faults', 'set', region, fault]);
  expect(done).toMatchObject({ code: 0, err: '' });
}

const stateIn = async ({ wadi }: LocalCluster, region: string) =>
  stateOf(await wadi.replication!.inSync(), region);

/** Keys of the region's own bucket, whatever the weather. */
async function keysIn(cluster: LocalCluster, region: string): Promise<string[]> {
  const { objects } = cluster.wadi.regions.find(({ name }) => name === region)!;
  const page = await objects.list('', { limit: 1_000 });
  return page.objects.map(({ key }) => key).filter((key) => key.includes('/'));
}

async function until(is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await is()); tries++) {
    if (tries === 200) throw new Error(`not so after 20 s: ${is}`);
    await sleep(100);
  }
}

test('what is acknowledged in one region is read in the others, whether one is lost or not, and one that is back catches up', async () => {
  const cluster = await start();
  await cluster.wadi.topics.create({ name: 'orders' });
  await produce(cluster, 'a', 'one');
  for (const region of REGIONS) {
    expect(await texts(cluster, region)).toEqual(['one']);
    expect(await keysIn(cluster, region)).toHaveLength(1);
  }

  await set(cluster, 'c', 'down');
  await produce(cluster, 'a', 'two');
  expect(await stateIn(cluster, 'c')).toBe('out');
  expect(await texts(cluster, 'b')).toEqual(['one', 'two']);
  await expect(texts(cluster, 'c')).rejects.toMatchObject(CUT);
  await expect(keysIn(cluster, 'c')).rejects.toThrow('region c is down');

  await set(cluster, 'c', 'up', 'c');
  await until(async () => (await stateIn(cluster, 'c')) === 'in-sync');
  expect(await keysIn(cluster, 'c')).toEqual(await keysIn(cluster, 'a'));
  expect(await texts(cluster, 'c')).toEqual(['one', 'two']);
  await produce(cluster, 'c', 'three');
  expect(await texts(cluster, 'b')).toEqual(['one', 'two', 'three']);
});

test('a region that goes down cuts what is under way, but not the word that it is down', async () => {
  const cluster = await start();
  await cluster.wadi.topics.create({ name: 'orders' });
  const waiting = fetch(`${topicUrl(cluster, 'c')}/partitions/0/records?offset=0&max_wait_ms=20000`);
  const isCut = expect(waiting).rejects.toMatchObject(CUT);
  await sleep(200);
  await set(cluster, 'c', 'down', 'c');
  await isCut;
  const told = await fetch(`${urlOf(cluster, 'c')}/local/faults/c`);
  expect(await told.json()).toEqual({ region: 'c', fault: 'down', url: urlOf(cluster, 'c') });
});

test('who asks a region that is down whether to send a body is not told to', async () => {
  const cluster = await start();
  await set(cluster, 'c', 'down');
  const asked = request(`${urlOf(cluster, 'c')}/admin/topics`, {
    method: 'POST',
    headers: { expect: '100-continue', 'content-length': 10 },
  });
  const events: string[] = [];
  asked.on('continue', () => events.push('continue'));
  await new Promise<void>((resolve) => {
    asked.on('error', () => resolve());
    asked.flushHeaders();
  });
  expect(events).toEqual([]);
});

test('acks=1 is carried to the other regions in a moment, but to one that is stale only when it is up', async () => {
  const cluster = await start();
  await cluster.wadi.topics.create({ name: 'orders' });
  await set(cluster, 'c', 'stale');
  await produce(cluster, 'a', 'one', '1');
  expect(await keysIn(cluster, 'a')).toHaveLength(1);
  expect(await keysIn(cluster, 'b')).toEqual([]);
  await until(async () => (await keysIn(cluster, 'b')).length === 1);
  expect(await keysIn(cluster, 'c')).toEqual([]);
  expect(await texts(cluster, 'c')).toEqual(['one']);
  await set(cluster, 'c', 'up');
  await until(async () => (await keysIn(cluster, 'c')).length === 1);
  expect(await keysIn(cluster, 'c')).toEqual(await keysIn(cluster, 'a'));
});

test('what acks=1 left in a region that is lost is not taken for gone, and comes with it', async () => {
  const cluster = await start();
  await cluster.wadi.topics.create({ name: 'orders' });
  await produce(cluster, 'a', 'one', '1');
  await set(cluster, 'a', 'down', 'b');
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
  const refused = await fetch(`${topicUrl(cluster, 'b')}/partitions/0/records?offset=0`);
  expect(refused.status).toBe(503);
  await set(cluster, 'a', 'up', 'b');
  expect(await texts(cluster, 'b')).toEqual(['one']);
  await until(async () => (await keysIn(cluster, 'b')).length === 1);
});

test('a region that is slow is put out, and stays out until it is up', async () => {
  const cluster = await start();
  await cluster.wadi.topics.create({ name: 'orders' });
  await set(cluster, 'b', 'slow');
  await produce(cluster, 'a', 'one');
  expect(await stateIn(cluster, 'b')).toBe('out');
  await sleep(5_000);
  expect(await stateIn(cluster, 'b')).toBe('out');
  await set(cluster, 'b', 'up');
  await until(async () => (await stateIn(cluster, 'b')) === 'in-sync');
});

test('a directory keeps its regions, takes a new one in, and is no cluster without them, nor with fewer', async () => {
  const first = await start(['a', 'b']);
  await first.wadi.topics.create({ name: 'orders' });
  await produce(first, 'a', 'one');
  await stop(first);
  await expect(start([])).rejects.toThrow(`${directory} holds several regions: --regions a,b`);
  await expect(start(['a'])).rejects.toThrow(`${directory} holds regions that --regions leaves out: b`);

  const more = await start(['a', 'b', 'new']);
  await until(async () => (await stateIn(more, 'new')) === 'in-sync');
  expect(await keysIn(more, 'new')).toEqual(await keysIn(more, 'a'));
  expect(await texts(more, 'new')).toEqual(['one']);
});

test('a directory of a cluster without regions is not taken for one of several', async () => {
  await stop(await start([]));
  await expect(start()).rejects.toThrow(`${directory} holds a cluster without regions`);
});

test('every front knows where the others are', async () => {
  const cluster = await start();
  const urls = cluster.fronts.map(({ url }) => url);
  expect(new Set(urls).size).toBe(3);
  for (const { wadi } of cluster.fronts) expect(wadi.regions.map(({ url }) => url)).toEqual(urls);
});
