import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { joinWindows } from '../../../lib/streams/windows/joinWindows.ts';
import { joinStreams } from './kinds.ts';
import { pair, play, type Row, strings } from './tables.ts';

// Row by row as in https://kafka.apache.org/documentation/streams/developer-guide/dsl-api.html#kstream-kstream-join: windows of ten seconds, and
// five of grace.
const windows = joinWindows({ timeDifferenceMs: 10_000, graceMs: 5_000 });

const none = undefined;
const matched: Row[] = [
  [1, null, none, []],
  [2, none, null, []],
  [3, 'A', none, []],
  [4, none, 'a', ['[A, a]']],
  [5, 'B', none, ['[B, a]']],
  [6, none, 'b', ['[A, b]', '[B, b]']],
  [7, null, none, []],
  [8, none, null, []],
  [9, 'C', none, ['[C, a]', '[C, b]']],
  [10, none, 'c', ['[A, c]', '[B, c]', '[C, c]']],
  [11, none, null, []],
  [12, null, none, []],
  [13, none, null, []],
];
// In Kafka's table 14 and 15 come within ten seconds of all others, though from 3 to 14 it is eleven, and from 4 to 15 too: they say that all records
// are of one window. Here they meet what is within ten.
const rows = (atF: string[], atf: string[], atG: string[]): Row[] => [
  ...matched,
  [14, none, 'd', ['[B, d]', '[C, d]']],
  [15, 'D', none, ['[D, b]', '[D, c]', '[D, d]']],
  [40, 'E', none, []],
  [60, 'F', none, atF],
  [80, none, 'f', atf],
  [100, 'G', none, atG],
];

const streams = () => {
  const builder = new StreamsBuilder();
  const left = builder.stream<string, string>('left', strings);
  const right = builder.stream<string, string>('right', strings);
  return { builder, left, right };
};

test('an inner join of streams tells what the table says', () => {
  const { builder, left, right } = streams();
  left.join(right, pair, windows, strings).to('joined');
  const table = rows([], [], []);
  expect(play(builder, table, 1_000)).toEqual(table);
});

test('a left join of streams tells what the table says', () => {
  const { builder, left, right } = streams();
  left.leftJoin(right, pair, windows, strings).to('joined');
  const table = rows(['[E, null]'], ['[F, null]'], []);
  expect(play(builder, table, 1_000)).toEqual(table);
});

test('an outer join of streams tells what the table says', () => {
  const { builder, left, right } = streams();
  left.outerJoin(right, pair, windows, strings).to('joined');
  const table = rows(['[E, null]'], ['[F, null]'], ['[null, f]']);
  expect(play(builder, table, 1_000)).toEqual(table);
});

test.each(['join', 'leftJoin', 'outerJoin'] as const)(
  'in a window of fifteen seconds %s has the rows of 14 and 15 too',
  (join) => {
    const { builder, left, right } = streams();
    joinStreams[join](left, right, joinWindows({ timeDifferenceMs: 15_000, graceMs: 0 })).to('joined');
    const table: Row[] = [
      ...matched,
      [14, none, 'd', ['[A, d]', '[B, d]', '[C, d]']],
      [15, 'D', none, ['[D, a]', '[D, b]', '[D, c]', '[D, d]']],
    ];
    expect(play(builder, table, 1_000)).toEqual(table);
  },
);
