import type { Check } from './group.ts';
import type { Rest } from './history.ts';

/**
 * Where nobody comes or goes and nothing fails, each partition of the topics that somebody is subscribed to is held by one of them,
 * nobody waits for one or is to let one go, the division is even, and the next polls give what is appended.
 */
export const groupsComeToRest: Check = ({ rests }, violation) => {
  for (const rest of rests) for (const line of wrongWith(rest)) violation(line);
  return rests.length;
};

/** What speaks against it, one line each. */
export function* wrongWith({ members, partitions, assignor, missing }: Rest): Generator<string> {
  for (const { name, pending, revoking, holds, topics } of members) {
    if (pending.length > 0) yield `${name} waits for ${pending}`;
    if (revoking.length > 0) yield `${name} is to let go ${revoking}`;
    const strange = holds.filter((partition) => !topics.includes(topicOf(partition)));
    if (strange.length > 0) yield `${name} holds ${strange}, without a subscription`;
  }
  if (new Set(members.map(({ epoch }) => epoch)).size > 1)
    yield `epochs differ: ${members.map(({ name, epoch }) => `${name} ${epoch}`)}`;
  for (const partition of partitions) {
    const holders = members.filter(({ holds }) => holds.includes(partition)).map(({ name }) => name);
    if (holders.length !== 1) yield `${partition} is held by ${holders.join(' and ') || 'nobody'}`;
  }
  if (missing.length > 0) yield `no poll gives what was appended to ${missing}`;
  const all = new Set(members.map(({ topics }) => topics.toSorted().join()));
  if (all.size !== 1 || assignor === 'load') return;
  const parts = assignor === 'uniform' ? [partitions] : [...Map.groupBy(partitions, topicOf).values()];
  for (const part of parts) {
    const counts = members.map(({ holds }) => holds.filter((partition) => part.includes(partition)).length);
    if (Math.max(...counts) - Math.min(...counts) > 1) yield `of ${part} they hold ${counts}`;
  }
}

function topicOf(partition: string): string {
  return partition.slice(0, partition.lastIndexOf('/'));
}
