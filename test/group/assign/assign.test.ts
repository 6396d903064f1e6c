import fc from 'fast-check';
import { assign } from '../../../lib/group/assign/assign.ts';
import type { Situation } from '../../../lib/group/assign/assignment.ts';
import { group, ownersOf, partitionsOf, situations, subscribersOf } from './support.ts';

const loads = (topic: string, partition: number) => (partition * 7 + topic.charCodeAt(1) * 13) % 11;
const weighted = situations().map((situation): Situation => ({ ...situation, loads }));

/** In the order of both: maps are compared as lists. */
function listed(division: ReturnType<typeof assign>): unknown {
  return [...division].map(([name, parts]) => [name, [...parts]]);
}

describe.each(['uniform', 'range', 'load'] as const)('the assignor %s', (name) => {
  test('gives each partition of a subscribed topic to one of its subscribers, and nothing else to anybody', () => {
    fc.assert(
      fc.property(weighted, (situation) => {
        const division = assign(name, situation);
        expect([...division.keys()]).toEqual(situation.members.map((member) => member.name).sort());
        const given = [...division.values()].flatMap((parts) => [...parts].flatMap(([, some]) => some));
        expect(given).toHaveLength(partitionsOf(situation).length);
        const owners = ownersOf(division);
        for (const partition of partitionsOf(situation)) {
          const [topic] = partition.split('/');
          expect(subscribersOf(situation, topic!)).toContain(owners.get(partition));
        }
      }),
    );
  });

  test('lists topics and partitions in ascending order, and no topic without partitions', () => {
    fc.assert(
      fc.property(weighted, (situation) => {
        for (const parts of assign(name, situation).values()) {
          expect([...parts.keys()]).toEqual([...parts.keys()].sort());
          for (const partitions of parts.values()) {
            expect(partitions).toEqual([...new Set(partitions)].sort((a, b) => a - b));
            expect(partitions).not.toHaveLength(0);
          }
        }
      }),
    );
  });

  test('does not mind in which order things come, nor whether members share their list of topics', () => {
    const shuffled = weighted.chain((situation) =>
      fc.record({
        situation: fc.constant(situation),
        members: shuffle(situation.members).map((members) =>
          members.map((member) => ({ ...member, topics: member.topics.toReversed() })),
        ),
        topics: shuffle(situation.topics),
        current: shuffle([...situation.current]).map((entries) => new Map(entries)),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ situation, ...others }) => {
        expect(listed(assign(name, { ...situation, ...others }))).toEqual(listed(assign(name, situation)));
      }),
    );
    const all = ['t0', 't1'];
    const apart = group({ a: all, b: [...all], c: [...all], d: ['t1'] }, { t0: 4, t1: 3 });
    const shared = group({ a: all, b: [...all], c: all, d: ['t1'] }, { t0: 4, t1: 3 });
    expect(listed(assign(name, shared))).toEqual(listed(assign(name, apart)));
  });

  test('moves nothing when nothing has changed', () => {
    fc.assert(
      fc.property(weighted, (situation) => {
        const current = assign(name, situation);
        expect(listed(assign(name, { ...situation, current }))).toEqual(listed(current));
      }),
      { numRuns: 500 },
    );
  });

  test('has an answer for a group without members, and for members without topics', () => {
    expect(assign(name, group({}, { t0: 3 })).size).toBe(0);
    expect(listed(assign(name, group({ a: [], b: ['gone'] }, { t0: 3 })))).toEqual([
      ['a', []],
      ['b', []],
    ]);
  });

  test('takes one owner of a partition that has two by the division before', () => {
    const current = new Map([
      ['b', new Map([['t0', [0, 1]]])],
      ['a', new Map([['t0', [0]]])],
    ]);
    const division = assign(name, group({ a: ['t0'], b: ['t0'] }, { t0: 2 }, current));
    expect(Object.fromEntries(ownersOf(division))).toEqual({ 't0/0': 'a', 't0/1': 'b' });
  });
});

function shuffle<T>(all: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...all], { minLength: all.length });
}
