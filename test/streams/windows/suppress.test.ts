import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { Suppressed } from '../../../lib/streams/dsl/suppressed.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { memoryByteStore } from '../../../lib/streams/state/byteStore.ts';
import type { StoreChange } from '../../../lib/streams/state/store.ts';
import { suppressBufferBuilder } from '../../../lib/streams/state/suppressBuffer.ts';
import type { ValueAndTimestamp } from '../../../lib/streams/state/timestamped.ts';
import { TopologyError } from '../../../lib/streams/topology/topologyError.ts';
import { sessionWindows } from '../../../lib/streams/windows/sessionWindows.ts';
import { timeWindows } from '../../../lib/streams/windows/timeWindows.ts';

const { string, long } = Serdes;
const strings = { keySerde: string, valueSerde: string };

/** A table of topic `in`, whose changes are held back and then told to `out`. */
function held(rules: Suppressed) {
  const builder = new StreamsBuilder();
  builder.table('in', strings).suppress(rules).toStream().to('out');
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.createInputTopic('in', string, string);
  const output = driver.createOutputTopic('out', string, string);
  return {
    pipe: (key: string, value: string | null, timestamp: number) =>
      input.pipeInput(key, value, { timestamp, headers: [{ key: 'h', value: Buffer.from(`${timestamp}`) }] }),
    read: () => output.readKeyValues().map(([key, value]) => `${key}=${value}`),
    records: () => output.readRecords(),
  };
}

test('the last change of a row is told when the first has been held back for so long', () => {
  const { pipe, read, records } = held({ untilTimeLimitMs: 10 });
  pipe('a', '1', 0);
  pipe('b', '1', 4);
  pipe('a', '2', 9);
  expect(read()).toEqual([]);
  pipe('c', '1', 10);
  expect(records()).toEqual([
    { key: 'a', value: '2', timestamp: 9, headers: [{ key: 'h', value: Buffer.from('9') }] },
  ]);
  pipe('a', '3', 13);
  pipe('d', '1', 20);
  expect(read()).toEqual(['b=1', 'c=1']);
});

test('a row that came and went meanwhile is told of to nobody; one that was told of is told to be gone', () => {
  const { pipe, read } = held({ untilTimeLimitMs: 10 });
  pipe('a', '1', 0);
  pipe('a', null, 1);
  pipe('b', '1', 2);
  pipe('c', '1', 20);
  expect(read()).toEqual(['b=1']);
  pipe('b', null, 21);
  pipe('d', '1', 40);
  expect(read()).toEqual(['c=1', 'b=null']);
});

test('when more rows are held back than may be, the earliest are told early', () => {
  const { pipe, read } = held({ untilTimeLimitMs: 1_000, maxRecords: 2 });
  pipe('b', '1', 5);
  pipe('a', '1', 7);
  expect(read()).toEqual([]);
  pipe('c', '1', 6);
  expect(read()).toEqual(['b=1']);
  pipe('d', '1', 8);
  expect(read()).toEqual(['c=1']);
});

test('or processing fails, where nothing may be told early', () => {
  const shutDown = held({ untilTimeLimitMs: 1_000, maxRecords: 1, onFull: 'shut-down' });
  shutDown.pipe('a', '1', 5);
  shutDown.pipe('a', '2', 6);
  expect(() => shutDown.pipe('b', '1', 7)).toThrow(
    'KTABLE-SUPPRESS-STATE-STORE-0000000004 holds back 2 rows, of 1 at most',
  );
});

test('windows that are final are told once, and sessions that were merged away are not', () => {
  const builder = new StreamsBuilder();
  builder
    .stream('in', strings)
    .groupByKey()
    .windowedBy(sessionWindows({ inactivityGapMs: 5, graceMs: 0 }))
    .count()
    .suppress({ untilWindowCloses: true })
    .toStream()
    .map<string, number>(({ key, window }, count) => [`${key}@${window.startMs}-${window.endMs}`, count])
    .to('out', { keySerde: string, valueSerde: long });
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.createInputTopic('in', string, string);
  const output = driver.createOutputTopic('out', string, long);
  for (const timestamp of [10, 13, 11, 18]) input.pipeInput('a', '', { timestamp });
  input.pipeInput('b', '', { timestamp: 23 });
  expect(output.isEmpty()).toBe(true);
  input.pipeInput('b', '', { timestamp: 24 });
  expect(output.readRecords()).toEqual([{ key: 'a@10-18', value: 4, timestamp: 18, headers: [] }]);
});

