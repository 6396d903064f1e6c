import { type InSync, stateOf } from '../replication/inSync.ts';
import type { Replication } from '../replication/replication.ts';
import type { Topic } from '../topic/topic.ts';
import type { Wadi } from '../wadi.ts';
import { brokersOf } from './brokers.ts';

/** A replica of a topic's partitions: all of them have the same. */
export interface Replica {
  readonly brokerId: number;
  readonly isLeader: boolean;
  readonly isInSync: boolean;
}

/** Of the topics that one answer tells of. */
export type ReplicasOf = (topic: Topic) => readonly Replica[];

/**
 * Reads, once, who is in sync. There are no leaders, since every region appends: the leader is the replica that a client had best turn
 * to, which is this region, or else the first in sync. Throws StorageError.
 */
export async function readReplicas(wadi: Wadi): Promise<ReplicasOf> {
  const { replication } = wadi;
  const brokers = brokersOf(wadi);
  if (replication === undefined) {
    const replicas = brokers.map(({ id }) => ({ brokerId: id, isLeader: true, isInSync: true }));
    return () => replicas;
  }
  const inSync = await replication.inSync();
  return (topic) => {
    const names = replication.replicasOf(topic);
    const leader = leaderOf(names, replication, inSync);
    return brokers
      .filter(({ rack }) => names.includes(rack!))
      .map(({ id, rack }) => ({
        brokerId: id,
        isLeader: rack === leader,
        isInSync: stateOf(inSync, rack!) === 'in-sync',
      }));
  };
}

function leaderOf(names: readonly string[], { local }: Replication, inSync: InSync): string | undefined {
  if (names.includes(local.name)) return local.name;
  return names.find((name) => stateOf(inSync, name) === 'in-sync') ?? names[0];
}

/** Which takes no look at who is in sync. */
export function replicationFactor({ replication }: Wadi, topic: Topic): number {
  return replication?.replicasOf(topic).length ?? 1;
}
