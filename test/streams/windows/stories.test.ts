import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { Table } from '../../../lib/streams/dsl/table.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { TopologyError } from '../../../lib/streams/topology/topologyError.ts';
import { sessionWindows } from '../../../lib/streams/windows/sessionWindows.ts';
import { slidingWindows } from '../../../lib/streams/windows/slidingWindows.ts';
import { timeWindows } from '../../../lib/streams/windows/timeWindows.ts';
import {
  sessionWindowedSerde,
  timeWindowedSerde,
  type Windowed,
} from '../../../lib/streams/windows/windowed.ts';

const { string, long } = Serdes;
const strings = { keySerde: string, valueSerde: string };
const MINUTE = 60_000;

/** With topic `in` of strings, and `out`, whose keys say the window. */
function drive<V>(make: (builder: StreamsBuilder) => Table<Windowed<string>, V>) {
  const builder = new StreamsBuilder();
  make(builder)
    .toStream()
    .map<string, string>(({ key, window }, value) => [
      `${key}@${window.startMs}-${window.endMs}`,
      String(value),
    ])
    .to('out', strings);
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.createInputTopic('in', string, string);
  const output = driver.createOutputTopic('out', string, string);
  return {
    driver,
    pipe: (key: string | null, value: string | null, timestamp: number) =>
      input.pipeInput(key, value, { timestamp }),
    read: () => output.readKeyValues().map(([key, value]) => `${key}=${value}`),
    records: () => output.readRecords(),
  };
}

const grouped = (builder: StreamsBuilder) => builder.stream('in', strings).groupByKey();
const joined = (one: string, other: string) => `${one},${other}`;

test('hopping windows of 5 s each 3 s are those of the documentation: [0;5000), [3000;8000), …', () => {
  const windows = timeWindows({ sizeMs: 5_000, advanceMs: 3_000, graceMs: 0 });
  const { pipe, read, driver } = drive((builder) =>
    grouped(builder).windowedBy(windows).count({ storeName: 'c' }),
  );
  pipe('a', 'x', 2_999);
  pipe('a', 'y', 3_000);
  pipe('a', 'z', 4_999);
  pipe('a', 'z', 5_000);
  expect(read()).toEqual([
    'a@0-5000=1',
    'a@0-5000=2',
    'a@3000-8000=1',
    'a@0-5000=3',
    'a@3000-8000=2',
    'a@3000-8000=3',
  ]);
  expect(driver.getWindowStore<string, number>('c').fetch('a', 3_000)).toEqual({
    value: 3,
    timestamp: 5_000,
  });
});

test('a window takes late records until stream time is its end and grace, then drops and counts them', () => {
  const windows = timeWindows({ sizeMs: 10, graceMs: 5 });
  const { pipe, read, records, driver } = drive((builder) =>
    grouped(builder).windowedBy(windows).reduce(joined),
  );
  pipe('a', '1', 8);
  pipe('b', '2', 14);
  pipe('a', '3', 3);
  expect(records().map(({ key, timestamp }) => [key, timestamp])).toEqual([
    ['a@0-10', 8],
    ['b@10-20', 14],
    ['a@0-10', 8],
  ]);
  expect(driver.droppedRecords).toBe(0);
  pipe('b', '4', 15);
  pipe('a', '5', 9);
  pipe(null, '6', 16);
  pipe('a', null, 16);
  expect(read()).toEqual(['b@10-20=2,4']);
  expect(driver.droppedRecords).toBe(3);
});

// https://cwiki.apache.org/confluence/display/KAFKA/KIP-450, and the documentation of SlidingWindows.
test('sliding windows of records at 8000, 9200 and 12400 are the five of the documentation', () => {
  const windows = slidingWindows({ timeDifferenceMs: 5_000, graceMs: 30 * MINUTE });
  const { pipe, driver } = drive((builder) =>
    grouped(builder).windowedBy(windows).reduce(joined, { storeName: 's' }),
  );
  pipe('A', '1', 8_000);
  pipe('A', '2', 9_200);
  pipe('A', '3', 12_400);
  const all = [...driver.getWindowStore<string, string>('s').all()];
  expect(all.map(({ key: { window }, value }) => [window.startMs, window.endMs, value.value])).toEqual([
    [3_000, 8_000, '1'],
    [4_200, 9_200, '1,2'],
    [7_400, 12_400, '1,2,3'],
    [8_001, 13_001, '2,3'],
    [9_201, 14_201, '3'],
  ]);
});

