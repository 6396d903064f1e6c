import fc from 'fast-check';
import type { Situation } from '../../../lib/group/assign/assignment.ts';
import type { Parts } from '../../../lib/group/parts.ts';

export type Division = ReadonlyMap<string, Parts>;

/** Of each partition, as `topic/partition`: its owner. */
export function ownersOf(division: Division): Map<string, string> {
  const owners = new Map<string, string>();
  for (const [member, parts] of division) {
    for (const [topic, partitions] of parts) {
      for (const partition of partitions) owners.set(`${topic}/${partition}`, member);
    }
  }
  return owners;
}

export function divisionOf(owners: Iterable<readonly [partition: string, member: string]>): Division {
  const division = new Map<string, Map<string, number[]>>();
  for (const [name, member] of owners) {
    const [topic, partition] = name.split('/') as [string, string];
    const parts = division.get(member) ?? new Map<string, number[]>();
    division.set(member, parts.set(topic, [...(parts.get(topic) ?? []), Number(partition)]));
  }
  return division;
}

export function subscribersOf({ members }: Situation, topic: string): string[] {
  return members.filter(({ topics }) => topics.includes(topic)).map(({ name }) => name);
}

/** Those that somebody is subscribed to. */
export function partitionsOf(situation: Situation): string[] {
  return situation.topics
    .filter(({ id }) => subscribersOf(situation, id).length > 0)
    .flatMap(({ id, partitions }) => Array.from({ length: partitions }, (_, i) => `${id}/${i}`));
}

export function countsOf(division: Division): Map<string, number> {
  return new Map([...division].map(([name, parts]) => [name, [...parts.values()].flat().length]));
}

/** Partitions that are not with whom they were with before, be it since that one is gone. */
export function movedBetween(before: Division, after: Division): number {
  const owners = ownersOf(before);
  return [...ownersOf(after)].filter(([partition, member]) => owners.get(partition) !== member).length;
}

export function squares(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count ** 2;
  return sum;
}

export function group(
  members: Record<string, readonly string[]>,
  topics: Record<string, number>,
  current: Division = new Map(),
): Situation {
  return {
    members: Object.entries(members).map(([name, topics]) => ({ name, topics })),
    topics: Object.entries(topics).map(([id, partitions]) => ({ id, partitions })),
    current,
  };
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

/** With members, topics, partitions and owners in `current` that are gone, or never were subscribed. */
export function situations({
  members = 6,
  topics = 4,
  partitions = 6,
}: {
  members?: number;
  topics?: number;
  partitions?: number;
} = {}): fc.Arbitrary<Situation> {
  const ids = Array.from({ length: topics + 1 }, (_, i) => `t${i}`);
  const member = fc.record({
    name: fc.constantFrom(...NAMES.slice(0, members)),
    topics: fc.subarray(ids),
  });
  const topic = fc.record({
    id: fc.constantFrom(...ids.slice(0, topics)),
    partitions: fc.integer({ min: 1, max: partitions }),
  });
  const owned = fc.tuple(
    fc.tuple(fc.constantFrom(...ids), fc.nat(partitions)).map(([id, partition]) => `${id}/${partition}`),
    fc.constantFrom(...NAMES),
  );
  return fc.record({
    members: fc.uniqueArray(member, { selector: ({ name }) => name, minLength: 1 }),
    topics: fc.uniqueArray(topic, { selector: ({ id }) => id }),
    current: fc
      .uniqueArray(owned, { selector: ([partition]) => partition, maxLength: (topics + 1) * partitions })
      .map(divisionOf),
  });
}
