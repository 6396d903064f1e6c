import fc from 'fast-check';
import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { responses, subscriptions } from '../../../lib/streams/operators/joins/foreignKey/subscription.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { seeded } from '../../simulation/random.ts';
import { noteChanges, rowsOf } from './changes.ts';
import { createCluster } from './cluster.ts';
import { joinOnForeignKey } from './kinds.ts';
import { pair, strings } from './tables.ts';

const { string } = Serdes;
const kinds = ['join', 'leftJoin'] as const;

const tables = () => {
  const builder = new StreamsBuilder();
  const left = builder.table<string, string>('left', strings);
  const right = builder.table<string, string>('right', strings);
  return { builder, left, right };
};

/** What a left value names: all before the colon; none, null. */
const foreignKey = (value: string): string | null => value.split(':')[0] || null;

// Row by row as in https://kafka.apache.org/documentation/streams/developer-guide/dsl-api.html#ktable-ktable-foreign-key-join, except that a row that is not,
// and was not, is not told again: Kafka's (k, null) of 3 and 5.
type FkRow = readonly [
  left: [string, string] | null,
  right: [string, string] | null,
  inner: unknown[],
  left: unknown[],
];
const rows: FkRow[] = [
  [
    ['k', '1'],
    ['1', 'foo'],
    [['k', '[1, foo]']],
    [
      ['k', '[1, null]'],
      ['k', '[1, foo]'],
    ],
  ],
  [['k', '2'], null, [['k', null]], [['k', '[2, null]']]],
  [['k', '3'], null, [], [['k', '[3, null]']]],
  [null, ['3', 'bar'], [['k', '[3, bar]']], [['k', '[3, bar]']]],
  [['k', ':'], null, [['k', null]], [['k', '[:, null]']]],
  [['k', '1'], null, [['k', '[1, foo]']], [['k', '[1, foo]']]],
  [['q', '10'], null, [], [['q', '[10, null]']]],
  [['r', '10'], null, [], [['r', '[10, null]']]],
  [
    null,
    ['10', 'baz'],
    [
      ['q', '[10, baz]'],
      ['r', '[10, baz]'],
    ],
    [
      ['q', '[10, baz]'],
      ['r', '[10, baz]'],
    ],
  ],
];

test.each(kinds)('%s by foreign key tells what the table of the documentation says', (kind) => {
  const { builder, left, right } = tables();
  joinOnForeignKey[kind](left, right, foreignKey).toStream().to('joined');
  const driver = new TopologyTestDriver(builder.build());
  const lefts = driver.createInputTopic('left', string, string);
  const rights = driver.createInputTopic('right', string, string);
  const joined = driver.createOutputTopic('joined', string, string);
  for (const [leftRow, rightRow, inner, outer] of rows) {
    if (leftRow !== null) lefts.pipeInput(...leftRow);
    if (rightRow !== null) rights.pipeInput(...rightRow);
    expect(joined.readKeyValues()).toEqual(kind === 'join' ? inner : outer);
  }
});

test.each(kinds)('%s by foreign key: what is deleted, on either side, is deleted of the join', (kind) => {
  const { builder, left, right } = tables();
  joinOnForeignKey[kind](left, right, foreignKey).toStream().to('joined');
  const driver = new TopologyTestDriver(builder.build());
  const lefts = driver.createInputTopic('left', string, string);
  const rights = driver.createInputTopic('right', string, string);
  const joined = driver.createOutputTopic('joined', string, string);
  rights.pipeInput('A', 'x', { timestamp: 9 });
  lefts.pipeInput('k', 'A:1', { timestamp: 3 });
  expect(joined.readRecords()).toMatchObject([{ key: 'k', value: '[A:1, x]', timestamp: 9 }]);
  rights.pipeInput('A', null, { timestamp: 11 });
  const alone = kind === 'join' ? null : '[A:1, null]';
  expect(joined.readRecords()).toMatchObject([{ key: 'k', value: alone, timestamp: 11 }]);
  rights.pipeInput('A', 'y');
  lefts.pipeInput('k', null, { timestamp: 12 });
  expect(joined.readKeyValues()).toEqual([
    ['k', '[A:1, y]'],
    ['k', null],
  ]);
  rights.pipeInput('A', 'z');
  expect(joined.isEmpty()).toBe(true);
});

test('a row that names another, or none, or is gone, is no subscriber of what it named', () => {
  const { builder, left, right } = tables();
  joinOnForeignKey.join(left, right, foreignKey, { name: 'of' });
  const driver = new TopologyTestDriver(builder.build());
  const lefts = driver.createInputTopic('left', string, string);
  const subscribers = driver.getKeyValueStore<Uint8Array, unknown>('of-subscription-store');
  const count = () => subscribers.approximateNumEntries();
  for (const key of ['k', 'l', 'm']) lefts.pipeInput(key, 'A:1');
  expect(count()).toBe(3);
  lefts.pipeInput('k', 'A:2');
  lefts.pipeInput('k', 'B:1');
  expect(count()).toBe(3);
  lefts.pipeInput('l', ':1');
  lefts.pipeInput('m', null);
  expect(count()).toBe(1);
});

