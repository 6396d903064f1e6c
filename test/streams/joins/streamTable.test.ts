import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { TopologyError } from '../../../lib/streams/topology/topologyError.ts';
import { joinWindows } from '../../../lib/streams/windows/joinWindows.ts';
import { joinGlobalTable, joinTable } from './kinds.ts';
import { pair, play, type Row, strings } from './tables.ts';

const { string } = Serdes;
const none = undefined;

// Row by row as in https://kafka.apache.org/documentation/streams/developer-guide/dsl-api.html#kstream-ktable-join
const rows = (at3: string[], at9: string[]): Row[] => [
  [1, null, none, []],
  [2, none, null, []],
  [3, 'A', none, at3],
  [4, none, 'a', []],
  [5, 'B', none, ['[B, a]']],
  [6, none, 'b', []],
  [7, null, none, []],
  [8, none, null, []],
  [9, 'C', none, at9],
  [10, none, 'c', []],
  [11, none, null, []],
  [12, null, none, []],
  [13, none, null, []],
  [14, none, 'd', []],
  [15, 'D', none, ['[D, d]']],
];
const tables = { join: rows([], []), leftJoin: rows(['[A, null]'], ['[C, null]']) };
const kinds = ['join', 'leftJoin'] as const;

test.each(kinds)('%s of a stream and a table tells what the table of the documentation says', (kind) => {
  const builder = new StreamsBuilder();
  const table = builder.table<string, string>('right', strings);
  joinTable[kind](builder.stream<string, string>('left', strings), table).to('joined');
  expect(play(builder, tables[kind], 1)).toEqual(tables[kind]);
});

test.each(kinds)('%s of a stream and a global table tells the same', (kind) => {
  const builder = new StreamsBuilder();
  const table = builder.globalTable<string, string>('right', strings);
  const left = builder.stream<string, string>('left', strings);
  joinGlobalTable[kind](left, table, (key) => key).to('joined');
  expect(play(builder, tables[kind], 1)).toEqual(tables[kind]);
});

test.each(kinds)('%s of a stream and a table that has no store looks its rows up, too', (kind) => {
  const builder = new StreamsBuilder();
  const table = builder
    .table<string, string>('right', strings)
    .mapValues((value) => value, { valueSerde: string })
    .filter(() => true);
  expect(table.queryableStoreName).toBeUndefined();
  joinTable[kind](builder.stream<string, string>('left', strings), table).to('joined');
  expect(play(builder, tables[kind], 1)).toEqual(tables[kind]);
});

test('a table without a store, whose serdes are not known, cannot be joined', () => {
  const builder = new StreamsBuilder();
  const table = builder.table<string, string>('right', strings).mapValues((value) => value.length);
  const left = builder.stream<string, string>('left', strings);
  expect(() => left.join(table, (value, length) => value + length)).toThrow('serde of values');
});

test('a record whose key is null has no row: it is told by a left join only', () => {
  for (const kind of kinds) {
    const builder = new StreamsBuilder();
    const left = builder.stream<string, string>('left', strings);
    joinTable[kind](left, builder.table<string, string>('right', strings)).to('joined');
    const driver = new TopologyTestDriver(builder.build());
    driver.createInputTopic('left', string, string).pipeInput(null, 'A');
    const told = driver.createOutputTopic('joined', string, string).readKeyValues();
    expect(told).toEqual(kind === 'leftJoin' ? [[null, '[A, null]']] : []);
  }
});

test('of a global table the row is that which the mapper names; the key stays that of the record, which may be null', () => {
  for (const kind of kinds) {
    const builder = new StreamsBuilder();
    const users = builder.globalTable<string, string>('users', strings, { storeName: 'by-name' });
    const visits = builder.stream<string, string>('visits', strings);
    const mapper = (_key: string, value: string) => (value === 'nobody' ? null : value.slice(0, 1));
    joinGlobalTable[kind](visits, users, mapper).to('joined');
    const driver = new TopologyTestDriver(builder.build());
    const joined = driver.createOutputTopic('joined', string, string);
    const input = driver.createInputTopic('visits', string, string);
    driver.createInputTopic('users', string, string).pipeInput('u', 'Ursula');
    for (const value of ['u1', 'x1', 'nobody']) input.pipeInput(null, value);
    expect(driver.getKeyValueStore('by-name').get('u')).toBe('Ursula');
    expect(joined.readKeyValues()).toEqual([
      [null, '[u1, Ursula]'],
      ...(kind === 'leftJoin' ? [[null, '[x1, null]'] as const, [null, '[nobody, null]'] as const] : []),
    ]);
  }
});

test('the key is there for a joiner to read, and a result has the time and headers of the record', () => {
  const builder = new StreamsBuilder();
  const table = builder.table<string, string>('right', strings);
  builder
    .stream<string, string>('left', strings)
    .join(table, (left, right, key) => `${key}: ${left}${right}`, strings)
    .to('joined');
  const driver = new TopologyTestDriver(builder.build());
  driver.createInputTopic('right', string, string).pipeInput('k', 'b', { timestamp: 9 });
  const headers = [{ key: 'h', value: Uint8Array.of(1) }];
  driver.createInputTopic('left', string, string).pipeInput('k', 'a', { timestamp: 7, headers });
  const joined = driver.createOutputTopic('joined', string, string);
  expect(joined.readRecord()).toEqual({ key: 'k', value: 'k: ab', timestamp: 7, headers });
});

