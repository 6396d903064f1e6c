import type { Parts } from '../parts.ts';
import type { Situation } from './assignment.ts';

export const NOBODY = -1;

/** A situation in numbers: members and topics are counted in the order of their names and ids, so that no other order matters. */
export interface Board {
  readonly names: readonly string[];
  /** Those that somebody is subscribed to. */
  readonly topics: readonly BoardTopic[];
  readonly pools: readonly Pool[];
  /** Of each partition of all topics: who has it by the division before, and may keep it; or NOBODY. */
  readonly owners: Int32Array;
}

export interface BoardTopic {
  readonly id: string;
  readonly partitions: number;
  /** The number of its partition 0 among those of all topics. */
  readonly first: number;
}

/** Topics with the same subscribers. */
export interface Pool {
  /** Ascending. */
  readonly members: readonly number[];
  readonly topics: readonly BoardTopic[];
}

export function boardOf({ members, topics, current }: Situation): Board {
  const sorted = members.toSorted((a, b) => order(a.name, b.name));
  const subscriptions = new Map<readonly string[], { topics: Set<string>; members: number[] }>();
  for (const [member, { topics }] of sorted.entries()) {
    const known = subscriptions.get(topics);
    if (known === undefined) subscriptions.set(topics, { topics: new Set(topics), members: [member] });
    else known.members.push(member);
  }
  const subscribers = new Map<string, number[][]>();
  for (const subscription of subscriptions.values()) {
    for (const id of subscription.topics) {
      const lists = subscribers.get(id);
      if (lists === undefined) subscribers.set(id, [subscription.members]);
      else lists.push(subscription.members);
    }
  }

  const pools = new Map<string, { members: readonly number[]; topics: BoardTopic[] }>();
  const taken: BoardTopic[] = [];
  let first = 0;
  for (const { id, partitions } of topics.toSorted((a, b) => order(a.id, b.id))) {
    const lists = subscribers.get(id);
    if (lists === undefined) continue;
    const topic = { id, partitions, first };
    taken.push(topic);
    first += partitions;
    // Lists have no member in common, so their first ones tell them apart.
    const key = lists.map(([member]) => member).join();
    const pool = pools.get(key);
    if (pool !== undefined) pool.topics.push(topic);
    else pools.set(key, { members: lists.flat().sort((a, b) => a - b), topics: [topic] });
  }

  const owners = new Int32Array(first).fill(NOBODY);
  const byId = new Map(taken.map((topic) => [topic.id, topic]));
  for (const [member, { name, topics }] of sorted.entries()) {
    for (const [id, partitions] of current.get(name) ?? []) {
      const topic = byId.get(id);
      if (topic === undefined || !subscriptions.get(topics)!.topics.has(id)) continue;
      for (const partition of partitions) {
        if (partition >= topic.partitions) continue;
        if (owners[topic.first + partition] === NOBODY) owners[topic.first + partition] = member;
      }
    }
  }
  return { names: sorted.map(({ name }) => name), topics: taken, pools: [...pools.values()], owners };
}

/** The division that `owners` say. */
export function divisionOf({ names, topics }: Board, owners: Int32Array): Map<string, Parts> {
  const parts = names.map(() => new Map<string, number[]>());
  for (const { id, partitions, first } of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const part = parts[owners[first + partition]!]!;
      const some = part.get(id);
      if (some === undefined) part.set(id, [partition]);
      else some.push(partition);
    }
  }
  return new Map(names.map((name, member) => [name, parts[member]!]));
}

/** The numbers of a pool's partitions, ascending. */
export function partitionsOf({ topics }: Pick<Pool, 'topics'>): number[] {
  return topics.flatMap(({ first, partitions }) => Array.from({ length: partitions }, (_, i) => first + i));
}

/** By UTF-16 code units: the same everywhere. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
