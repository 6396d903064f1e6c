import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { createStepStorage } from '../../../lib/streams/runtime/stepStorage.ts';
import { NEW_TASK } from '../../../lib/streams/runtime/taskItem.ts';
import { testClock } from '../../support/log.ts';

const PREFIX = 'streams/count/0_0/';
const KEEP_MS = 3_600_000;
/** Written between two looks, of which there are ten in an hour: more are kept than a look lists. */
const STEPS = 1_500;

test('steps that are kept for an hour do not become more and more, though there are many, and epochs get more digits', async () => {
  const clock = testClock();
  const { objects } = memoryStorage();
  let lists = 0;
  const counted = {
    ...objects,
    list: (...args: Parameters<typeof objects.list>) => {
      lists++;
      return objects.list(...args);
    },
  };
  const storage = createStepStorage({ objects: counted, clock, inlineBytes: -1, keepMs: KEEP_MS }, PREFIX);
  const count = async () => (await objects.list(PREFIX, { limit: 1_000_000 })).objects.length;
  let [epoch, step] = [95, 0];
  for (let look = 0; look < 40; look++) {
    for (let i = 0; i < STEPS; i++) {
      if (i % 100 === 0) epoch += 2;
      await storage.keep({ ...NEW_TASK, epoch, step: step++ }, []);
      clock.advance(KEEP_MS / 10 / STEPS);
    }
    await storage.forgetOrphans({ epoch: epoch + 2, blob: undefined });
  }
  expect(await count()).toBeGreaterThan(9 * STEPS);
  expect(await count()).toBeLessThan(11 * STEPS);
  // What is behind the first page of which nothing goes is younger.
  expect(lists).toBeLessThanOrEqual(3 * 40);
});