test('windows that are filtered and mapped on the way can be held back until they close; rows of no window cannot', () => {
  const windowed = () =>
    new StreamsBuilder()
      .stream('in', strings)
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 5, graceMs: 0 }))
      .count();
  const until = { untilWindowCloses: true } as const;
  const mapped = windowed()
    .filter((_, count) => count > 1)
    .mapValues((count) => `${count}`);
  expect(() => mapped.suppress(until)).toThrow('the serde of values');
  expect(() =>
    windowed()
      .mapValues((count) => count, { valueSerde: long })
      .suppress(until),
  ).not.toThrow();
  const regrouped = windowed()
    .groupBy(({ key }, count) => [key, count], { keySerde: string, valueSerde: long })
    .count();
  expect(() => regrouped.suppress(until)).toThrow(TopologyError);
  expect(() => new StreamsBuilder().table('t', strings).suppress(until)).toThrow(
    'the rows of KTABLE-SUPPRESS-0000000003 are not of windows: none closes',
  );
});

test('what is made of rows that were held back is what is made of the rows themselves, once all are told', () => {
  const record = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.option(fc.nat(9), { nil: null }),
    step: fc.integer({ min: -10, max: 10 }),
  });
  const rules = fc.record({
    untilTimeLimitMs: fc.nat(30),
    maxRecords: fc.constantFrom(1, 2, 3, 100),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), rules, (records, suppressed) => {
      const builder = new StreamsBuilder();
      const table = builder.table('in', { keySerde: string, valueSerde: long });
      table
        .suppress(suppressed)
        .groupBy((_, value) => ['sum', value], { keySerde: string, valueSerde: long })
        .reduce(
          (sum, value) => sum + value,
          (sum, value) => sum - value,
          { storeName: 'sums' },
        );
      const driver = new TopologyTestDriver(builder.build());
      const input = driver.createInputTopic('in', string, long);
      const rows = new Map<string, number>();
      let now = 10;
      for (const { key, value, step } of records) {
        now = Math.max(now, now + step);
        input.pipeInput(key, value, { timestamp: now + Math.min(0, step) });
        if (value === null) rows.delete(key);
        else rows.set(key, value);
      }
      // A row of nothing, which lets all others go.
      input.pipeInput('last', 0, { timestamp: now + 1_000 });
      const sums = driver.getKeyValueStore<string, ValueAndTimestamp<number>>('sums');
      expect(sums.get('sum')?.value ?? 0).toBe([...rows.values()].reduce((sum, value) => sum + value, 0));
    }),
    { numRuns: 200 },
  );
});

test('rows that are held back are still so in a store that was restored, since when they were', () => {
  const builder = suppressBufferBuilder('b', string, long);
  const changes: StoreChange[] = [];
  const buffer = builder.build(memoryByteStore('b', (change) => changes.push(change)));
  const change = (key: string, newValue: number, oldValue?: number) => ({
    key,
    value: { newValue, oldValue },
    timestamp: newValue,
    headers: [{ key: 'none', value: null }],
  });
  buffer.put(7, change('a', 1));
  buffer.put(3, change('b', 2, 5));
  buffer.put(1, change('c', 9));
  buffer.takeFirst();
  const bytes = memoryByteStore('b');
  const restored = builder.build(bytes);
  for (const { key, value } of changes) bytes.restore(key, value);
  restored.put(9, change('b', 4, 2));
  expect([restored.size, restored.firstTimeMs()]).toEqual([2, 3]);
  expect(restored.takeFirst()).toEqual(change('b', 4, 5));
  expect(restored.takeFirst()).toEqual(change('a', 1));
  expect([restored.takeFirst(), restored.firstTimeMs(), restored.size]).toEqual([undefined, undefined, 0]);
});
