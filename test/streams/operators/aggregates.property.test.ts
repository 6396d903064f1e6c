import fc from 'fast-check';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { Table } from '../../../lib/streams/dsl/table.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import type { Topology } from '../../../lib/streams/topology/topology.ts';
import { seeded } from '../../simulation/random.ts';
import { noteChanges, rowsOf } from '../joins/changes.ts';
import { createCluster } from '../joins/cluster.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };

/** Out of order, and some twice; a key of each task, and some without a key or a value. */
const inputs = fc.array(
  fc.record({
    topic: fc.constantFrom('in', 'other'),
    key: fc.constantFrom('a', 'b', 'c', null),
    value: fc.constantFrom('a1', 'a2', 'b1', 'b2', null),
    timestamp: fc.nat(30),
    isTwice: fc.boolean(),
    /** How many records are processed before the next comes. */
    steps: fc.nat(4),
  }),
  { maxLength: 40, size: 'max' },
);
type Inputs = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

interface Sent {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp: number;
}

interface Told {
  readonly key: string;
  readonly value: string | null;
  readonly timestamp: number;
}

/** All of them, in a cluster of two tasks each, which sometimes begin anew; returns what was sent, in its order, and told. */
function play(topology: Topology, all: Inputs, seed: number): { sent: Sent[]; told: Told[] } {
  const cluster = createCluster(topology, () => 2, seeded(seed));
  const read = new Set(
    topology.subtopologies.flatMap(({ nodes }) =>
      nodes.flatMap((node) => (node.kind === 'source' ? node.topics : [])),
    ),
  );
  const sent: Sent[] = [];
  for (const { isTwice, steps, ...record } of all) {
    if (!read.has(record.topic)) continue;
    for (let times = isTwice ? 2 : 1; times > 0; times--) {
      sent.push(record);
      const bytes = (text: string | null) => (text === null ? null : string.serialize(text));
      cluster.send(record.topic, {
        ...{ key: bytes(record.key), value: bytes(record.value) },
        ...{ timestamp: record.timestamp, headers: [] },
      });
    }
    cluster.step(steps);
  }
  cluster.step(Number.POSITIVE_INFINITY);
  const told = cluster.outputs.map(({ key, value, timestamp }) => ({
    key: string.deserialize(key!),
    value: value && string.deserialize(value),
    timestamp,
  }));
  return { sent, told };
}

/** The values, as a multiset: the order in which tasks come to them changes nothing. */
const plus = (all: string, value: string) => [...all.split(' ').filter(Boolean), value].sort().join(' ');
const minus = (all: string, value: string) => {
  const left = all.split(' ');
  const at = left.indexOf(value);
  if (at < 0) throw new Error(`${value} is not in ${all}`);
  return left.toSpliced(at, 1).join(' ');
};
const bag = (values: readonly string[]) => values.reduce(plus, '');

const asText = (table: Table<string, number>) =>
  table.toStream().mapValues((count) => (count === null ? count : `${count}`), { valueSerde: string });

/** By key, in their order, less those that no aggregate is of. */
function byKey(sent: readonly Sent[], keyOf: (sent: Sent) => string | null = ({ key }) => key) {
  const kept = sent.flatMap((each) => {
    const key = keyOf(each);
    return key === null || each.value === null ? [] : [{ key, value: each.value, timestamp: each.timestamp }];
  });
  return Map.groupBy(kept, ({ key }) => key);
}

/** Of each key, what is told after each of its records: of all up to it. */
function expectRunning(
  told: readonly Told[],
  groups: ReturnType<typeof byKey>,
  of: (values: readonly string[]) => string,
): void {
  const toldByKey = Map.groupBy(told, ({ key }) => key);
  expect([...toldByKey.keys()].sort()).toEqual([...groups.keys()].sort());
  for (const [key, records] of groups) {
    const expected = records.map((_, i) => {
      const upTo = records.slice(0, i + 1);
      const timestamp = Math.max(...upTo.map((each) => each.timestamp));
      return { key, value: of(upTo.map(({ value }) => value)), timestamp };
    });
    expect(toldByKey.get(key)).toEqual(expected);
  }
}

const last = (told: readonly Told[]) =>
  Object.fromEntries(told.map(({ key, value }) => [key, value] as const));

const check = (holds: (all: Inputs, seed: number) => void) =>
  fc.assert(fc.property(inputs, fc.nat(), holds), { numRuns: 80 });

const kinds = {
  count: {
    of: (values: readonly string[]) => `${values.length}`,
    table: (builder: StreamsBuilder) => asText(builder.stream('in', strings).groupByKey().count()),
  },
  reduce: {
    of: (values: readonly string[]) => values.join(),
    table: (builder: StreamsBuilder) =>
      builder
        .stream('in', strings)
        .groupByKey()
        .reduce((all, value) => `${all},${value}`)
        .toStream(),
  },
  aggregate: {
    of: (values: readonly string[]) => `>${values.join('')}`,
    table: (builder: StreamsBuilder) =>
      builder
        .stream('in', strings)
        .groupByKey()
        .aggregate(
          () => '>',
          (_, value, all) => all + value,
          { valueSerde: string },
        )
        .toStream(),
  },
};

