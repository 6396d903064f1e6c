import fc from 'fast-check';
import { range } from '../../../lib/group/assign/range.ts';
import { type Division, divisionOf, group, movedBetween, situations, subscribersOf } from './support.ts';

function show(division: Division): Record<string, Record<string, readonly number[]>> {
  return Object.fromEntries([...division].map(([name, parts]) => [name, Object.fromEntries(parts)]));
}

test('at first each member has a range of each topic, in the order of names, the first ones more if it does not divide', () => {
  const members = { b: ['t0', 't1'], c: ['t0'], a: ['t0', 't1'] };
  expect(show(range(group(members, { t0: 5, t1: 3 })))).toEqual({
    a: { t0: [0, 1], t1: [0, 1] },
    b: { t0: [2, 3], t1: [2] },
    c: { t0: [4] },
  });
});

test('topics with the same subscribers and as many partitions are divided alike, whatever was before', () => {
  fc.assert(
    fc.property(situations({ topics: 6, partitions: 3 }), (situation) => {
      const division = range(situation);
      for (const one of situation.topics) {
        for (const other of situation.topics) {
          const alike =
            one.partitions === other.partitions &&
            subscribersOf(situation, one.id).join() === subscribersOf(situation, other.id).join();
          if (!alike) continue;
          for (const parts of division.values()) expect(parts.get(one.id)).toEqual(parts.get(other.id));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("subscribers' shares of a topic differ by one at most", () => {
  fc.assert(
    fc.property(situations({ partitions: 9 }), (situation) => {
      const division = range(situation);
      for (const { id } of situation.topics) {
        const shares = subscribersOf(situation, id).map((name) => division.get(name)!.get(id)?.length ?? 0);
        if (shares.length > 0) expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('who joins or leaves moves its own share of each topic, no more', () => {
  const ids = ['t0', 't1', 't2'];
  const topics = { t0: 12, t1: 12, t2: 12 };
  const three = range(group({ b: ids, d: ids, f: ids }, topics));
  const four = range(group({ b: ids, c: ids, d: ids, f: ids }, topics, three));
  expect(movedBetween(three, four)).toBe(9);
  expect(show(four).c).toEqual({ t0: [3, 7, 11], t1: [3, 7, 11], t2: [3, 7, 11] });
  const back = range(group({ c: ids, d: ids, f: ids }, topics, four));
  expect(movedBetween(four, back)).toBe(9);
});

test('a topic that comes later is divided like those that were there', () => {
  const before = divisionOf([
    ['t0/0', 'b'],
    ['t0/1', 'a'],
    ['t0/2', 'b'],
    ['t0/3', 'a'],
  ]);
  const members = { a: ['t0', 't1'], b: ['t0', 't1'] };
  expect(show(range(group(members, { t0: 4, t1: 4 }, before)))).toEqual({
    a: { t0: [1, 3], t1: [1, 3] },
    b: { t0: [0, 2], t1: [0, 2] },
  });
});

test('topics that were divided otherwise go with the most of them, or else with the first', () => {
  const before = divisionOf([
    ['t0/0', 'a'],
    ['t1/0', 'a'],
    ['t2/0', 'b'],
    ['t0/1', 'b'],
    ['t1/1', 'a'],
    ['t2/1', 'gone'],
  ]);
  const ids = ['t0', 't1', 't2'];
  const division = range(group({ a: ids, b: ids }, { t0: 2, t1: 2, t2: 2 }, before));
  expect(show(division)).toEqual({ a: { t0: [0], t1: [0], t2: [0] }, b: { t0: [1], t1: [1], t2: [1] } });
});
