import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import { startClient } from './client.ts';
import { describeEndToEnd } from './endToEnd.ts';

const directory = mkdtempSync(join(tmpdir(), 'wadi-e2e-'));
afterAll(() => rmSync(directory, { recursive: true }));

describeEndToEnd('embedded storage', () => startClient({ storage: embeddedStorage({ directory }) }));