test.each(Object.entries(kinds))(
  '%s tells, after each record, that of all of its key',
  (_name, { of, table }) => {
    check((all, seed) => {
      const builder = new StreamsBuilder();
      table(builder).to('out');
      const { sent, told } = play(builder.build(), all, seed);
      expectRunning(told, byKey(sent), of);
    });
  },
);

test('behind a changed key, each record is counted once, whichever task had it', () => {
  check((all, seed) => {
    const builder = new StreamsBuilder();
    const grouped = builder.stream('in', strings).groupBy((_, value) => value?.[0] ?? 'none', strings);
    asText(grouped.count()).to('out');
    const { sent, told } = play(builder.build(), all, seed);
    const groups = byKey(sent, ({ value }) => value?.[0] ?? null);
    expect(last(told)).toEqual(
      Object.fromEntries([...groups].map(([key, records]) => [key, `${records.length}`])),
    );
    for (const [key, some] of Map.groupBy(told, (each) => each.key))
      expect(some.map(({ value }) => value)).toEqual(groups.get(key)!.map((_, i) => `${i + 1}`));
  });
});

test('a cogrouped aggregate has the records of all its streams, each as its own aggregator adds it', () => {
  check((all, seed) => {
    const builder = new StreamsBuilder();
    const grouped = (topic: string) => builder.stream(topic, strings).groupByKey();
    grouped('in')
      .cogroup<string>((_, value, all) => plus(all, value))
      .cogroup(grouped('other'), (_, value, all) => plus(all, value.toUpperCase()))
      .aggregate(() => '', { valueSerde: string })
      .toStream()
      .to('out');
    const { sent, told } = play(builder.build(), all, seed);
    const cased = sent.map((each) =>
      each.topic === 'other' ? { ...each, value: each.value?.toUpperCase() ?? null } : each,
    );
    const expected = [...byKey(cased)].map(([key, records]) => [key, bag(records.map(({ value }) => value))]);
    expect(last(told)).toEqual(Object.fromEntries(expected));
  });
});

/** The last value of each key. */
function rowsAtLast(sent: readonly Sent[]): Map<string, string> {
  const rows = new Map<string, string>();
  for (const { key, value } of sent) {
    if (key === null) continue;
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  return rows;
}

const tables: Readonly<
  Record<
    string,
    {
      readonly of: (table: Table<string, string>) => Table<string, string>;
      readonly makes: (key: string, value: string) => string | undefined;
    }
  >
> = {
  'filter of a table': {
    of: (table) => table.filter((_, value) => value.endsWith('1')),
    makes: (_, value) => (value.endsWith('1') ? value : undefined),
  },
  'filterNot, and a store': {
    of: (table) => table.filterNot((_, value) => value.endsWith('1'), { storeName: 'kept' }),
    makes: (_, value) => (value.endsWith('1') ? undefined : value),
  },
  'mapValues, which leaves some out': {
    of: (table) =>
      table.mapValues((value, key) => (value === 'b2' ? undefined : `${key}${value}`), {
        valueSerde: string,
      }),
    makes: (key, value) => (value === 'b2' ? undefined : `${key}${value}`),
  },
  'toTable of its own stream': {
    of: (table) => table.toStream().toTable({ valueSerde: string }),
    makes: (_, value) => value,
  },
};

test.each(Object.entries(tables))(
  '%s comes to what is made of the rows at last, and old values are true',
  (_name, { of, makes }) => {
    check((all, seed) => {
      const builder = new StreamsBuilder();
      const table = of(builder.table('in', strings));
      const topology = builder.build();
      const changes = noteChanges(topology, table.place.node, 'noted');
      const { sent } = play(topology, all, seed);
      const expected = [...rowsAtLast(sent)].flatMap(([key, value]) => {
        const made = makes(key, value);
        return made === undefined ? [] : [[key, made] as const];
      });
      expect(new Map([...rowsOf(changes)].sort())).toEqual(new Map(expected.sort()));
    });
  },
);

const groupings = {
  count: {
    table: (table: Table<string, string>) => asText(grouped(table).count()),
    of: (values: readonly string[]) => `${values.length}`,
  },
  reduce: {
    table: (table: Table<string, string>) => grouped(table).reduce(plus, minus).toStream(),
    of: bag,
  },
  aggregate: {
    table: (table: Table<string, string>) =>
      grouped(table)
        .aggregate(
          () => '',
          (_, value, all) => plus(all, value),
          (_, value, all) => minus(all, value),
          { valueSerde: string },
        )
        .toStream(),
    of: bag,
  },
};

/** Rows whose value begins alike; those of `b2` are in no group. */
const groupOf = (value: string): string | null => (value === 'b2' ? null : value[0]!);
const grouped = (table: Table<string, string>) =>
  table.groupBy((_, value) => [groupOf(value), value], strings);

test.each(Object.entries(groupings))(
  '%s of a grouped table comes to that of the rows that are in the group at last',
  (_name, { table, of }) => {
    check((all, seed) => {
      const builder = new StreamsBuilder();
      table(builder.table('in', strings)).to('out');
      const { sent, told } = play(builder.build(), all, seed);
      const groups = Map.groupBy(rowsAtLast(sent).values(), groupOf);
      const expected = Object.keys(last(told)).map((group) => [group, of(groups.get(group) ?? [])]);
      expect(last(told)).toEqual(Object.fromEntries(expected));
      for (const group of groups.keys()) expect([...Object.keys(last(told)), null]).toContain(group);
    });
  },
);
