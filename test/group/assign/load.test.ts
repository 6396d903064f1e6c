import fc from 'fast-check';
import { load } from '../../../lib/group/assign/load.ts';
import { countsOf, type Division, group, movedBetween, ownersOf, partitionsOf } from './support.ts';

/** Members who all have one topic `t`, with these loads. */
function loaded(members: readonly string[], loads: readonly number[], current: Division = new Map()) {
  const subscriptions = Object.fromEntries(members.map((name) => [name, ['t']]));
  return {
    ...group(subscriptions, { t: loads.length }, current),
    loads: (_: string, partition: number) => loads[partition]!,
  };
}

function partsOf(division: Division): Record<string, readonly number[]> {
  return Object.fromEntries([...division].map(([name, parts]) => [name, parts.get('t') ?? []]));
}

test('what is heavy goes alone, what is light together', () => {
  const division = load(loaded(['a', 'b', 'c'], [1, 90, 1, 100, 40, 50, 2]));
  expect(partsOf(division)).toEqual({ a: [3], b: [1, 2, 6], c: [0, 4, 5] });
});

test('partitions without load, or whose load is not known, are spread by number', () => {
  const { loads, ...unknown } = loaded(['a', 'b', 'c'], [0, 0, 0, 0, 0, 0, 0]);
  const odd = loaded(['a', 'b', 'c'], [Number.NaN, -5, Number.POSITIVE_INFINITY, 0, 0, 0, -0]);
  for (const situation of [unknown, { ...unknown, loads }, odd]) {
    expect([...countsOf(load(situation)).values()]).toEqual([3, 2, 2]);
  }
});

test('partitions at rest are spread as well as those that are busy', () => {
  const loads = [...Array(4).fill(1_000), ...Array(100).fill(0)];
  const counts = [...countsOf(load(loaded(['a', 'b', 'c', 'd'], loads))).values()];
  expect(counts).toEqual([26, 26, 26, 26]);
});

test('loads that differ by less than a tenth of the mean move nothing, beyond that they do', () => {
  const before = load(loaded(['a', 'b'], Array<number>(100).fill(10)));
  const grown = (of: string, by: number) => {
    const loads = Array<number>(100).fill(10);
    for (const partition of partsOf(before)[of]!) loads[partition]! += by;
    return loads;
  };
  expect(movedBetween(before, load(loaded(['a', 'b'], grown('a', 0.9), before)))).toBe(0);
  expect(movedBetween(before, load(loaded(['a', 'b'], grown('a', 2), before)))).toBeGreaterThan(0);
});

test('a partition that became heavy makes others move away from it', () => {
  const members = ['a', 'b', 'c'];
  const loads = Array<number>(12).fill(10);
  const before = load(loaded(members, loads));
  const heavy = partsOf(before).b![0]!;
  const after = load(loaded(members, loads.with(heavy, 100), before));
  expect(partsOf(after).b).toEqual([heavy]);
  expect(movedBetween(before, after)).toBe(3);
});

test('one heavy partition is not passed around among members', () => {
  const before = load(loaded(['a', 'b', 'c'], [1_000, 1, 1]));
  expect(movedBetween(before, load(loaded(['a', 'b', 'c'], [2_000, 1, 1], before)))).toBe(0);
});

test('who joins takes over a share of load, even if each partition is little', () => {
  const loads = Array<number>(400).fill(1);
  const before = load(loaded(['a', 'b', 'c'], loads));
  const after = load(loaded(['a', 'b', 'c', 'd'], loads, before));
  const counts = countsOf(after);
  expect(counts.get('d')).toBeGreaterThanOrEqual(90);
  expect(Math.max(...counts.values())).toBeLessThanOrEqual(110);
  expect(movedBetween(before, after)).toBe(counts.get('d'));
});

test('only those who are subscribed take over', () => {
  const current = new Map([['a', new Map([['s', [0, 1, 2, 3]]])]]);
  const situation = group({ a: ['s'], b: ['s', 't'], c: ['t'] }, { s: 4, t: 1 }, current);
  const owners = ownersOf(load(situation));
  expect(owners.get('t/0')).toBe('c');
  expect([...owners].filter(([, owner]) => owner === 'b')).toHaveLength(2);
});

test('nobody has more than the mean, a tenth and the heaviest partition, whoever had what, and what was even moves little', () => {
  const weights = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 30 });
  const owners = fc.array(fc.constantFrom('a', 'b', 'c', 'gone'), { minLength: 30, maxLength: 30 });
  fc.assert(
    fc.property(weights, owners, (loads, had) => {
      const current = new Map(
        Object.entries(Object.groupBy(loads.keys(), (partition) => had[partition]!)).map(
          ([name, some]) => [name, new Map([['t', some!]])] as const,
        ),
      );
      const situation = loaded(['a', 'b', 'c', 'd'], loads, current);
      const division = load(situation);
      const mean = loads.reduce((sum, one) => sum + one) / loads.length || 1;
      const weigh = (partition: number) => (loads[partition]! + 0.1 * mean) / mean;
      const total = loads.reduce((sum, _, partition) => sum + weigh(partition), 0);
      const bound = 1.1 * (total / 4) + Math.max(...loads.map((_, i) => weigh(i))) + 0.01 * loads.length;
      for (const partitions of Object.values(partsOf(division))) {
        expect(partitions.reduce((sum, partition) => sum + weigh(partition), 0)).toBeLessThan(bound);
      }
      expect(ownersOf(division).size).toBe(partitionsOf(situation).length);
    }),
  );
});
