import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { Table } from '../../../lib/streams/dsl/table.ts';
import { type Serde, Serdes } from '../../../lib/streams/serdes.ts';
import type { SessionStore } from '../../../lib/streams/state/sessionStore.ts';
import type { ValueAndTimestamp } from '../../../lib/streams/state/timestamped.ts';
import type { WindowStore } from '../../../lib/streams/state/windowStore.ts';
import type { Output } from '../../../lib/streams/task/task.ts';
import { type SessionWindows, sessionWindows } from '../../../lib/streams/windows/sessionWindows.ts';
import { type SlidingWindows, slidingWindows } from '../../../lib/streams/windows/slidingWindows.ts';
import { type TimeWindows, timeWindows } from '../../../lib/streams/windows/timeWindows.ts';
import {
  sessionWindowedSerde,
  timeWindowedSerde,
  type Windowed,
} from '../../../lib/streams/windows/windowed.ts';
import { deaths, inputs } from './inputs.ts';
import {
  type Expected,
  expectSessions,
  expectSlidingWindows,
  expectTimeWindows,
  nameOf,
  withoutHalfLate,
} from './oracle.ts';
import { type Input, run } from './run.ts';

type Windows = TimeWindows | SlidingWindows | SessionWindows;

const strings = { keySerde: Serdes.string, valueSerde: Serdes.string };
const valueSerde = Serdes.json<string[]>();
const materialized = { storeName: 'store', valueSerde };

/** The values of each window, in the order in which they came. */
function tableOf(
  builder: StreamsBuilder,
  windows: Windows,
  emit: 'on-window-update' | 'on-window-close',
): Table<Windowed<string>, string[]> {
  const grouped = builder.stream('in', strings).groupByKey();
  const add = (_: string, value: string, all: string[]) => [...all, value];
  const none = (): string[] => [];
  if (windows.kind !== 'session')
    return grouped.windowedBy(windows, { emit }).aggregate(none, add, materialized);
  const merge = (_: string, one: string[], other: string[]) => [...one, ...other];
  return grouped.windowedBy(windows, { emit }).aggregate(none, add, merge, materialized);
}

type Way = 'on-window-update' | 'on-window-close' | 'suppressed';

function play(windows: Windows, way: Way, records: readonly Input[], dies: ReadonlySet<number>) {
  const builder = new StreamsBuilder();
  const emit = way === 'suppressed' ? 'on-window-update' : way;
  const table = tableOf(builder, windows, emit);
  const told = way === 'suppressed' ? table.suppress({ untilWindowCloses: true }) : table;
  told.toStream().to('out');
  const { outputs, ...rest } = run(builder.build(), records, dies);
  return { ...rest, rows: outputs.map((output) => rowOf(serdeOf(windows), output)) };
}

function serdeOf(windows: Windows): Serde<Windowed<string>> {
  if (windows.kind === 'session') return sessionWindowedSerde(Serdes.string);
  return timeWindowedSerde(
    Serdes.string,
    windows.kind === 'time' ? windows.sizeMs : windows.timeDifferenceMs,
  );
}

const nameOfKey = ({ key, window }: Windowed<string>) =>
  nameOf({ key, start: window.startMs, end: window.endMs });

const rowOf = (serde: Serde<Windowed<string>>, { key, value }: Output) => ({
  name: nameOfKey(serde.deserialize(key!)),
  value: value && valueSerde.deserialize(value),
});

type Rows = readonly { readonly name: string; readonly value: string[] | null }[];

/** What is left in the end of rows that come and go. */
function tableFrom(rows: Rows): Map<string, string[]> {
  const table = new Map<string, string[]>();
  for (const { name, value } of rows) {
    if (value === null) expect(table.delete(name)).toBe(true);
    else table.set(name, value);
  }
  return table;
}

const sorted = (windows: Windows, table: ReadonlyMap<string, readonly string[]>) =>
  Object.fromEntries(
    // Of sessions that were merged, the values of one are before those of the other.
    [...table].map(([name, values]) => [name, windows.kind === 'session' ? values.toSorted() : values]),
  );

function expectOnce(windows: Windows, rows: Rows, final: Expected['final']): void {
  expect(rows.map(({ name }) => name).toSorted()).toEqual([...final.keys()].toSorted());
  expect(sorted(windows, tableFrom(rows))).toEqual(sorted(windows, final));
}

/** Of windows that can change still, the store has what the oracle has. */
function expectStored(windows: Windows, stored: unknown, { table, final }: Expected): void {
  const open = new Map([...table].filter(([name]) => !final.has(name)));
  const found = new Map<string, string[]>();
  if (windows.kind === 'session') {
    const store = stored as SessionStore<string, string[]>;
    for (const { key, value } of store.findSessionsEnding(0, Number.MAX_SAFE_INTEGER))
      if (open.has(nameOfKey(key))) found.set(nameOfKey(key), value);
  } else {
    const store = stored as WindowStore<string, ValueAndTimestamp<string[]>>;
    for (const { key, value } of store.all())
      if (open.has(nameOfKey(key))) found.set(nameOfKey(key), value.value);
  }
  expect(sorted(windows, found)).toEqual(sorted(windows, open));
}

interface Kind {
  readonly name: string;
  readonly windows: fc.Arbitrary<Windows>;
  readonly expect: (records: readonly Input[], windows: never) => Expected;
}

