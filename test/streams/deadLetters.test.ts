import { decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { prepare, type StreamsApplication } from '../../lib/streams/runtime/application.ts';
import type { OnError } from '../../lib/streams/runtime/deadLetter.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { testClock } from '../support/log.ts';

const { string, integer, long } = Serdes;

/** Sums numbers by key; a 13 is more than it can bear, once it has counted it. */
function sums(onError: OnError): StreamsApplication {
  const builder = new StreamsBuilder();
  builder
    .stream('numbers', { keySerde: string, valueSerde: integer })
    .groupByKey()
    .aggregate(
      () => 0,
      (_key, value, sum) => sum + value,
      { storeName: 'sums', valueSerde: long },
    )
    .toStream()
    .peek((_key, sum) => {
      if (sum! % 100 === 13) throw new RangeError(`${sum} is too much`);
    })
    .to('sums');
  return { applicationId: 'sums', topology: builder.build(), onError };
}

async function produce({ log, topics }: Wadi, values: readonly (Uint8Array | number)[]): Promise<void> {
  const topic = await topics.describe('numbers');
  for (const value of values) {
    const bytes = typeof value === 'number' ? integer.serialize(value) : value;
    const record = { key: string.serialize('k'), value: bytes, timestamp: 5, headers: [] };
    const batch = { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: 5, producer: undefined };
    await log.append(topic, [{ partition: 0, batches: [batch] }]);
  }
}

async function read({ log, topics }: Wadi, name: string) {
  const topic = await topics.describe(name);
  const request = { partition: 0, offset: 0, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
  return [...decodeBatches((await log.fetch(topic, request)).bytes)];
}

async function start(onError: OnError) {
  const clock = testClock();
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: 'test' });
  for (const name of ['numbers', 'sums', 'dead']) await wadi.topics.create({ name });
  const { log, topics } = wadi;
  const { groups: items, objects } = wadi.storage;
  const application = sums(onError);
  await prepare(topics, application);
  const runner = createTaskRunner({ application, items, objects, log, topics, clock });
  const run = () => runner.run({ subtopology: 0, partition: 0 }, clock.now() + 60_000);
  return { wadi, run };
}

const said = async (wadi: Wadi) => (await read(wadi, 'sums')).map(({ value }) => long.deserialize(value!));

test('what cannot be read, or processed, goes to the dead letters as it was, and changes nothing', async () => {
  const { wadi, run } = await start({ deadLetterTopic: 'dead' });
  const bad = Uint8Array.of(1, 2);
  await produce(wadi, [1, bad, 2, 10, 4, bad, 6]);
  expect(await run()).toMatchObject({ outcome: 'idle', records: 7 });
  expect(await said(wadi)).toEqual([1, 3, 7]);

  const dead = await read(wadi, 'dead');
  const header = (i: number, name: string) => {
    const found = dead[i]!.headers.find(({ key }) => key === `__streams.errors.${name}`);
    return Buffer.from(found!.value!).toString();
  };
  expect(dead.map(({ value }) => [...value!])).toEqual([
    [1, 2],
    [0, 0, 0, 10],
    [1, 2],
    [0, 0, 0, 6],
  ]);
  expect(dead.map((_, i) => header(i, 'offset'))).toEqual(['1', '3', '5', '6']);
  expect(header(1, 'exception')).toBe('RangeError');
  expect(header(1, 'message')).toBe('13 is too much');
  expect([header(0, 'topic'), header(0, 'partition'), header(0, 'message')]).toEqual([
    'numbers',
    '0',
    '2 bytes are no integer',
  ]);
});

test('the error of a record says where that is, and nothing that is in it', async () => {
  const { wadi, run } = await start('stop');
  await produce(wadi, [13]);
  const error: Error = await run().catch((thrown) => thrown);
  expect(error.message).toBe('numbers/0, offset 0: 13 is too much');
  expect({ ...error }).toEqual({
    ...{ name: 'RecordError', topic: 'numbers', partition: 0, offset: 0, during: 'processing' },
  });
});

test.each([
  ['cannot be processed', [1, 12, 5], [1]],
  ['cannot be read', [1, 3, Uint8Array.of(1), 5], [1, 4]],
])('by default a record that %s stops the task, behind what came before it', async (_name, values, told) => {
  const { wadi, run } = await start('stop');
  await produce(wadi, values);
  const stopped = { name: 'RecordError', record: { topic: 'numbers', offset: told.length } };
  await expect(run()).rejects.toMatchObject(stopped);
  expect(await said(wadi)).toEqual(told);
  // Nobody has to wait for its lease.
  await expect(run()).rejects.toMatchObject(stopped);
  expect(await said(wadi)).toEqual(told);
});

test('bad records in a row cost a restore each at most, and none of those of which that is known', async () => {
  const { wadi, run } = await start({ deadLetterTopic: 'dead' });
  await produce(wadi, [1, 2, 10, 3, 7]);
  // Of the changelog one record, when 7 breaks off the step of 3.
  expect(await run()).toMatchObject({ outcome: 'idle', records: 5, restored: 1 });
  expect(await said(wadi)).toEqual([1, 3, 6]);
  expect((await read(wadi, 'dead')).map(({ value }) => integer.deserialize(value!))).toEqual([10, 7]);
});
