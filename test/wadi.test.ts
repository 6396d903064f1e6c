import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedStorage } from '../lib/storage/embedded/embedded.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import { createWadi } from '../lib/wadi.ts';

test('a cluster keeps its id over a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wadi-'));
  const ids: string[] = [];
  for (let start = 0; start < 2; start++) {
    const storage = embeddedStorage({ directory: folder });
    ids.push((await createWadi({ storage })).clusterId);
    await storage.close();
  }
  await rm(folder, { recursive: true });
  expect(ids[0]).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  expect(ids[1]).toBe(ids[0]);
});

test('processes that start at the same time agree on the id', async () => {
  const storage = memoryStorage();
  const wadis = await Promise.all(Array.from({ length: 5 }, () => createWadi({ storage })));
  expect(new Set(wadis.map(({ clusterId }) => clusterId)).size).toBe(1);
});

test('a cluster that is told its id writes nothing', async () => {
  const storage = memoryStorage();
  expect((await createWadi({ storage, clusterId: 'one' })).clusterId).toBe('one');
  expect(await storage.metadata.get({ pk: 'cluster', sk: 'id' })).toBeUndefined();
});
