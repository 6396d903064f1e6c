import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { joinGlobalTable, joinTable } from './kinds.ts';
import { pair, strings } from './tables.ts';

const { string } = Serdes;

/** Times go any way: a look-up is by the order of records alone. */
const inputs = fc.array(
  fc.record({
    topic: fc.constantFrom('left', 'right'),
    key: fc.constantFrom('a', 'ab', 'b', null),
    value: fc.constantFrom('a', 'ab', 'c', null),
    timestamp: fc.nat(20),
  }),
  { maxLength: 40, size: 'max' },
);
type Inputs = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** Of a global table a record names a row by its value, `c` none. */
const mapper = (_key: string | null, value: string): string | null => (value === 'c' ? null : value);

const shapes = {
  'a table': { global: false, rowOf: (key: string | null, _value: string) => key },
  'a global table': { global: true, rowOf: mapper },
};

function oracle(all: Inputs, isLeft: boolean, rowOf: (key: string | null, value: string) => string | null) {
  return all.flatMap(({ topic, key, value, timestamp }, i) => {
    if (topic !== 'left' || value === null) return [];
    const row = rowOf(key, value);
    const last = all
      .slice(0, i)
      .findLast((each) => each.topic === 'right' && row !== null && each.key === row);
    if (!isLeft && (last?.value ?? null) === null) return [];
    return [{ key, value: pair(value, last?.value ?? undefined), timestamp, headers: [] }];
  });
}

describe.each(Object.entries(shapes))('with %s', (_name, { global, rowOf }) => {
  test.each(['join', 'leftJoin'] as const)('%s tells each record with the row as it was last', (kind) => {
    fc.assert(
      fc.property(inputs, (all) => {
        const builder = new StreamsBuilder();
        const left = builder.stream<string, string>('left', strings);
        const joined = global
          ? joinGlobalTable[kind](left, builder.globalTable('right', strings), mapper)
          : joinTable[kind](left, builder.table('right', strings));
        joined.to('joined');
        const driver = new TopologyTestDriver(builder.build());
        for (const { topic, key, value, timestamp } of all)
          driver.createInputTopic(topic, string, string).pipeInput(key, value, { timestamp });
        const told = driver.createOutputTopic('joined', string, string).readRecords();
        expect(told).toEqual(oracle(all, kind === 'leftJoin', rowOf));
      }),
      { numRuns: 80 },
    );
  });
});