test('subscriptions and responses go by topics of as many partitions as the table that they go to', () => {
  const { builder, left, right } = tables();
  joinOnForeignKey.join(left, right, foreignKey, { name: 'of' });
  const topology = builder.build();
  const [registration, response] = ['of-subscription-registration-topic', 'of-subscription-response-topic'];
  expect(topology.repartitionTopics.map(({ name }) => name)).toEqual([registration, response]);
  expect(topology.copartitioned).toEqual([
    [registration, 'right'],
    [response, 'left'],
  ]);
});

const sends = fc.array(
  fc.record({
    isLeft: fc.boolean(),
    key: fc.nat(2),
    names: fc.constantFrom('A', 'A', 'AB', 'B', ''),
    value: fc.constantFrom('1', '2', null),
    /** How many records are processed before the next comes. */
    steps: fc.nat(6),
  }),
  { maxLength: 40, size: 'max' },
);

/** A join that is sent these, in a cluster in which all that is under way may overtake what is of another topic, and tasks begin anew. */
function play(
  kind: (typeof kinds)[number],
  all: typeof sends extends fc.Arbitrary<infer T> ? T : never,
  seed: number,
  isSelf: boolean,
) {
  const { builder, left, right } = tables();
  const joined = joinOnForeignKey[kind](left, isSelf ? left : right, foreignKey);
  const topology = builder.build();
  const changes = noteChanges(topology, joined.place.node, 'noted');
  const isLefts = (topic: string) => isSelf || topic === 'left' || topic.includes('RESPONSE');
  const cluster = createCluster(topology, (topic) => (isLefts(topic) ? 3 : 2), seeded(seed));
  const now = { left: new Map<string, string>(), right: new Map<string, string>() };
  for (const [timestamp, { isLeft, key, names, value, steps }] of all.entries()) {
    const topic = isLeft || isSelf ? 'left' : 'right';
    const rowKey = (isSelf || !isLeft ? ['A', 'AB', 'B'] : ['k', 'Bk', 'l'])[key]!;
    const row = value === null ? null : topic === 'left' ? `${names}:${value}` : value;
    if (row === null) now[topic].delete(rowKey);
    else now[topic].set(rowKey, row);
    cluster.send(topic, {
      key: string.serialize(rowKey),
      value: row === null ? null : string.serialize(row),
      ...{ timestamp, headers: [] },
    });
    cluster.step(steps);
  }
  cluster.step(Number.POSITIVE_INFINITY);
  return { changes, lefts: now.left, rights: isSelf ? now.left : now.right };
}

describe.each([false, true])('a join by foreign key (of a table with itself: %s)', (isSelf) => {
  test.each(kinds)(
    '%s comes to the join of both tables, whatever overtakes what, and old values are true',
    (kind) => {
      fc.assert(
        fc.property(sends, fc.nat(), (all, seed) => {
          const { changes, lefts, rights } = play(kind, all, seed, isSelf);
          const expected = new Map<string, string>();
          for (const [key, value] of lefts) {
            const right = rights.get(foreignKey(value) ?? 'none');
            if (right !== undefined || kind === 'leftJoin') expected.set(key, pair(value, right));
          }
          expect(new Map([...rowsOf(changes)].sort())).toEqual(new Map([...expected].sort()));
        }),
        { numRuns: 80 },
      );
    },
  );
});

test('subscriptions and responses are read as they were written, from bytes anywhere, and other bytes are told', () => {
  const hash = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const moved = (bytes: Uint8Array) => new Uint8Array([9, ...bytes, 9]).subarray(1, bytes.length + 1);
  const ofKeys = subscriptions(string);
  const ofValues = responses(string);
  fc.assert(
    fc.property(hash, fc.nat(), fc.boolean(), fc.string(), (ofRow, partition, isOn, text) => {
      const subscription = {
        is: isOn ? ('subscribed' as const) : ('unsubscribed' as const),
        ...{ primaryKey: text, partition, hash: ofRow },
      };
      expect(ofKeys.deserialize(moved(ofKeys.serialize(subscription)))).toEqual(subscription);
      const response = { hash: ofRow, foreignValue: isOn ? text : undefined };
      expect(ofValues.deserialize(moved(ofValues.serialize(response)))).toEqual(response);
    }),
  );
  for (const serde of [ofKeys, ofValues]) {
    expect(() => serde.deserialize(new Uint8Array(3))).toThrow(RangeError);
    expect(() => serde.deserialize(new Uint8Array(40))).toThrow(RangeError);
  }
});
