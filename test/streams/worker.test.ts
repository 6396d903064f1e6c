import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { createWadi } from '../../lib/wadi.ts';
import { testClock } from '../support/log.ts';

const { string } = Serdes;
const PARTITIONS = 3;
const RUN_MS = 100;

test('a task that takes a whole run does not have the next one, too', async () => {
  const clock = testClock();
  const wadi = await createWadi({
    ...{ storage: memoryStorage(), clock, clusterId: 'test' },
    warn: () => undefined,
  });
  for (const name of ['in', 'out']) await wadi.topics.create({ name, partitions: PARTITIONS });
  const put = async (partition: number) => {
    const record = { key: null, value: Buffer.from(`${partition}`), timestamp: clock.now(), headers: [] };
    const batches = [
      { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: clock.now(), producer: undefined },
    ];
    const [result] = await wadi.log.append(await wadi.topics.describe('in'), [{ partition, batches }]);
    if (!result!.ok) throw result!.error;
  };

  const processed: string[] = [];
  const builder = new StreamsBuilder();
  builder
    .stream('in', { keySerde: string, valueSerde: string })
    .peek((_, value) => {
      processed.push(value);
      clock.advance(RUN_MS);
    })
    .to('out');
  const application = { applicationId: 'app', topology: builder.build() };
  const worker = createStreamsWorker(wadi, application, {
    warn: (error) => {
      throw error;
    },
  });

  for (let partition = 0; partition < PARTITIONS; partition++) await put(partition);
  for (let run = 0; run < 2 * PARTITIONS; run++) {
    await worker.run(clock.now() + RUN_MS);
    await put(Number(processed.at(-1)));
  }
  await wadi.log.settled();
  expect(processed).toEqual(['0', '1', '2', '0', '1', '2']);
});
