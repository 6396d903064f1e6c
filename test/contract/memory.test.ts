import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { describeScans } from './scans.ts';
import { describeStorage } from './storage.ts';

describeStorage('memory', async () => memoryStorage());
describeScans('memory', async () => {
  const { log, close } = memoryStorage();
  return { items: log, close };
});
