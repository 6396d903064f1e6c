import type { Clock } from '../clock.ts';
import type { Durability } from '../log/log.ts';
import type { ItemStore, ObjectStore } from '../storage/ports.ts';
import type { InSync } from './inSync.ts';
import { REPLICATION_LIMITS, type ReplicationLimits } from './limits.ts';
import { createMembership, type Membership } from './membership.ts';
import { replicatedObjects } from './objects.ts';
import { enough, type Placement, type PlacementContext, place, placeOnce, type Upload } from './placement.ts';
import type { Region } from './region.ts';
import { ensureReplicationDue } from './rejoinDue.ts';

/** Where a process runs, and which regions there are beside. */
export interface Regions {
  /** In the order of the configuration, the same in every region. */
  readonly all: readonly Region[];
  /** The name of the one that the process is in. */
  readonly local: string;
}

/** How a cluster of several regions keeps its records in all of them. */
export interface Replication {
  readonly regions: readonly Region[];
  readonly local: Region;
  readonly limits: ReplicationLimits;
  readonly membership: Membership;
  /** All regions' as one. */
  readonly objects: ObjectStore;
  /** The regions that are to have a topic's records. */
  replicasOf(topic: { readonly replicas?: readonly string[] }): readonly string[];
  /** For what needs no upload: throws NOT_ENOUGH_REPLICAS if an append is not to be acknowledged now. */
  requireEnough(topic: { readonly replicas?: readonly string[] }, durability: Durability): Promise<void>;
  /** `acks=all`. Nothing is uploaded before it is asked to cover. */
  place(upload: Upload): Placement;
  /** `acks=1` */
  placeOnce(upload: Omit<Upload, 'atLeast'>): Promise<void>;
  inSync(): Promise<InSync>;
}

export interface ReplicationOptions {
  readonly regions: Regions;
  /** Heads and index, which every region reads and writes as one. */
  readonly items: ItemStore;
  readonly clock: Clock;
  /** See MembershipOptions. */
  readonly isNew: () => Promise<boolean>;
  readonly limits?: ReplicationLimits;
}

export function createReplication(options: ReplicationOptions): Replication {
  const { items, clock, isNew, limits = REPLICATION_LIMITS } = options;
  const { all: regions } = options.regions;
  const local = regions.find(({ name }) => name === options.regions.local);
  if (local === undefined) throw new RangeError(`region ${options.regions.local} is none of the cluster's`);
  const names = regions.map(({ name }) => name);
  const membership = createMembership({ items, clock, limits, names, isNew });
  const beforeLeave = () => ensureReplicationDue(items, clock, limits);
  const context: PlacementContext = { regions, local, membership, clock, limits, beforeLeave };

  const replicasOf: Replication['replicasOf'] = ({ replicas }) =>
    replicas === undefined ? names : names.filter((name) => replicas.includes(name));

  return {
    regions,
    local,
    limits,
    membership,
    objects: replicatedObjects(
      context,
      async (key, chunks, { replicas = names, minInsyncReplicas = 1 } = {}) => {
        await place(context, { key, chunks, replicas, atLeast: minInsyncReplicas }).coverForGood();
      },
    ),
    replicasOf,
    async requireEnough(topic, { acks, minInsyncReplicas }) {
      if (acks === 'all') await enough(membership, membership.view, replicasOf(topic), minInsyncReplicas);
    },
    place: (upload) => place(context, upload),
    placeOnce: (upload) => placeOnce(context, upload),
    inSync: () => membership.refresh(),
  };
}
