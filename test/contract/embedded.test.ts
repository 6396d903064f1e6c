import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import { describeScans } from './scans.ts';
import { describeStorage } from './storage.ts';

describe.each([false, true])('with fsync: %s', (fsync) => {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-contract-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  describeStorage('embedded', async () => embeddedStorage({ directory, fsync }));

  describeScans('embedded', async () => {
    const { log, close } = embeddedStorage({ directory: join(directory, 'scans'), fsync });
    return { items: log, close };
  });
});
