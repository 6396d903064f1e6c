import { type Acls, createAcls, DEFAULT_AUTHORIZER } from './acl/acls.ts';
import type { AuthorizerOptions } from './acl/decide.ts';
import { type Clock, systemClock } from './clock.ts';
import { readClusterId } from './clusterId.ts';
import { createGroups } from './group/createGroups.ts';
import type { Groups } from './group/groups.ts';
import { createLog, type LogOptions } from './log/createLog.ts';
import type { Log } from './log/log.ts';
import { noQueue, type Queue } from './queue/queue.ts';
import { createQuotas, type Quotas } from './quota/quotas.ts';
import type { ReplicationLimits } from './replication/limits.ts';
import type { Region } from './replication/region.ts';
import { createReplication, type Regions, type Replication } from './replication/replication.ts';
import type { Storage } from './storage/ports.ts';
import { createStateStores, type StateStores } from './streams/queries/stateStores.ts';
import { listTopics } from './topic/listTopics.ts';
import { createTopics, type Topics } from './topic/topics.ts';

/** A running Wadi: everything an operation may use. */
export interface Wadi {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly storage: Storage;
  readonly log: Log;
  readonly topics: Topics;
  readonly groups: Groups;
  readonly acls: Acls;
  readonly quotas: Quotas;
  /** Of streams applications. */
  readonly stateStores: StateStores;
  /** Of maintenance. */
  readonly queue: Queue;
  /** None, but in a cluster of several. */
  readonly regions: readonly Region[];
  /** The name of the one that the process is in. */
  readonly localRegion: string | undefined;
  /** Of a cluster of several regions. */
  readonly replication: Replication | undefined;
  /** Where items are replicated with a lag: see RollContext. */
  readonly arrived?: LogOptions['arrived'];
}

export interface WadiOptions
  extends Pick<LogOptions, 'limits' | 'warn' | 'onCommit' | 'onAppendFailed' | 'arrived'> {
  /** With `regions`, its objects are not used. */
  readonly storage: Storage;
  readonly clock?: Clock;
  /** Of a cluster of several regions. */
  readonly regions?: Regions;
  readonly replicationLimits?: ReplicationLimits;
  /** Read from the metadata store, or put there, unless given. */
  readonly clusterId?: string;
  /** Everyone may do what no ACL is about, unless given. */
  readonly authorizer?: AuthorizerOptions;
  /** Without one, what is to be done at once waits for the next plan. */
  readonly queue?: Queue;
}

/** What makes those parts of a Wadi that have code of their own. */
const PARTS = {
  replication: createReplication,
  log: createLog,
  topics: createTopics,
  acls: createAcls,
  quotas: createQuotas,
  groups: createGroups,
  stateStores: createStateStores,
};

export type Parts = Partial<typeof PARTS>;

/** The storage stays the caller's to close, after `log.settled()`. */
export function createWadi(options: WadiOptions): Promise<Wadi> {
  return composeWadi(PARTS, options);
}

/**
 * A Wadi of these parts; the others are not there. For functions that are deployed: each is given what its operations use,
 * so that its bundle has no code of the others.
 */
export async function composeWadi(parts: Parts, options: WadiOptions): Promise<Wadi> {
  const { clock = systemClock, queue = noQueue, clusterId: given, regions, ...rest } = options;
  const { storage: inRegion, authorizer = DEFAULT_AUTHORIZER, replicationLimits, ...logOptions } = rest;
  const { metadata, log: items } = inRegion;
  const replication =
    regions &&
    parts.replication?.({
      ...{ regions, items, clock },
      isNew: async () => (await listTopics(metadata)).length === 0,
      ...(replicationLimits && { limits: replicationLimits }),
    });
  const storage = replication ? { ...inRegion, objects: replication.objects } : inRegion;
  const clusterId = given ?? (await readClusterId(metadata, clock));
  const log = parts.log?.({
    ...{ ...logOptions, storage, clock },
    ...(replication && { replication }),
  }) as Log;
  const topics = parts.topics?.({ metadata, log, clock, replication }) as Topics;
  const acls = parts.acls?.({ metadata, clock, authorizer }) as Acls;
  const quotas = parts.quotas?.({ metadata, log: storage.log, clock }) as Quotas;
  const groups = parts.groups?.({ items: storage.groups, log, topics, acls, clock }) as Groups;
  const { groups: ofGroups, objects } = storage;
  const stateStores = parts.stateStores?.({ items: ofGroups, objects, log, clock }) as StateStores;
  return {
    ...{ clusterId, clock, storage, log, topics, groups, acls, quotas, stateStores, queue, replication },
    regions: regions?.all ?? [],
    localRegion: regions?.local,
    ...(logOptions.arrived && { arrived: logOptions.arrived }),
  };
}
