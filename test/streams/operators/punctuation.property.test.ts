import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { ProcessorContext, PunctuationType } from '../../../lib/streams/processor/processor.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { deaths, inputs } from '../windows/inputs.ts';
import { run } from '../windows/run.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };

/** Tells the time of each of its punctuations. */
function topology(type: PunctuationType, intervalMs: number) {
  const builder = new StreamsBuilder();
  builder
    .stream('in', strings)
    .process<string, string>(
      () => ({
        init(context: ProcessorContext<string, string>) {
          context.schedule(intervalMs, type, (timestamp) =>
            context.forward({ key: 'now', value: `${timestamp}`, timestamp, headers: [] }),
          );
        },
        process: () => undefined,
      }),
      strings,
    )
    .to('out');
  return builder.build();
}

/** Kafka's: once for each interval that time comes into, however many it leaps over. */
function oncePerInterval(times: readonly number[], intervalMs: number, firstInterval: number): number[] {
  let last = firstInterval - 1;
  return times.filter((time) => {
    const interval = Math.floor(time / intervalMs);
    const isNew = interval > last;
    if (isNew) last = interval;
    return isNew;
  });
}

test('a punctuation by stream time is made once in each interval that the greatest timestamp comes into, whoever has the task', () => {
  fc.assert(
    fc.property(inputs, deaths, fc.integer({ min: 1, max: 15 }), (all, dies, intervalMs) => {
      const { outputs } = run(topology('stream-time', intervalMs), all, dies);
      const told = outputs.map(({ value }) => Number(string.deserialize(value!)));
      const streamTimes = all.map((_, i) => Math.max(...all.slice(0, i + 1).map((each) => each.timestamp)));
      expect(told).toEqual(oncePerInterval(streamTimes, intervalMs, 0));
    }),
    { numRuns: 200 },
  );
});

test('a punctuation by the wall clock is made once in each interval since the task began, without any record', () => {
  fc.assert(
    fc.property(
      fc.nat(50),
      fc.array(fc.nat(30)),
      fc.integer({ min: 1, max: 15 }),
      (begin, steps, intervalMs) => {
        const driver = new TopologyTestDriver(topology('wall-clock-time', intervalMs), {
          initialWallClockTimeMs: begin,
        });
        for (const ms of steps) driver.advanceWallClockTime(ms);
        const told = driver.createOutputTopic('out', string, string).readKeyValues();
        const since = steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, ms) => sum + ms, 0));
        const expected = oncePerInterval(since, intervalMs, 1).map((time) => ['now', `${begin + time}`]);
        expect(told).toEqual(expected);
      },
    ),
    { numRuns: 200 },
  );
});
