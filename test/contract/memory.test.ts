import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { describeStorage } from './storage.ts';

describeStorage('memory', async () => memoryStorage());
