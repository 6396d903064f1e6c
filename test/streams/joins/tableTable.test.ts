import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { Table } from '../../../lib/streams/dsl/table.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { noteChanges, rowsOf } from './changes.ts';
import { joinTables } from './kinds.ts';
import { pair, play, type Row, strings } from './tables.ts';

const { string } = Serdes;
const none = undefined;
const kinds = ['join', 'leftJoin', 'outerJoin'] as const;
type Kind = (typeof kinds)[number];

// Row by row as in https://kafka.apache.org/documentation/streams/developer-guide/dsl-api.html#ktable-ktable-equi-join
const tableOf = (kind: Kind): Row[] => {
  const told = (inner: (string | null)[], left: (string | null)[], outer: (string | null)[]) =>
    ({ join: inner, leftJoin: left, outerJoin: outer })[kind];
  const all = (value: string) => told([value], [value], [value]);
  return [
    [1, null, none, []],
    [2, none, null, []],
    [3, 'A', none, told([], ['[A, null]'], ['[A, null]'])],
    [4, none, 'a', all('[A, a]')],
    [5, 'B', none, all('[B, a]')],
    [6, none, 'b', all('[B, b]')],
    [7, null, none, told([null], [null], ['[null, b]'])],
    [8, none, null, told([], [], [null])],
    [9, 'C', none, told([], ['[C, null]'], ['[C, null]'])],
    [10, none, 'c', all('[C, c]')],
    [11, none, null, told([null], ['[C, null]'], ['[C, null]'])],
    [12, null, none, told([], [null], [null])],
    [13, none, null, []],
    [14, none, 'd', told([], [], ['[null, d]'])],
    [15, 'D', none, all('[D, d]')],
  ];
};

const tables = (builder: StreamsBuilder) => ({
  left: builder.table<string, string>('left', strings),
  right: builder.table<string, string>('right', strings),
});

test.each(kinds)('%s of tables tells what the table of the documentation says', (kind) => {
  const builder = new StreamsBuilder();
  const { left, right } = tables(builder);
  joinTables[kind](left, right).toStream().to('joined');
  expect(play(builder, tableOf(kind), 1)).toEqual(tableOf(kind));
});

test('a row has the later of both times, and the joiner may read the key', () => {
  const builder = new StreamsBuilder();
  const { left, right } = tables(builder);
  left
    .join(right, (a, b, key) => `${key}: ${a}${b}`, strings)
    .toStream()
    .to('joined');
  const driver = new TopologyTestDriver(builder.build());
  driver.createInputTopic('left', string, string).pipeInput('k', 'a', { timestamp: 9 });
  driver.createInputTopic('right', string, string).pipeInput('k', 'b', { timestamp: 7 });
  expect(driver.createOutputTopic('joined', string, string).readRecord()).toMatchObject({
    value: 'k: ab',
    timestamp: 9,
  });
});

test('a row for which the joiner gives none is none', () => {
  const builder = new StreamsBuilder();
  const { left, right } = tables(builder);
  const joined = left.join(right, (a, b) => (b === 'x' ? null : a + b), strings);
  joined.toStream().to('joined');
  const driver = new TopologyTestDriver(builder.build());
  const rights = driver.createInputTopic('right', string, string);
  driver.createInputTopic('left', string, string).pipeInput('k', 'a');
  for (const value of ['x', 'b', 'x', 'x']) rights.pipeInput('k', value);
  expect(driver.createOutputTopic('joined', string, string).readKeyValues()).toEqual([
    ['k', 'ab'],
    ['k', null],
  ]);
});

type Shape = (builder: StreamsBuilder) => { left: Table<string, string>; right: Table<string, string> };
const typed = { keySerde: string, valueSerde: string };
const upper = (value: string) => (value === 'y' ? undefined : value.toUpperCase());

/** How both sides come about; each must keep old values true, also where one change comes to a join on two ways. */
const shapes: Record<string, Shape> = {
  'of two topics': tables,
  'that have no stores': (builder) => {
    const { left, right } = tables(builder);
    return { left: left.mapValues(upper, typed), right: right.filter((_, value) => value !== 'x') };
  },
  'of which one is made of the other': (builder) => {
    const left = builder.table<string, string>('left', strings);
    return { left, right: left.mapValues(upper, typed) };
  },
  'of which one is made of the other, and has a store of its own': (builder) => {
    const left = builder.table<string, string>('left', strings);
    return { left, right: left.mapValues(upper, { ...typed, storeName: 'upper' }) };
  },
  'of which the other is made of the one': (builder) => {
    const right = builder.table<string, string>('left', strings);
    return { left: right.mapValues(upper, { ...typed, storeName: 'upper' }), right };
  },
  'that are the same': (builder) => {
    const left = builder.table<string, string>('left', strings);
    return { left, right: left };
  },
};

const inputs = fc.array(
  fc.record({
    topic: fc.constantFrom('left', 'right'),
    key: fc.constantFrom('a', 'ab', 'b'),
    value: fc.constantFrom('x', 'y', 'z', null),
    timestamp: fc.nat(20),
  }),
  { maxLength: 40, size: 'max' },
);

describe.each(Object.entries(shapes))('of tables %s', (_name, shape) => {
  test.each(kinds)('%s comes to the join of the tables, and tells old values as they were', (kind) => {
    fc.assert(
      fc.property(inputs, (all) => {
        const builder = new StreamsBuilder();
        const { left, right } = shape(builder);
        const joined = joinTables[kind](left, right, { storeName: 'joined' });
        const topology = builder.build();
        const noted = [left, right, joined].map(({ place }, i) =>
          noteChanges(topology, place.node, `noted-${i}`),
        );
        const driver = new TopologyTestDriver(topology);
        const isRead = (name: string) =>
          topology.subtopologies.some(({ nodes }) =>
            nodes.some((node) => node.kind === 'source' && node.topics.includes(name)),
          );
        for (const { topic, key, value, timestamp } of all)
          if (isRead(topic))
            driver.createInputTopic(topic, string, string).pipeInput(key, value, { timestamp });

        const [lefts, rights, rows] = noted.map(rowsOf);
        const expected = new Map<string, string>();
        for (const key of ['a', 'ab', 'b']) {
          const [l, r] = [lefts!.get(key), rights!.get(key)];
          const isRow = { join: l && r, leftJoin: l, outerJoin: l || r }[kind] !== undefined;
          if (isRow) expected.set(key, pair(l, r));
        }
        const stored = [...driver.getKeyValueStore<string, { value: string }>('joined').all()];
        expect(rows).toEqual(expected);
        expect(new Map(stored.map(({ key, value }) => [key, value.value]))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});
