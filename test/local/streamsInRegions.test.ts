import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from '../../lib/local/cluster.ts';
import type { Wadi } from '../../lib/wadi.ts';
import { run } from '../cli/support.ts';
import { expectOnce, produce, readAll, wordCount } from '../streams/countedWords.ts';

const clusters: LocalCluster[] = [];
beforeEach(() => {
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
});

async function start(options: Partial<LocalClusterOptions>): Promise<LocalCluster> {
  const cluster = await startLocalCluster({
    ...{ regions: ['a', 'b', 'c'], maintenanceIntervalMs: 0, streams: [wordCount()] },
    home: { leaseMs: 400, renewAfterMs: 200, fenceMs: 500 },
    ...options,
  });
  clusters.push(cluster);
  await cluster.wadi.topics.create({ name: 'words', partitions: 2 });
  await cluster.wadi.topics.create({ name: 'lines', partitions: 3 });
  return cluster;
}

const front = (cluster: LocalCluster, region: string) => cluster.fronts.find((it) => it.region === region)!;

async function wadi(cluster: LocalCluster, region: string, ...args: readonly string[]): Promise<void> {
  const { code, err } = await run(front(cluster, region).url, args);
  if (code !== 0) throw new Error(err);
}

/** Until each word of the lines was counted: then once. */
async function untilCounted(wadi: Wadi, lines: readonly string[]): Promise<void> {
  const words = lines.flatMap((line) => line.split(' ')).length;
  for (let i = 0; i < 200 && (await readAll(wadi, 'words')).length < words; i++) await sleep(100);
  expectOnce(await readAll(wadi, 'words'), lines);
}

const LINES = ['the river is wide', 'the river is dry', 'rain fills the wadi', 'the wadi fills the river'];
const LATER = ['the rain is over', 'the wadi is dry'];

test('workers of all regions share the tasks, and go on while one of them is down, and when it is back', async () => {
  const cluster = await start({});
  const b = front(cluster, 'b').wadi;
  await produce(b, 'lines', LINES);
  await untilCounted(b, LINES);

  await wadi(cluster, 'b', 'faults', 'set', 'a', 'down');
  await produce(b, 'lines', LATER);
  await untilCounted(b, [...LINES, ...LATER]);

  await wadi(cluster, 'b', 'faults', 'set', 'a', 'up');
  await produce(front(cluster, 'a').wadi, 'lines', LINES);
  await untilCounted(front(cluster, 'c').wadi, [...LINES, ...LATER, ...LINES]);
}, 60_000);

test('where one region is home, its worker goes on after the failover with the state of the one before', async () => {
  const cluster = await start({ consistency: 'eventual' });
  await produce(cluster.wadi, 'lines', LINES);
  await untilCounted(cluster.wadi, LINES);
  await wadi(cluster, 'a', 'regions', 'failover', 'b');
  const b = front(cluster, 'b').wadi;
  await produce(b, 'lines', LATER);
  await untilCounted(b, [...LINES, ...LATER]);
}, 60_000);