// https://kafka.apache.org/documentation/streams/developer-guide/dsl-api.html, "Session Windows".
test('sessions of the documentation: a late record merges two, another extends one', () => {
  const windows = sessionWindows({ inactivityGapMs: 5 * MINUTE, graceMs: 60 * MINUTE });
  const { pipe, read, driver } = drive((builder) =>
    grouped(builder).windowedBy(windows).reduce(joined, { storeName: 's' }),
  );
  pipe('green', '0', 0);
  pipe('green', '6', 6 * MINUTE);
  pipe('blue', '2', 2 * MINUTE);
  expect(read()).toEqual(['green@0-0=0', 'green@360000-360000=6', 'blue@120000-120000=2']);
  pipe('green', '4', 4 * MINUTE);
  expect(read()).toEqual(['green@0-0=null', 'green@360000-360000=null', 'green@0-360000=0,6,4']);
  pipe('blue', '5', 5 * MINUTE);
  pipe('blue', '11', 11 * MINUTE);
  expect(read()).toEqual(['blue@120000-120000=null', 'blue@120000-300000=2,5', 'blue@660000-660000=11']);
  const sessions = driver.getSessionStore<string, string>('s');
  expect(sessions.fetchSession('green', 0, 6 * MINUTE)).toBe('0,6,4');
});

test('a record within a session changes it, and nothing is told to be gone', () => {
  const windows = sessionWindows({ inactivityGapMs: 5, graceMs: 0 });
  const { pipe, read } = drive((builder) => grouped(builder).windowedBy(windows).count());
  pipe('a', '', 10);
  pipe('a', '', 14);
  read();
  pipe('a', '', 12);
  pipe('a', '', 12);
  expect(read()).toEqual(['a@10-14=3', 'a@10-14=4']);
});

test('a session that is closed is final: a record next to it begins another, however long it can be looked up', () => {
  const windows = sessionWindows({ inactivityGapMs: 5, graceMs: 3 });
  const emit = 'on-window-close';
  const { pipe, read } = drive((builder) =>
    grouped(builder).windowedBy(windows, { emit }).count({ retentionMs: 1_000 }),
  );
  pipe('a', '', 10);
  pipe('b', '', 20);
  pipe('a', '', 14);
  pipe('b', '', 100);
  expect(read()).toEqual(['a@10-10=1', 'a@14-14=1', 'b@20-20=1']);
});

test('told on close, a window is told when stream time passes its end and grace, however far that goes at once', () => {
  const emit = 'on-window-close';
  const windows = timeWindows({ sizeMs: 10, graceMs: 2 });
  const { pipe, read, records } = drive((builder) => grouped(builder).windowedBy(windows, { emit }).count());
  pipe('b', '', 5);
  pipe('a', '', 11);
  pipe('a', '', 3);
  expect(read()).toEqual([]);
  pipe('c', '', 12);
  expect(read()).toEqual(['a@0-10=1', 'b@0-10=1']);
  pipe('c', '', 1_000_000);
  expect(records()).toMatchObject([
    { key: 'a@10-20', value: '1', timestamp: 11 },
    { key: 'c@10-20', value: '1', timestamp: 12 },
  ]);
});

test('windows are of records behind a changed key, too, by way of one topic', () => {
  const windows = timeWindows({ sizeMs: 10, graceMs: 0 });
  const { pipe, read } = drive((builder) =>
    builder
      .stream('in', strings)
      .groupBy((_, value) => value, strings)
      .windowedBy(windows)
      .count({ storeName: 'c' }),
  );
  pipe('a', 'x', 1);
  pipe('b', 'x', 2);
  expect(read()).toEqual(['x@0-10=1', 'x@0-10=2']);
});

