import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { STREAMS_LIMITS } from '../../../lib/streams/runtime/limits.ts';
import { createTaskStore } from '../../../lib/streams/runtime/taskStore.ts';
import { testClock } from '../../support/log.ts';

const KEY = { pk: 'streams/count', sk: '0_0' };

test('of two that ask for a task in the same moment, one has it', async () => {
  const { groups } = memoryStorage();
  const store = createTaskStore(groups, KEY, testClock(), STREAMS_LIMITS);
  const other = createTaskStore(groups, KEY, testClock(), STREAMS_LIMITS);
  const seen = await Promise.all([store.read(), other.read()]);
  const taken = await Promise.all([store.take(seen[0]), other.take(seen[1])]);
  expect(taken.filter((state) => state !== undefined)).toHaveLength(1);
});