const grace = fc.nat(12);
const kinds: readonly Kind[] = [
  {
    name: 'tumbling windows',
    windows: fc.record({ sizeMs: fc.integer({ min: 1, max: 12 }), graceMs: grace }).map(timeWindows),
    expect: expectTimeWindows,
  },
  {
    name: 'hopping windows',
    windows: fc
      .tuple(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 1, max: 11 }), grace)
      .map(([sizeMs, advance, graceMs]) =>
        timeWindows({ sizeMs, advanceMs: Math.min(advance, sizeMs), graceMs }),
      ),
    expect: expectTimeWindows,
  },
  {
    name: 'sliding windows',
    windows: fc.record({ timeDifferenceMs: fc.nat(12), graceMs: fc.nat(20) }).map(slidingWindows),
    expect: expectSlidingWindows,
  },
  {
    name: 'sessions',
    windows: fc
      .record({ inactivityGapMs: fc.integer({ min: 1, max: 8 }), graceMs: grace })
      .map(sessionWindows),
    expect: expectSessions,
  },
];

const clear = (windows: Windows, records: Input[]): Input[] =>
  windows.kind === 'sliding' ? withoutHalfLate(records, windows) : records;

describe.each(kinds)('$name', (kind) => {
  const cases = (check: (windows: Windows, records: Input[], dies: Set<number>) => void) =>
    fc.assert(
      fc.property(kind.windows, inputs, deaths, (windows, all, dies) =>
        check(windows, clear(windows, all), dies),
      ),
      { numRuns: 150 },
    );

  test('have in the end, told on each update, what came while they were open', () =>
    cases((windows, records, dies) => {
      const played = play(windows, 'on-window-update', records, dies);
      const right = kind.expect(records, windows as never);
      expect(sorted(windows, tableFrom(played.rows))).toEqual(sorted(windows, right.table));
      expect(played.dropped).toBe(right.dropped);
      expectStored(windows, played.store('store'), right);
    }));

  test('are told of once, told on close, with the value that is final', () =>
    cases((windows, records, dies) => {
      const played = play(windows, 'on-window-close', records, dies);
      const right = kind.expect(records, windows as never);
      expectOnce(windows, played.rows, right.final);
      expectStored(windows, played.store('store'), right);
    }));

  test('are told of once, suppressed until they close, with the value that is final', () =>
    cases((windows, records, dies) => {
      const { rows } = play(windows, 'suppressed', records, dies);
      expectOnce(windows, rows, kind.expect(records, windows as never).final);
    }));

  test('are told of with what they were: rows made of them are right, too', () =>
    cases((windows, records) => {
      const builder = new StreamsBuilder();
      tableOf(builder, windows, 'on-window-update')
        .groupBy((_, values) => ['all', values], { keySerde: Serdes.string, valueSerde })
        .aggregate(
          () => 0,
          (_, values, sum) => sum + values.length,
          (_, values, sum) => sum - values.length,
          { storeName: 'sums', valueSerde: Serdes.long },
        );
      const driver = new TopologyTestDriver(builder.build());
      const topic = driver.createInputTopic('in', Serdes.string, Serdes.string);
      for (const { key, value, timestamp } of records) topic.pipeInput(key, value, { timestamp });
      const sum = driver.getKeyValueStore<string, ValueAndTimestamp<number>>('sums').get('all');
      const { table } = kind.expect(records, windows as never);
      expect(sum?.value ?? 0).toBe([...table.values()].flat().length);
    }));
});

/** Once, b at 9 found the left window closed, without b at 1: no window began at 2, and the one made for b at 11 had b at 1. */
const NEAREST_NOT_IN_LEFT: [SlidingWindows, Input[], Set<number>] = [
  slidingWindows({ timeDifferenceMs: 9, graceMs: 1 }),
  (
    [
      ['a', 3],
      ['b', 0],
      ['a', 11],
      ['b', 1],
      ['b', 9],
      ['b', 11],
    ] as const
  ).map(([key, timestamp], i) => ({ key, value: `v${i}`, timestamp })),
  new Set(),
];

test('a sliding window never has what came late for it, or is not in it; and is told on close once, as it was last', () => {
  const sliding = fc.record({ timeDifferenceMs: fc.nat(12), graceMs: fc.nat(12) }).map(slidingWindows);
  fc.assert(
    fc.property(sliding, inputs, deaths, (windows, records, dies) => {
      const { timeDifferenceMs, graceMs } = windows;
      const table = tableFrom(play(windows, 'on-window-update', records, dies).rows);
      const last = Math.max(-1, ...records.map(({ timestamp }) => timestamp));
      let now = -1;
      const observed = records.map((record) => {
        now = Math.max(now, record.timestamp);
        return { ...record, now };
      });
      const final = new Map<string, string[]>();
      for (const key of new Set(records.map((record) => record.key))) {
        for (let start = 0; start <= last + 1; start++) {
          const end = start + timeDifferenceMs;
          const values = table.get(nameOf({ key, start, end }));
          if (values === undefined) continue;
          const possible = observed.flatMap((record) =>
            record.key === key &&
            record.timestamp >= start &&
            record.timestamp <= end &&
            end >= record.now - graceMs
              ? [record.value]
              : [],
          );
          for (const value of values) {
            const at = possible.indexOf(value);
            expect(at).toBeGreaterThanOrEqual(0);
            possible.splice(at, 1);
          }
          if (end < last - graceMs) final.set(nameOf({ key, start, end }), values);
        }
      }
      expectOnce(windows, play(windows, 'on-window-close', records, dies).rows, final);
      expectOnce(windows, play(windows, 'suppressed', records, dies).rows, final);
    }),
    { numRuns: 150, examples: [NEAREST_NOT_IN_LEFT] },
  );
});
