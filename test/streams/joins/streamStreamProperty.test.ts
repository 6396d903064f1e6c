import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import type { JoinStore } from '../../../lib/streams/state/joinStore.ts';
import { type JoinWindows, joinWindows } from '../../../lib/streams/windows/joinWindows.ts';
import { seeded } from '../../simulation/random.ts';
import { createCluster } from './cluster.ts';
import { joinStreams } from './kinds.ts';
import { pair, strings } from './tables.ts';

const { string } = Serdes;

interface Input {
  readonly side: 'left' | 'right';
  readonly key: string | null;
  readonly isNull: boolean;
  readonly timestamp: number;
}

/** Times go on, and jump back within the grace and beyond it; few keys, some of which others begin with; equal times. */
const inputs = fc
  .array(
    fc.record({
      side: fc.constantFrom('left' as const, 'right' as const),
      key: fc.constantFrom('a', 'a', 'ab', 'b', null),
      isNull: fc.nat(9).map((n) => n === 0),
      step: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: -30, max: 12 })),
    }),
    { maxLength: 60, size: 'max' },
  )
  .map((steps) => {
    let now = 50;
    return steps.map(({ step, ...input }): Input => {
      now = Math.max(0, now + step);
      return { ...input, timestamp: now };
    });
  });
const someWindows = fc
  .record({
    beforeMs: fc.integer({ min: -3, max: 12 }),
    afterMs: fc.integer({ min: -3, max: 12 }),
    graceMs: fc.constantFrom(0, 0, 5, 15, 1000),
  })
  .filter(({ beforeMs, afterMs }) => beforeMs + afterMs >= 0)
  .map(joinWindows);

type Kind = 'join' | 'leftJoin' | 'outerJoin';

/** What each input is called: the same for a record that comes twice but for its number. */
const nameOf = (i: number): string => `v${i}`;

function run(kind: Kind, windows: JoinWindows, all: readonly Input[]) {
  const builder = new StreamsBuilder();
  const left = builder.stream<string, string>('left', strings);
  const right = builder.stream<string, string>('right', strings);
  joinStreams[kind](left, right, windows, { ...strings, storeName: 'kept' }).to('joined');
  const driver = new TopologyTestDriver(builder.build());
  const topics = {
    left: driver.createInputTopic('left', string, string),
    right: driver.createInputTopic('right', string, string),
  };
  const joined = driver.createOutputTopic('joined', string, string);
  const told = all.flatMap(({ side, key, isNull, timestamp }, i) => {
    topics[side].pipeInput(key, isNull ? null : nameOf(i), { timestamp });
    return joined
      .readRecords()
      .map((record) => `at ${i}: ${record.value} of ${record.key}@${record.timestamp}`);
  });
  const kept = ['this', 'other'].map((side) =>
    driver.getStateStore<JoinStore<string, string>>(`kept-${side}-join-store`).approximateNumEntries(),
  );
  return { told, kept: kept.reduce((a, b) => a + b) };
}

/** The same from all of the input at once, with no store: each record's window is closed from some input on, and what it meets follows. */
function oracle(kind: Kind, { beforeMs, afterMs, graceMs }: JoinWindows, all: readonly Input[]): string[] {
  const streamTimes = all.map((_, i) => Math.max(...all.slice(0, i + 1).map(({ timestamp }) => timestamp)));
  const told: string[] = [];
  const tellAlone = (i: number, at: number) => {
    const { side, key, timestamp } = all[i]!;
    const value = side === 'left' ? pair(nameOf(i), undefined) : pair(undefined, nameOf(i));
    told.push(`at ${at}: ${value} of ${key}@${timestamp}`);
  };
  const records = all.flatMap((input, i) => {
    if (input.isNull) return [];
    const end = input.timestamp + Math.max(0, input.side === 'left' ? afterMs : beforeMs) + graceMs;
    const closedAt = streamTimes.findIndex((time) => time > end);
    const isAlone = kind === 'outerJoin' || (kind === 'leftJoin' && input.side === 'left');
    if (input.key === null && isAlone) tellAlone(i, i);
    const isLate = closedAt >= 0 && closedAt <= i;
    if (input.key === null || isLate) return [];
    return [{ ...input, i, isAlone, closedAt: closedAt < 0 ? Number.POSITIVE_INFINITY : closedAt }];
  });
  const isPair = (left: Input, right: Input) =>
    left.key === right.key &&
    right.timestamp >= left.timestamp - beforeMs &&
    right.timestamp <= left.timestamp + afterMs;
  const lefts = records.filter(({ side }) => side === 'left');
  const rights = records.filter(({ side }) => side === 'right');
  const isTold = new Map<number, boolean>();
  // In the order of the later of both: whether one was told alone by then is known.
  const pairs = lefts
    .flatMap((left) => rights.flatMap((right) => (isPair(left, right) ? [{ left, right }] : [])))
    .map((both) => ({ ...both, at: Math.max(both.left.i, both.right.i) }))
    .sort((a, b) => a.at - b.at);
  for (const { left, right, at } of pairs) {
    const first = left.i < right.i ? left : right;
    const isGone = first.isAlone && first.closedAt <= at && !isTold.get(first.i);
    if (isGone) continue;
    for (const { i } of [left, right]) isTold.set(i, true);
    const timestamp = Math.max(left.timestamp, right.timestamp);
    told.push(`at ${at}: ${pair(nameOf(left.i), nameOf(right.i))} of ${left.key}@${timestamp}`);
  }
  for (const { i, isAlone, closedAt } of records)
    if (isAlone && !isTold.get(i) && closedAt < all.length) tellAlone(i, closedAt);
  return told;
}

test.each(['join', 'leftJoin', 'outerJoin'] as const)(
  '%s of streams tells what all records, taken together, say, and when',
  (kind) => {
    fc.assert(
      fc.property(someWindows, inputs, (windows, all) => {
        expect(run(kind, windows, all).told.sort()).toEqual(oracle(kind, windows, all).sort());
      }),
      { numRuns: 200 },
    );
  },
);

test.each(['join', 'leftJoin', 'outerJoin'] as const)(
  'of a long %s only what may still be met is kept',
  (kind) => {
    const windows = joinWindows({ timeDifferenceMs: 10, graceMs: 5 });
    const all = Array.from({ length: 500 }, (_, i): Input => {
      const side = i % 3 === 0 ? 'left' : 'right';
      return { side, key: i % 2 === 0 ? 'a' : 'b', isNull: false, timestamp: i };
    });
    expect(run(kind, windows, all).kept).toBeLessThanOrEqual(26);
  },
);

test('tasks that begin anew, from what their steps have left, tell the same', () => {
  fc.assert(
    fc.property(someWindows, inputs, (windows, all) => {
      const told = [0, 0.5].map((restarts) => {
        const builder = new StreamsBuilder();
        const left = builder.stream<string, string>('left', strings);
        joinStreams.outerJoin(left, builder.stream<string, string>('right', strings), windows).to('joined');
        const cluster = createCluster(builder.build(), () => 1, seeded(1), restarts);
        for (const [i, { side, key, isNull, timestamp }] of all.entries()) {
          const bytes = {
            key: key === null ? null : string.serialize(key),
            value: isNull ? null : string.serialize(nameOf(i)),
          };
          cluster.send(side, { ...bytes, timestamp, headers: [] });
          cluster.step(1);
        }
        return cluster.outputs;
      });
      expect(told[1]).toEqual(told[0]);
    }),
    { numRuns: 60 },
  );
});
