import fc from 'fast-check';
import type { Situation } from '../../../lib/group/assign/assignment.ts';
import { boardOf } from '../../../lib/group/assign/board.ts';
import { countsOf as slotsOf } from '../../../lib/group/assign/counts.ts';
import { dealOut, evenOut } from '../../../lib/group/assign/evenOut.ts';
import { uniform } from '../../../lib/group/assign/uniform.ts';
import {
  countsOf,
  type Division,
  divisionOf,
  group,
  movedBetween,
  ownersOf,
  partitionsOf,
  situations,
  squares,
  subscribersOf,
} from './support.ts';

/** All ways to choose one of each. */
function product<T>(choices: readonly (readonly T[])[]): T[][] {
  return choices.reduce<T[][]>((all, some) => all.flatMap((one) => some.map((next) => [...one, next])), [[]]);
}

/** All divisions with the smallest sum of squares, found by trying every division there is. */
function evenest(situation: Situation): { least: number; owners: string[][] } {
  const choices = partitionsOf(situation).map((one) => subscribersOf(situation, one.split('/')[0]!));
  let least = Number.POSITIVE_INFINITY;
  let owners: string[][] = [];
  for (const division of product(choices)) {
    const counts = new Map<string, number>();
    for (const owner of division) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    const sum = squares(counts.values());
    if (sum < least) [least, owners] = [sum, []];
    if (sum === least) owners.push(division);
  }
  return { least, owners };
}

function fewestMoves(before: Division, situation: Situation, owners: readonly string[][]): number {
  const old = ownersOf(before);
  const previous = partitionsOf(situation).map((partition) => old.get(partition));
  return Math.min(...owners.map((division) => division.filter((owner, i) => owner !== previous[i]).length));
}

function expectTheBest(situation: Situation, oracle = evenest(situation)): void {
  const division = uniform(situation);
  const found = {
    squares: squares(countsOf(division).values()),
    moves: movedBetween(situation.current, division),
  };
  const moves = fewestMoves(situation.current, situation, oracle.owners);
  if (found.squares === oracle.least && found.moves === moves) return;
  throw new Error(`${JSON.stringify({ found, oracle: { least: oracle.least, moves } })} ${show(situation)}`);
}

function show({ members, topics, current }: Situation): string {
  return JSON.stringify({ members, topics, current: [...ownersOf(current)] });
}

describe('of all divisions of a small group it finds an evenest one, and of those one with the fewest moves', () => {
  test('whoever had what, of one topic', () => {
    for (const count of [1, 2, 3]) {
      const members = Object.fromEntries(['a', 'b', 'c'].slice(0, count).map((name) => [name, ['t0']]));
      for (const partitions of [1, 2, 3, 4, 5]) {
        const situation = group(members, { t0: partitions });
        const oracle = evenest(situation);
        const names = Array.from({ length: partitions }, (_, i) => `t0/${i}`);
        for (const owners of product(names.map(() => ['a', 'b', 'c', 'gone']))) {
          const current = divisionOf(names.map((name, i) => [name, owners[i]!]));
          expectTheBest({ ...situation, current }, oracle);
        }
      }
    }
  });

  test('whoever had what, and whoever is subscribed to what, of two topics', () => {
    const subscriptions = [[], ['t0'], ['t1'], ['t0', 't1']];
    for (const [a, b, c] of product([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ])) {
      if (a! > b! || b! > c!) continue;
      for (const [first, second] of [
        [1, 1],
        [2, 1],
        [1, 3],
        [2, 2],
      ] as const) {
        const situation = group(
          { a: subscriptions[a!]!, b: subscriptions[b!]!, c: subscriptions[c!]! },
          { t0: first, t1: second },
        );
        const oracle = evenest(situation);
        const names = [0, 1, 2].slice(0, first).map((i) => `t0/${i}`);
        names.push(...[0, 1, 2].slice(0, second).map((i) => `t1/${i}`));
        for (const owners of product(names.map(() => ['a', 'b', 'c', 'gone']))) {
          const current = divisionOf(names.map((name, i) => [name, owners[i]!]));
          expectTheBest({ ...situation, current }, oracle);
        }
      }
    }
  });

  test('in larger groups, at random', () => {
    const small = situations({ members: 4, topics: 4, partitions: 2 }).filter(
      (situation) => partitionsOf(situation).length <= 7,
    );
    fc.assert(
      fc.property(small, (situation) => expectTheBest(situation)),
      { numRuns: 500 },
    );
  });
});

test('an exchange through several members makes even what no single move does', () => {
  const current = divisionOf([
    ['ab/0', 'a'],
    ['ab/1', 'a'],
    ['ab/2', 'a'],
    ['bc/0', 'b'],
    ['bc/1', 'b'],
    ['cd/0', 'c'],
    ['cd/1', 'c'],
    ['cd/2', 'd'],
  ]);
  const members = { a: ['ab'], b: ['ab', 'bc'], c: ['bc', 'cd'], d: ['cd'] };
  const division = uniform(group(members, { ab: 3, bc: 2, cd: 3 }, current));
  expect([...countsOf(division).values()]).toEqual([2, 2, 2, 2]);
  expect(movedBetween(current, division)).toBe(3);
});

