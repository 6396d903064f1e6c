import fc from 'fast-check';
import { decodeBatch, decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { readHeader } from '../../lib/record/header.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { prepare, type StreamsApplication } from '../../lib/streams/runtime/application.ts';
import type { OnError } from '../../lib/streams/runtime/deadLetter.ts';
import { planAppends } from '../../lib/streams/runtime/planAppends.ts';
import { refusalOf } from '../../lib/streams/runtime/refusal.ts';
import { createTaskRunner } from '../../lib/streams/runtime/taskRunner.ts';
import { Serdes } from '../../lib/streams/serdes.ts';
import { NO_TIMES } from '../../lib/streams/task/task.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import { createWadi } from '../../lib/wadi.ts';
import { testClock } from '../support/log.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const LIMIT = 500;
const many = (text: string) => text.repeat(LIMIT);

/** What is said is told twice, large where it was asked for; and all that was said is kept, by key. */
function sayings(onError: OnError): StreamsApplication {
  const builder = new StreamsBuilder();
  const said = builder.stream('said', strings);
  said.to('copies');
  said
    .mapValues((text) => (text === 'much' ? many('m') : text), { valueSerde: string })
    .to((record) => (record.key === 'b' ? 'told-b' : 'told'));
  said
    .groupByKey()
    .aggregate(
      () => '',
      (_key, text, all) => (text === 'full' ? many('f') : `${all}${text};`),
      {
        ...{ storeName: 'all', valueSerde: string },
        changelogConfigs: { 'max.message.bytes': String(LIMIT) },
      },
    )
    .toStream()
    .to('all');
  return { applicationId: 'sayings', topology: builder.build(), onError };
}

async function start(application: StreamsApplication) {
  const clock = testClock();
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: 'test' });
  const { log, topics, storage } = wadi;
  const configs = { 'max.message.bytes': String(LIMIT) };
  for (const name of ['said', 'dead', 'all', 'copies']) await topics.create({ name });
  for (const name of ['told', 'told-b']) await topics.create({ name, configs });
  await prepare(topics, application);
  const { groups: items, objects } = storage;
  const runner = createTaskRunner({ application, items, objects, log, topics, clock });
  const batchesOf = async (name: string) => {
    const request = { partition: 0, offset: 0, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
    return (await log.fetch(await topics.describe(name), request)).bytes;
  };
  return {
    ...{ clock, topics, batchesOf },
    run: () => runner.run({ subtopology: 0, partition: 0 }, clock.now() + 60_000),
    async say(key: string, ...texts: string[]) {
      for (const text of texts) {
        const record = { key: Buffer.from(key), value: Buffer.from(text), timestamp: 5, headers: [] };
        const bytes = encodeBatch([record]);
        const batches = [{ bytes, recordCount: 1, maxTimestamp: 5, producer: undefined }];
        await log.append(await topics.describe('said'), [{ partition: 0, batches }]);
      }
    },
    read: async (name: string) => [...decodeBatches(await batchesOf(name))],
    async texts(name: string) {
      return [...decodeBatches(await batchesOf(name))].map(({ value }) => string.deserialize(value!));
    },
  };
}

const CHANGELOG = 'sayings-all-changelog';

function sizesOf(bytes: Uint8Array): number[] {
  const sizes: number[] = [];
  for (let position = 0; position < bytes.length; position += sizes.at(-1)!)
    sizes.push(readHeader(bytes, position).bytes);
  return sizes;
}

test('no batch of outputs or changes is above max.message.bytes of its topic', async () => {
  const { say, run, batchesOf, texts } = await start(sayings('stop'));
  const said = Array.from({ length: 60 }, (_, i) => `word ${i}`);
  for (const [i, text] of said.entries()) await say(`key ${i}`, text);
  expect((await run()).outcome).toBe('idle');
  expect(await texts('told')).toEqual(said);
  for (const name of ['told', CHANGELOG]) {
    const sizes = sizesOf(await batchesOf(name));
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMIT);
  }
  expect(sizesOf(await batchesOf('copies')).length).toBe(1);
});

test.each(['much', 'full'])(
  'a record of which an output, or a change, becomes too large (%s) stops its task behind what came before, which says so each time',
  async (text) => {
    const { say, run, texts } = await start(sayings('stop'));
    await say('a', 'one', text, 'two');
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(run()).rejects.toMatchObject({
        ...{ name: 'RecordError', during: 'processing', record: { topic: 'said', offset: 1 } },
        cause: { kafka: 'MESSAGE_TOO_LARGE' },
        message: expect.stringMatching(
          /^said\/0, offset 1: A record for topic .* takes \d+ bytes .* max.message.bytes is 500/,
        ),
      });
    // What came before it.
    for (const name of ['copies', 'told', 'all', CHANGELOG]) expect(await texts(name)).toHaveLength(1);
  },
);

test('such records go to the dead letters, whatever topic it is, and nothing else comes of them', async () => {
  const { say, run, read, texts } = await start(sayings({ deadLetterTopic: 'dead' }));
  await say('a', 'one', 'much', 'full', 'two');
  await say('b', 'much', 'three');
  expect(await run()).toMatchObject({ outcome: 'idle', records: 6 });
  expect(await texts('copies')).toEqual(['one', 'two', 'three']);
  expect(await texts('told')).toEqual(['one', 'two']);
  expect(await texts('told-b')).toEqual(['three']);
  expect(await texts('all')).toEqual(['one;', 'one;two;', 'three;']);
  expect((await texts(CHANGELOG)).map((stored) => stored.slice(8)).at(-1)).toBe('three;');
  expect(await texts('dead')).toEqual(['much', 'full', 'much']);
  const [first] = await read('dead');
  const message = first!.headers.find(({ key }) => key === '__streams.errors.message')!.value!;
  expect(string.deserialize(message)).toContain('for topic told takes');
});

