import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import type { Stream } from '../../../lib/streams/dsl/stream.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { ProcessorContext } from '../../../lib/streams/processor/processor.ts';
import type { StreamRecord } from '../../../lib/streams/record.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };

type Text = string | null;
type Pair = readonly [key: Text, value: Text];
type Texts = Stream<Text, Text>;

interface Operator {
  readonly name: string;
  readonly of: (stream: Texts) => Texts;
  /** What it makes of one record. */
  readonly makes: (pair: Pair) => readonly Pair[];
}

const typed = strings as never;
const isShort = (_key: Text, value: Text) => (value ?? '').length < 3;
const swapped = (key: Text, value: Text): Pair => [value, key];
const longer = (value: Text, key: Text): Text => `${value}${key ?? ''}`;
const halves = (value: Text): Text[] => (value === null ? [] : [value.slice(0, 1), value.slice(1)]);

const operators: readonly Operator[] = [
  {
    name: 'filter',
    of: (stream) => stream.filter(isShort),
    makes: ([key, value]) => (isShort(key, value) ? [[key, value]] : []),
  },
  {
    name: 'filterNot',
    of: (stream) => stream.filterNot(isShort),
    makes: ([key, value]) => (isShort(key, value) ? [] : [[key, value]]),
  },
  { name: 'map', of: (stream) => stream.map(swapped, typed), makes: ([key, value]) => [[value, key]] },
  {
    name: 'mapValues',
    of: (stream) => stream.mapValues(longer, typed),
    makes: ([key, value]) => [[key, longer(value, key)]],
  },
  {
    name: 'flatMap',
    of: (stream) => stream.flatMap((key, value) => [swapped(key, value), [key, 'x']], typed),
    makes: ([key, value]) => [
      [value, key],
      [key, 'x'],
    ],
  },
  {
    name: 'flatMapValues',
    of: (stream) => stream.flatMapValues(halves, typed),
    makes: ([key, value]) => halves(value).map((half): Pair => [key, half]),
  },
  {
    name: 'selectKey',
    of: (stream) => stream.selectKey((key, value) => longer(value, key), typed),
    makes: ([key, value]) => [[longer(value, key), value]],
  },
  { name: 'repartition', of: (stream) => stream.repartition(typed), makes: (pair) => [pair] },
  {
    name: 'split, and merge of two of three branches',
    of(stream) {
      const { short, none } = stream.split([
        { name: 'short', when: isShort },
        { name: 'a', when: (key) => key === 'a' },
        { name: 'none' },
      ]);
      return short.mapValues(longer, typed).merge(none);
    },
    makes([key, value]) {
      if (isShort(key, value)) return [[key, longer(value, key)]];
      return key === 'a' ? [] : [[key, value]];
    },
  },
  {
    name: 'process',
    of: (stream) =>
      stream.process(() => {
        let context: ProcessorContext<Text, Text>;
        return {
          init(given) {
            context = given;
          },
          process(record: StreamRecord<Text, Text>) {
            context.forward({ ...record, value: 'first' });
            context.forward(record);
          },
        };
      }, typed),
    makes: ([key, value]) => [
      [key, 'first'],
      [key, value],
    ],
  },
];

const inputs = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', '', null),
    value: fc.constantFrom('', 'v', 'wide', 'river', null),
    timestamp: fc.nat(20),
    headers: fc.constantFrom([], [{ key: 'h', value: Buffer.from('1') }]),
  }),
  { maxLength: 12 },
);
const chains = fc.array(fc.constantFrom(...operators), { minLength: 1, maxLength: 5 });

test.each(operators.map((operator) => [operator.name, operator] as const))(
  '%s makes of each record what it makes of all of them at once, wherever it stands among others',
  (_name, operator) => {
    fc.assert(
      fc.property(inputs, chains, fc.nat(5), (all, others, at) => {
        const chain = [...others.slice(0, at), operator, ...others.slice(at)];
        const builder = new StreamsBuilder();
        const seen: Pair[] = [];
        chain
          .reduce((stream, { of }) => of(stream), builder.stream<Text, Text>('in', typed))
          .peek((key, value) => seen.push([key, value]))
          .to('out');
        const driver = new TopologyTestDriver(builder.build());
        const topic = driver.createInputTopic('in', string, string);
        for (const { key, value, timestamp, headers } of all)
          topic.pipeInput(key, value, { timestamp, headers });

        const expected = all.flatMap(({ key, value, timestamp, headers }) =>
          chain
            .reduce<readonly Pair[]>((pairs, { makes }) => pairs.flatMap(makes), [[key, value]])
            .map(([key, value]) => ({ key, value, timestamp, headers })),
        );
        expect(driver.createOutputTopic('out', string, string).readRecords()).toEqual(expected);
        expect(seen).toEqual(expected.map(({ key, value }) => [key, value]));
      }),
      { numRuns: 60 },
    );
  },
);