const rekeyed = (builder: StreamsBuilder, topic: string) =>
  builder
    .stream<string, string>(topic, strings)
    .selectKey((_key, value) => (value === 'none' ? null! : value.slice(0, 1)), { keySerde: string });

test('a stream whose key was changed goes by way of a topic, of as many partitions as what it is joined with', () => {
  const builder = new StreamsBuilder();
  const left = rekeyed(builder, 'left');
  const table = builder.table<string, string>('right', strings);
  left.join(table, pair, { ...strings, name: 'first' }).to('joined');
  const topology = builder.build();
  expect(topology.repartitionTopics).toEqual([{ name: 'first-left-repartition', partitions: undefined }]);
  expect(topology.copartitioned).toEqual([['first-left-repartition', 'right']]);
  const driver = new TopologyTestDriver(topology);
  driver.createInputTopic('right', string, string).pipeInput('a', 'b');
  driver.createInputTopic('left', string, string).pipeInput('x', 'a1');
  driver.createInputTopic('left', string, string).pipeInput('x', 'none');
  expect(driver.createOutputTopic('joined', string, string).readKeyValues()).toEqual([['a', '[a1, b]']]);
});

test('both sides of a join of streams may go by way of topics, and a record without a key stays in a left join', () => {
  const builder = new StreamsBuilder();
  const [left, right] = [rekeyed(builder, 'left'), rekeyed(builder, 'right')];
  left.leftJoin(right, pair, joinWindows({ timeDifferenceMs: 5, graceMs: 0 }), strings).to('joined');
  const topology = builder.build();
  expect(topology.copartitioned).toEqual([topology.repartitionTopics.map(({ name }) => name)]);
  const driver = new TopologyTestDriver(topology);
  const lefts = driver.createInputTopic('left', string, string);
  const rights = driver.createInputTopic('right', string, string);
  for (const value of ['a1', 'none', 'b1']) lefts.pipeInput('x', value);
  for (const value of ['a2', 'none']) rights.pipeInput('y', value);
  const joined = driver.createOutputTopic('joined', string, string);
  expect(joined.readKeyValues()).toEqual([
    [null, '[none, null]'],
    ['a', '[a1, a2]'],
  ]);
});

test('a stream whose key was changed may be joined more than once', () => {
  const builder = new StreamsBuilder();
  const left = rekeyed(builder, 'left');
  for (const topic of ['right', 'other'])
    left.join(builder.table<string, string>(topic, strings), pair, strings).to(`${topic}-joined`);
  expect(new Set(builder.build().repartitionTopics.map(({ name }) => name)).size).toBe(2);
});

test('a stream is joined with itself: each record meets itself, once', () => {
  const builder = new StreamsBuilder();
  const stream = builder.stream<string, string>('left', strings);
  stream.join(stream, pair, joinWindows({ timeDifferenceMs: 5, graceMs: 0 }), strings).to('joined');
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.createInputTopic('left', string, string);
  const joined = driver.createOutputTopic('joined', string, string);
  input.pipeInput('k', 'a');
  expect(joined.readKeyValues()).toEqual([['k', '[a, a]']]);
  input.pipeInput('k', 'b');
  expect(joined.readKeyValues().map(([, value]) => value)).toEqual(['[b, a]', '[a, b]', '[b, b]']);
});

test('windows that end before they begin, or are not of whole milliseconds, or have a grace below zero, cannot be', () => {
  expect(() => joinWindows({ beforeMs: -5, afterMs: 4, graceMs: 0 })).toThrow(TopologyError);
  expect(() => joinWindows({ timeDifferenceMs: 0.5, graceMs: 0 })).toThrow(TopologyError);
  expect(() => joinWindows({ timeDifferenceMs: 5, graceMs: -1 })).toThrow(TopologyError);
  expect(joinWindows({ timeDifferenceMs: 5, beforeMs: -2, graceMs: 1 })).toEqual({
    beforeMs: -2,
    afterMs: 5,
    graceMs: 1,
  });
});

test('records that are late, or lack what a join needs of them, are counted as dropped', () => {
  const builder = new StreamsBuilder();
  const left = builder.stream<string, string>('left', strings);
  left.leftJoin(
    builder.stream<string, string>('right', strings),
    pair,
    joinWindows({ timeDifferenceMs: 5, graceMs: 0 }),
    strings,
  );
  joinTable.join(left, builder.table<string, string>('table', strings)).to('joined');
  const driver = new TopologyTestDriver(builder.build());
  const input = {
    left: driver.createInputTopic('left', string, string),
    right: driver.createInputTopic('right', string, string),
  };
  const countsFor = (side: 'left' | 'right', key: string | null, value: string | null, timestamp: number) => {
    const before = driver.droppedRecords;
    input[side].pipeInput(key, value, { timestamp });
    return driver.droppedRecords - before;
  };
  expect(countsFor('left', 'k', 'a', 100)).toBe(0);
  expect(countsFor('left', 'k', null, 100)).toBe(2);
  expect(countsFor('left', null, 'a', 100)).toBe(1);
  expect(countsFor('right', null, 'a', 100)).toBe(1);
  expect(countsFor('right', 'k', 'a', 95)).toBe(0);
  expect(countsFor('right', 'k', 'a', 94)).toBe(1);
});