test('a limit that is lowered while a worker runs counts for it, too', async () => {
  const { say, run, texts, topics, clock } = await start(sayings({ deadLetterTopic: 'dead' }));
  const longer = 'x'.repeat(LIMIT - 100);
  await say('a', longer);
  await run();
  await topics.alterConfigs('told', [{ name: 'max.message.bytes', value: '200' }]);
  clock.advance(5_000);
  await say('b', longer);
  await say('c', longer, 'short');
  await run();
  expect(await texts('told')).toEqual([longer, 'short']);
  expect(await texts('told-b')).toEqual([longer]);
  expect(await texts('dead')).toEqual([longer]);
});

test('a processor does not hide it by catching what it forwards', async () => {
  const builder = new StreamsBuilder();
  builder
    .stream('said', strings)
    .process<string, string>(() => {
      let forward = (_text: string) => {};
      return {
        init(context) {
          forward = (text) => context.forward({ key: 'k', value: text, timestamp: 5, headers: [] });
        },
        process({ value }) {
          try {
            forward(value === 'much' ? many('m') : value);
          } catch {}
        },
      };
    }, strings)
    .to('told');
  const onError = { deadLetterTopic: 'dead' };
  const { say, run, texts } = await start({ applicationId: 'hiding', topology: builder.build(), onError });
  await say('a', 'one', 'much', 'two');
  await run();
  expect(await texts('told')).toEqual(['one', 'two']);
  expect(await texts('dead')).toEqual(['much']);
});

test('what comes of no record, or a dead letter that is too large itself, stops the task', async () => {
  const builder = new StreamsBuilder();
  builder
    .stream('said', strings)
    .process<string, string>(
      () => ({
        init(context) {
          const record = { key: 'k', value: many('p'), timestamp: 5, headers: [] };
          context.schedule(1_000, 'wall-clock-time', () => context.forward(record));
        },
        process() {},
      }),
      strings,
    )
    .to('told');
  const topology = builder.build();
  const told = await start({ applicationId: 'telling', topology, onError: { deadLetterTopic: 'dead' } });
  await told.run();
  told.clock.advance(2_000);
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(told.run()).rejects.toMatchObject({ kafka: 'MESSAGE_TOO_LARGE' });
    told.clock.advance(2_000);
  }
  expect(await told.texts('dead')).toEqual([]);

  const { say, run, texts } = await start(sayings({ deadLetterTopic: 'told-b' }));
  await say('a', 'one', 'full');
  await expect(run()).rejects.toThrow('A record for topic told-b takes');
  expect(await texts('told')).toEqual(['one']);
});

const records = fc.array(
  fc.record({
    key: fc.option(fc.uint8Array({ maxLength: 60 })),
    value: fc.option(fc.uint8Array({ maxLength: 250 })),
    timestamp: fc.nat(),
    headers: fc.array(
      fc.record({
        key: fc.string({ unit: 'grapheme', maxLength: 40 }),
        value: fc.option(fc.uint8Array({ maxLength: 60 })),
      }),
      { maxLength: 3 },
    ),
  }),
  { minLength: 1, maxLength: 40 },
);

test('whatever records a step has, they are in batches of the limit at most, in order and with their sequences; unless one alone is above it', () => {
  fc.assert(
    fc.property(records, fc.integer({ min: 80, max: 700 }), (all, maxMessageBytes) => {
      const outputs = all.map((record) => ({ ...record, topic: 'out', partition: () => 0 }));
      const sequences = new Map([['out/0', 7]]);
      const configs = { maxMessageBytes, cleanupPolicy: ['delete'] };
      const topic = { id: 'out', name: 'out', partitions: 1, configs } as unknown as Topic;
      const plan = () =>
        planAppends(
          { outputs, changes: [], times: NO_TIMES, dropped: {} },
          {
            topicOf: () => topic,
            ...{ producer: { id: 1n, epoch: 2 }, changelogOf: () => undefined },
            ...{ partition: 0, nowMs: 0, sequences },
          },
        );
      const alone = all.map((record) => encodeBatch([record]).length);
      expect(all.map((record) => refusalOf(topic, record) !== undefined)).toEqual(
        alone.map((bytes) => bytes > maxMessageBytes),
      );
      if (Math.max(...alone) > maxMessageBytes) {
        expect(plan).toThrow('max.message.bytes');
        expect(sequences.get('out/0')).toBe(7);
        return;
      }
      const appends = plan();
      expect(Math.max(...appends.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(maxMessageBytes);
      expect(appends.flatMap(({ bytes }) => decodeBatch(bytes))).toMatchObject(all);
      let sequence = 7;
      for (const { bytes, recordCount, producer } of appends) {
        expect(producer).toEqual({ id: 1n, epoch: 2, sequence });
        expect(readHeader(bytes)).toMatchObject({ recordCount, producerId: 1n, baseSequence: sequence });
        sequence += recordCount;
      }
      expect(sequences.get('out/0')).toBe(sequence);
    }),
    { numRuns: 300 },
  );
});
