import { jest } from '@jest/globals';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { intercepted } from '../support/faults.ts';
import { batch } from '../support/log.ts';
import { run } from './support.ts';

const clusters: LocalCluster[] = [];
afterEach(() => Promise.all(clusters.splice(0).map((cluster) => cluster.close())));

/** A cluster with a topic in small pieces. */
async function cluster(storage: Storage = memoryStorage()) {
  const started = await startLocalCluster({ storage, maintenanceIntervalMs: 0 });
  clusters.push(started);
  const { topics, log } = started.wadi;
  for (const name of ['orders', 'users']) {
    const topic = await topics.create({ name, partitions: 2 });
    for (let i = 0; i < 40; i++) {
      await log.append(topic, [{ partition: i % 2, batches: [batch([`${i}`], { timestamp: Date.now() })] }]);
    }
  }
  await log.settled();
  // What was just written waits for a moment before it may be rolled.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return started;
}

const lines = (out: Buffer) =>
  out
    .toString()
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' | '));

test('a run merges the pieces of every topic, and tells what it did', async () => {
  const { url } = await cluster();
  const before = await run(url, ['maintenance', 'status']);
  expect(lines(before.out)[0]).toBe('topic | size | segments | unmerged | oldest unmerged | floor lag');
  expect(lines(before.out)[1]).toMatch(/^orders \| .* KiB \| \d+ \| .* KiB \| \d+ m?s \| -$/);
  expect(before.out.toString()).toMatch(/^due now +nothing\nat work +nobody$/m);

  const { code, out, err } = await run(url, ['maintenance', 'run']);
  expect(code).toBe(0);
  // Progress, if it took so long.
  expect(err).toMatch(/^(\d+ s: \d of 3 units done; .*\n)*$/);
  expect(lines(out)).toEqual(expect.arrayContaining(['topics | 2', 'merges | 4', 'objects written | 4']));

  const after = await run(url, ['maintenance', 'status']);
  expect(lines(after.out)[1]).toMatch(/^orders \| .* KiB \| 2 \| 0 B \| - \| /);
  expect(after.out.toString()).toMatch(/^users all +\d+ m?s ago +\d+ m?s +.*merges 2/m);
});

test('a run may be of one topic alone', async () => {
  const { url } = await cluster();
  const { out } = await run(url, ['maintenance', 'run', '--topic', 'users']);
  expect(lines(out)).toContain('topics | 1');
  const status = await run(url, ['maintenance', 'status', '-t', 'orders']);
  expect(lines(status.out).filter((line) => line.startsWith('users | '))).toEqual([]);
});

test('a run that fails says why', async () => {
  const storage = intercepted(memoryStorage(), async ({ store, operation }, proceed) => {
    if (store === 'objects' && operation === 'put') throw new StorageError('disk full', 'no');
    return proceed();
  });
  const { url } = await cluster(storage);
  const logged = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  const { code, err } = await run(url, ['maintenance', 'run', '--topic', 'orders']);
  logged.mockRestore();
  expect(code).toBe(1);
  expect(err).toBe(
    'wadi: maintenance of 1 of 1 units failed, and is tried again in some minutes:\n  orders: disk full\n',
  );
});

test('of a topic that is not there neither is shown nor done', async () => {
  const { url } = await cluster();
  for (const command of ['status', 'run']) {
    const { code, err } = await run(url, ['maintenance', command, '--topic', 'nope']);
    expect({ code, err }).toEqual({ code: 1, err: "wadi: Topic 'nope' does not exist.\n" });
  }
  expect((await run(url, ['maintenance', 'run', '-t', '../x'])).err).toContain('Topic name is invalid');
});

test('a cluster without topics has nothing to do', async () => {
  const started = await startLocalCluster();
  clusters.push(started);
  const { code, out } = await run(started.url, ['maintenance', 'run']);
  expect({ code, out: lines(out) }).toEqual({ code: 0, out: ['topics | 0', ''] });
});

test.each([
  ['maintenance', 'status', 'oldest unmerged'],
  ['maintenance', 'run', '--timeout <seconds>'],
])('%s %s explains itself', async (...args) => {
  const word = args.pop()!;
  const { code, out } = await run('http://127.0.0.1:1', [...args, '--help']);
  expect({ code, out: out.toString() }).toEqual({ code: 0, out: expect.stringContaining(word) });
});