test('no move from a member to another makes a group more even, however large it is', () => {
  fc.assert(
    fc.property(situations({ members: 6, topics: 12, partitions: 9 }), (situation) => {
      const division = uniform(situation);
      const counts = countsOf(division);
      for (const [partition, owner] of ownersOf(division)) {
        for (const other of subscribersOf(situation, partition.split('/')[0]!)) {
          expect(counts.get(owner)! - counts.get(other)!).toBeLessThanOrEqual(1);
        }
      }
    }),
  );
});

test('before exchanges are looked for, which is not done without end, no single move makes a group more even', () => {
  fc.assert(
    fc.property(situations({ members: 6, topics: 12, partitions: 9 }), (situation) => {
      const board = boardOf(situation);
      const totals = board.pools.map(({ topics }) =>
        topics.reduce((sum, { partitions }) => sum + partitions, 0),
      );
      const counts = slotsOf(board);
      dealOut(counts, totals);
      evenOut(counts);
      for (const [i, { members }] of board.pools.entries()) {
        const shares = counts.count.subarray(counts.firstSlot[i], counts.firstSlot[i + 1]);
        expect(shares.reduce((sum, share) => sum + share)).toBe(totals[i]);
        const givers = members.filter((_, slot) => shares[slot]! > 0).map((member) => counts.load[member]!);
        const takers = members.map((member) => counts.load[member]!);
        expect(Math.max(...givers) - Math.min(...takers)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

interface Change {
  readonly kind: 'joins' | 'leaves' | 'partitions' | 'topic';
  readonly pick: number;
}

const changes = fc.array(
  fc.record<Change>({
    kind: fc.constantFrom('joins', 'joins', 'leaves', 'partitions', 'topic'),
    pick: fc.nat(),
  }),
  { minLength: 1, maxLength: 15 },
);

test('as members come and go and topics grow, counts differ by one at most, and no more moves than must', () => {
  fc.assert(
    fc.property(changes, (sequence) => {
      let names = ['first'];
      let topics = [{ id: 't0', partitions: 7 }];
      let current: Division = new Map();
      for (const [i, { kind, pick }] of sequence.entries()) {
        if (kind === 'joins') names = [...names, `m${(pick % 10_000) * 100 + i}`];
        if (kind === 'leaves' && names.length > 1) names = names.toSpliced(pick % names.length, 1);
        if (kind === 'topic') topics = [...topics, { id: `t${i}+`, partitions: pick % 9 }];
        if (kind === 'partitions') {
          const grown = topics[pick % topics.length]!;
          topics = topics.with(topics.indexOf(grown), { ...grown, partitions: grown.partitions + 3 });
        }
        const ids = topics.map(({ id }) => id);
        const members = names.map((name) => ({ name, topics: ids }));
        const division = uniform({ members, topics, current });

        const counts = [...countsOf(division).values()];
        const total = topics.reduce((sum, { partitions }) => sum + partitions, 0);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        expect(movedBetween(current, division)).toBe(total - mostKept(names, current, total));
        current = division;
      }
    }),
  );
});

/** No even division leaves more where it is: each keeps its quota at most, and as many as are left over one more. */
function mostKept(names: readonly string[], current: Division, total: number): number {
  const held = names.map((name) => [...(current.get(name)?.values() ?? [])].flat().length);
  const quota = Math.floor(total / names.length);
  const extras = Math.min(total % names.length, held.filter((count) => count > quota).length);
  return held.reduce((sum, count) => sum + Math.min(count, quota), extras);
}

test('a topic is spread over members, at first and when one joins', () => {
  const topics = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`t${i}`, 30]));
  const ids = Object.keys(topics);
  const members = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`m${i}`, ids]));
  const first = uniform(group(members, topics));
  for (const parts of first.values()) for (const some of parts.values()) expect(some).toHaveLength(3);
  const joined = uniform(group({ ...members, new: ids }, topics, first)).get('new')!;
  for (const some of joined.values()) expect(some.length).toBeLessThanOrEqual(6);
});

test('partitions of one head stay together as far as that goes, at first and when members join', () => {
  const names = Array.from({ length: 30 }, (_, i) => `m${i}`);
  const headsOf = (division: Division) =>
    [...division.values()].map((parts) => new Set(parts.get('t')!.map((n) => Math.floor(n / 16))).size);
  const first = uniform(group(Object.fromEntries(names.map((name) => [name, ['t']])), { t: 1_000 }));
  expect(Math.max(...headsOf(first))).toBeLessThanOrEqual(6);
  let division: Division = new Map();
  for (let n = 1; n <= 4; n++) {
    const members = Object.fromEntries(names.slice(0, n).map((name) => [name, ['t']]));
    division = uniform(group(members, { t: 1_000 }, division));
  }
  // Each has 250: 16 heads at best, 63 if they lay anywhere.
  expect(Math.max(...headsOf(division))).toBeLessThanOrEqual(24);
});

test('1,000 partitions of overlapping topics, 300 members: it is done, and even', () => {
  const topics = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`t${i}`, 10]));
  const members = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`m${i}`, [`t${i % 100}`, `t${(i * 7 + 1) % 100}`]]),
  );
  const counts = [...countsOf(uniform(group(members, topics))).values()];
  expect(counts.reduce((sum, count) => sum + count)).toBe(1_000);
  expect([Math.min(...counts), Math.max(...counts)]).toEqual([3, 4]);
});
