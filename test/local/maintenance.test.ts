import { jest } from '@jest/globals';
import { MAINTENANCE } from '../../functions/manifest.ts';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { logWork } from '../../lib/local/maintenance.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { readRun, startRun } from '../../lib/maintenance/runs.ts';
import type { Worked } from '../../lib/maintenance/worker.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { run } from '../cli/support.ts';
import { intercepted } from '../support/faults.ts';
import { batch } from '../support/log.ts';

const clusters: LocalCluster[] = [];
afterEach(() => Promise.all(clusters.splice(0).map((cluster) => cluster.close())));

/** A process that does maintenance only when it is asked to. */
async function start(storage: Storage, onMaintenance?: (worked: Worked) => void): Promise<LocalCluster> {
  const cluster = await startLocalCluster({
    ...{ storage, maintenanceIntervalMs: 0 },
    ...(onMaintenance && { onMaintenance }),
  });
  clusters.push(cluster);
  return cluster;
}

async function write({ wadi }: LocalCluster, topics: number): Promise<void> {
  const { log, topics: all } = wadi;
  for (let t = 0; t < topics; t++) {
    const topic = await all.create({ name: `topic-${t}` });
    for (let i = 0; i < 20; i++) {
      await log.append(topic, [{ partition: 0, batches: [batch([`${i}`], { timestamp: Date.now() })] }]);
    }
  }
  await log.settled();
}

const neverFails = (error: unknown) => {
  throw error;
};

async function ended({ wadi }: LocalCluster, runId: string): Promise<void> {
  while ((await readRun(wadi, runId))!.left > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A store until `die`: then each call is kept waiting until `close`. `midst` resolves when a segment is about to be put. */
function mortal(inner: Storage) {
  let dead = false;
  const midst = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const storage = intercepted(inner, async ({ store, operation }, proceed) => {
    if (store === 'objects' && operation === 'put') {
      dead = true;
      midst.resolve();
    }
    if (!dead) return proceed();
    await closed.promise;
    throw new StorageError('died', 'no');
  });
  return { storage, midst: midst.promise, close: closed.resolve };
}

test('a process dies in the midst of a run: the next one ends that run, and a new one waits for nobody', async () => {
  const inner = memoryStorage();
  const { storage, midst, close } = mortal(inner);
  const first = await start(storage);
  await write(first, 2);
  const { runId } = await startRun(first.wadi, undefined, MAINTENANCE_LIMITS, neverFails);
  await midst;
  const second = await start(inner);
  expect(await run(second.url, ['maintenance', 'run'])).toMatchObject({ code: 0 });
  await ended(second, runId);
  const status = await run(second.url, ['maintenance', 'status']);
  expect(status.out.toString()).toMatch(/^due now +nothing\nat work +nobody$/m);
  close();
});

test('two processes on the same storage run at once, and both end', async () => {
  const storage = memoryStorage();
  const both = [await start(storage), await start(storage)];
  await write(both[0]!, 3);
  const runs = await Promise.all(both.map(({ url }) => run(url, ['maintenance', 'run'])));
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
});

test('as many units are worked on at once as there are deployed workers', async () => {
  const inner = memoryStorage();
  let working = 0;
  let most = 0;
  const all = Promise.withResolvers<void>();
  const storage = intercepted(inner, async ({ store, operation }, proceed) => {
    if (store !== 'objects' || operation !== 'put') return proceed();
    most = Math.max(most, ++working);
    if (working === MAINTENANCE.concurrency) all.resolve();
    await all.promise;
    await proceed();
    working--;
  });
  const cluster = await start(storage);
  await write(cluster, MAINTENANCE.concurrency + 5);
  expect(await run(cluster.url, ['maintenance', 'run'])).toMatchObject({ code: 0 });
  expect(most).toBe(MAINTENANCE.concurrency);
});

test('what was done is told in a line each, and where nothing was done nothing is', async () => {
  const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
  const cluster = await start(memoryStorage(), logWork);
  await write(cluster, 1);
  await run(cluster.url, ['maintenance', 'run']);
  const lines = log.mock.calls.splice(0).map(([line]) => JSON.parse(line as string));
  await run(cluster.url, ['maintenance', 'run']);
  const quiet = log.mock.calls.splice(0);
  log.mockRestore();
  expect(lines).toMatchObject([
    { level: 'info', message: 'maintenance', name: 'topic-0', counts: { merges: 1 } },
    { level: 'info', message: 'maintenance', name: 'topic-0', counts: { itemsReclaimed: 20 } },
  ]);
  expect(quiet).toEqual([]);
});
