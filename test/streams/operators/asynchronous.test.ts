import { setImmediate } from 'node:timers/promises';
import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import {
  joinWindows,
  type ProcessorContext,
  Serdes,
  type Stream,
  StreamsBuilder,
  sessionWindows,
  slidingWindows,
  timeWindows,
} from '../../../lib/streams/index.ts';
import { createWadi } from '../../../lib/wadi.ts';
import { append, batch, readAll, testClock } from '../../support/log.ts';
import { runApplication } from '../../support/streams.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const windows = { sizeMs: 10, timeDifferenceMs: 10, inactivityGapMs: 10, graceMs: 0 };

/** As code without types has it: what is promised is broken later. */
const later = (async () => {
  await setImmediate();
  throw new Error('later');
}) as () => never;
const text = () => '';

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeAll(() => process.on('unhandledRejection', note));
afterAll(() => process.off('unhandledRejection', note));

type Use = (stream: Stream<string, string>, builder: StreamsBuilder) => unknown;
const uses: Record<string, Use> = {
  filter: (stream) => stream.filter(later),
  filterNot: (stream) => stream.filterNot(later),
  map: (stream) => stream.map(later),
  'the value of map': (stream) => stream.map((key) => [key, later()]).foreach(text),
  mapValues: (stream) => stream.mapValues(later).foreach(text),
  flatMap: (stream) => stream.flatMap(later),
  flatMapValues: (stream) => stream.flatMapValues(later),
  selectKey: (stream) => stream.selectKey(later).foreach(text),
  peek: (stream) => stream.peek(later),
  foreach: (stream) => stream.foreach(later),
  split: (stream) => stream.split([{ name: 'a', when: later }]),
  process: (stream) => stream.process(() => ({ process: later })),
  'the topic': (stream) => stream.to(later),
  groupBy: (stream) => stream.groupBy(later, strings).count(),
  reduce: (stream) => stream.merge(stream.mapValues(text)).groupByKey(strings).reduce(later, strings),
  aggregate: (stream) => stream.groupByKey().aggregate(text, later, strings),
  'the initializer of aggregate': (stream) => stream.groupByKey().aggregate(later, text, strings),
  cogroup: (stream) => stream.groupByKey().cogroup<string>(later).aggregate(text, strings),
  'aggregate of time windows': (stream) =>
    stream.groupByKey().windowedBy(timeWindows(windows)).aggregate(text, later, strings),
  'aggregate of sliding windows': (stream) =>
    stream.groupByKey().windowedBy(slidingWindows(windows)).aggregate(text, later, strings),
  'aggregate of sessions': (stream) =>
    stream.groupByKey().windowedBy(sessionWindows(windows)).aggregate(text, later, text, strings),
  'filter of a table': (stream) => stream.toTable().filter(later),
  'filterNot of a table': (stream) => stream.toTable().filterNot(later),
  'mapValues of a table': (stream) => stream.toTable().mapValues(later),
  'groupBy of a table': (stream) => stream.toTable().groupBy(later, strings).count(),
  'aggregate of a grouped table': (stream) =>
    stream
      .toTable()
      .groupBy((key, value) => [key, value], strings)
      .aggregate(text, later, text, strings),
  'join of streams': (stream) => stream.join(stream.mapValues(text, strings), later, joinWindows(windows)),
  'join with a table': (stream, builder) => stream.leftJoin(builder.table('rows', strings), later),
  'the mapper of a join with a global table': (stream, builder) =>
    stream.join(builder.globalTable('rows', strings), later, text),
  'join of tables': (stream, builder) =>
    stream.toTable().leftJoin(builder.table('rows', strings), later, strings),
  'the foreign key of a join': (stream, builder) =>
    stream.toTable().join(builder.table('rows', strings), later, text, strings),
};

test.each(Object.entries(uses))(
  'a callback that returns a promise is an error of its record: %s',
  async (_name, use) => {
    const builder = new StreamsBuilder();
    use(builder.stream('in', strings), builder);
    const driver = new TopologyTestDriver(builder.build());
    const { pipeInput } = driver.createInputTopic('in', string, string);
    expect(() => pipeInput('k', 'v')).toThrow('a promise was returned');
    await setImmediate();
    await setImmediate();
    expect(unhandled).toEqual([]);
  },
);

test('a record whose processor is asynchronous goes to the dead letters, and what that does later changes nothing', async () => {
  const clock = testClock();
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: 'test' });
  for (const name of ['in', 'out', 'dead']) await wadi.topics.create({ name });
  const done: unknown[] = [];
  const builder = new StreamsBuilder();
  builder
    .stream('in', strings)
    .process<string, string>(() => {
      let context: ProcessorContext<string, string>;
      return {
        init(given) {
          context = given;
        },
        async process(record) {
          if (record.value === 'slow') await setImmediate();
          await Promise.resolve(context.forward(record)).then(
            () => done.push('forwarded'),
            ({ message }) => done.push(message),
          );
        },
      };
    }, strings)
    .to('out');
  const topic = (name: string) => wadi.topics.describe(name);
  await append(wadi.log, await topic('in'), 0, batch(['slow', 'fast']));
  await runApplication(wadi, {
    ...{ applicationId: 'app', topology: builder.build(), onError: { deadLetterTopic: 'dead' } },
  });
  await setImmediate();
  await wadi.log.settled();
  const values = async (name: string) =>
    (await readAll(wadi.log, await topic(name), 0)).map(([, value]) => value);
  expect(await values('dead')).toEqual(['slow', 'fast']);
  expect(await values('out')).toEqual([]);
  expect(unhandled).toEqual([]);
});
