import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { readRange } from '../../../lib/streams/runtime/readRange.ts';
import { createWadi } from '../../../lib/wadi.ts';
import { append, batch, testClock } from '../../support/log.ts';

test('of what was appended since the end of a range was looked up, in the same fetch and the same batch, nothing is told', async () => {
  const wadi = await createWadi({ storage: memoryStorage(), clock: testClock(), clusterId: 'test' });
  const topic = await wadi.topics.create({ name: 'changes' });
  for (const values of [['a', 'b'], ['c', 'd'], ['e']]) await append(wadi.log, topic, 0, batch(values));
  const values: string[] = [];
  const ends: number[] = [];
  await readRange(
    wadi.log,
    topic,
    { partition: 0, from: 1, to: 3 },
    ({ value }) => values.push(Buffer.from(value!).toString()),
    (nextOffset) => void ends.push(nextOffset),
  );
  expect(values).toEqual(['b', 'c']);
  expect(ends).toEqual([3]);
});