test('a table of windows knows the serde of its keys', () => {
  const builder = new StreamsBuilder();
  grouped(builder)
    .windowedBy(timeWindows({ sizeMs: 10, graceMs: 0 }))
    .count()
    .filter((_, count) => count > 1)
    .toStream()
    .to('out');
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.createInputTopic('in', string, string);
  const output = driver.createOutputTopic('out', timeWindowedSerde(string, 10), long);
  input.pipeInput('a', 'x', { timestamp: 25 });
  input.pipeInput('a', 'x', { timestamp: 26 });
  expect(output.readKeyValues()).toEqual([[{ key: 'a', window: { startMs: 20, endMs: 30 } }, 2]]);
});

test.each([
  ['windows', timeWindows({ sizeMs: 10, graceMs: 0 }), '2 of 2'],
  ['sliding windows', slidingWindows({ timeDifferenceMs: 10, graceMs: 0 }), '2 of 2'],
] as const)('a row of a table of %s is found by joins', (_, windows, last) => {
  const builder = new StreamsBuilder();
  const table = grouped(builder).windowedBy(windows).count();
  expect(joinedWithItself(builder, table).at(-1)).toBe(last);
});

test('a row of a table of sessions is found by joins', () => {
  const builder = new StreamsBuilder();
  const windows = sessionWindows({ inactivityGapMs: 10, graceMs: 0 });
  expect(joinedWithItself(builder, grouped(builder).windowedBy(windows).count())).toEqual([
    '1 of 1',
    '2 of 2',
  ]);
});

/** Each change of a table, with the table's row as it then is; of two records. */
function joinedWithItself(
  builder: StreamsBuilder,
  table: Table<Windowed<string>, number>,
): (string | null)[] {
  table
    .toStream()
    .join(table, (count, row) => `${count} of ${row}`, { valueSerde: string })
    .selectKey(({ key }) => key, { keySerde: string })
    .to('out');
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.createInputTopic('in', string, string);
  input.pipeInput('a', '', { timestamp: 15 });
  input.pipeInput('a', '', { timestamp: 15 });
  const output = driver.createOutputTopic('out', string, string);
  return output.readRecords().map(({ value }) => value);
}

test('windowed keys are the bytes that Kafka has: the key and the start; of sessions the key, the end and the start', () => {
  const windowed = { key: 'k', window: { startMs: 258, endMs: 268 } };
  const time = timeWindowedSerde(string, 10);
  expect(Buffer.from(time.serialize(windowed)).toString('hex')).toBe('6b0000000000000102');
  expect(time.deserialize(time.serialize(windowed))).toEqual(windowed);
  const session = sessionWindowedSerde(string);
  expect(Buffer.from(session.serialize(windowed)).toString('hex')).toBe('6b000000000000010c0000000000000102');
  expect(session.deserialize(session.serialize(windowed))).toEqual(windowed);
  expect(() => time.deserialize(new Uint8Array(7))).toThrow('7 bytes are no windowed key');
  expect(() => session.deserialize(new Uint8Array(15))).toThrow('15 bytes are no windowed key');
});

test('windows that cannot be, and stores that would forget what can change, are refused at once', () => {
  expect(() => timeWindows({ sizeMs: 0, graceMs: 0 })).toThrow(TopologyError);
  expect(() => timeWindows({ sizeMs: 10, advanceMs: 11, graceMs: 0 })).toThrow(TopologyError);
  expect(() => slidingWindows({ timeDifferenceMs: 5, graceMs: -1 })).toThrow(TopologyError);
  expect(() => sessionWindows({ inactivityGapMs: 0.5, graceMs: 0 })).toThrow(TopologyError);
  const counted = (retentionMs: number) =>
    grouped(new StreamsBuilder())
      .windowedBy(slidingWindows({ timeDifferenceMs: 10, graceMs: 5 }))
      .count({ retentionMs });
  expect(() => counted(24)).toThrow(TopologyError);
  expect(() => counted(25)).not.toThrow();
});
