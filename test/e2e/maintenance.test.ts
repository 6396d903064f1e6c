import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalCluster } from '../../lib/local/cluster.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import { run } from '../cli/support.ts';
import { batch, readAll } from '../support/log.ts';

const APPENDS = 2_000;
const PARTITIONS = 4;

test('after 2,000 small appends a run of maintenance leaves few rows and objects, and every record at its offset', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wadi-maintenance-'));
  const storage = embeddedStorage({ directory, fsync: false });
  const cluster = await startLocalCluster({ storage });
  try {
    const { log, topics } = cluster.wadi;
    const topic = await topics.create({ name: 'orders', partitions: PARTITIONS });
    for (let i = 0; i < APPENDS; i++) {
      const batches = [batch([`record ${i}`], { timestamp: Date.now() })];
      await log.append(topic, [{ partition: i % PARTITIONS, batches }]);
    }
    await log.settled();
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const readEverything = () => Promise.all(partitions.map((partition) => readAll(log, topic, partition)));
    const inline = async () => (await storage.log.query({ pk: `inline/${topic.id}/0`, limit: 10_000 })).items;
    const before = await readEverything();
    expect(before.flat()).toHaveLength(APPENDS);
    expect(await inline()).toHaveLength(APPENDS);

    const { code } = await run(cluster.url, ['maintenance', 'run']);
    expect(code).toBe(0);

    expect(await inline()).toEqual([]);
    const { objects } = await storage.objects.list(`${topic.id}/`, { limit: 1_000 });
    expect(objects).toHaveLength(PARTITIONS);
    for (const partition of partitions) {
      const { items } = await storage.log.query({ pk: `index/${topic.id}/${partition}`, limit: 10_000 });
      expect(items.filter(({ absorbed }) => absorbed === undefined)).toHaveLength(1);
    }
    expect(await readEverything()).toEqual(before);
    // Also for who has seen nothing of it.
    const other = await startLocalCluster({ storage: { kind: 'embedded', directory } });
    const fresh = await Promise.all(partitions.map((partition) => readAll(other.wadi.log, topic, partition)));
    await other.close();
    expect(fresh).toEqual(before);
  } finally {
    await cluster.close();
    await rm(directory, { recursive: true });
  }
}, 60_000);

test('a run compacts what was produced a moment ago, and leaves the last record of each key at its offset', async () => {
  const cluster = await startLocalCluster();
  try {
    const { log, topics, storage } = cluster.wadi;
    const topic = await topics.create({ name: 'users', configs: { 'cleanup.policy': 'compact' } });
    for (let i = 0; i < 30; i++) {
      const record = { timestamp: Date.now(), key: Buffer.from(`k${i % 3}`), value: Buffer.from(`v${i}`) };
      const bytes = encodeBatch([{ ...record, headers: [] }]);
      const batches = [{ bytes, recordCount: 1, maxTimestamp: record.timestamp, producer: undefined }];
      await log.append(topic, [{ partition: 0, batches }]);
    }
    const { code, out } = await run(cluster.url, ['maintenance', 'run']);
    expect(code).toBe(0);
    expect(out.toString()).toMatch(/records removed +27/);
    expect(await readAll(log, topic)).toEqual([
      [27, 'v27'],
      [28, 'v28'],
      [29, 'v29'],
    ]);
    const { items } = await storage.log.query({ pk: `inline/${topic.id}/0`, limit: 100 });
    const { objects } = await storage.objects.list(`${topic.id}/`, { limit: 100 });
    expect({ inline: items.length, objects: objects.length }).toEqual({ inline: 0, objects: 1 });
  } finally {
    await cluster.close();
  }
});

test('a cluster keeps house by itself, and closes at once in the midst of it', async () => {
  const cluster = await startLocalCluster({ maintenanceIntervalMs: 20 });
  const { storage, topics, log } = cluster.wadi;
  const topic = await topics.create({ name: 'orders' });
  await log.append(topic, [{ partition: 0, batches: [batch(['value'])] }]);
  await topics.delete('orders');
  const marks = async () => (await storage.log.get({ pk: `head/${topic.id}/0`, sk: 'head' }))?.deletedAtMs;
  const inline = async () =>
    (await storage.log.query({ pk: `inline/${topic.id}/0`, limit: 10 })).items.length;
  while ((await inline()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await marks()).toBeGreaterThan(0);
  const closing = performance.now();
  await cluster.close();
  expect(performance.now() - closing).toBeLessThan(4_000);
});
