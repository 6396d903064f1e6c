import { type Acls, createAcls, DEFAULT_AUTHORIZER } from './acl/acls.ts';
import type { AuthorizerOptions } from './acl/decide.ts';
import { type Clock, systemClock } from './clock.ts';
import { readClusterId } from './clusterId.ts';
import { createGroups } from './group/createGroups.ts';
import type { Groups } from './group/groups.ts';
import { createLog, type LogOptions } from './log/createLog.ts';
import type { Log } from './log/log.ts';
import { noQueue, type Queue } from './queue/queue.ts';
import type { Storage } from './storage/ports.ts';
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
  /** Of maintenance. */
  readonly queue: Queue;
}

export interface WadiOptions extends Pick<LogOptions, 'limits' | 'warn'> {
  readonly storage: Storage;
  readonly clock?: Clock;
  /** Read from the metadata store, or put there, unless given. */
  readonly clusterId?: string;
  /** Everyone may do what no ACL is about, unless given. */
  readonly authorizer?: AuthorizerOptions;
  /** Without one, what is to be done at once waits for the next plan. */
  readonly queue?: Queue;
}

/** The storage stays the caller's to close, after `log.settled()`. */
export async function createWadi(options: WadiOptions): Promise<Wadi> {
  const { storage, clock = systemClock, queue = noQueue, clusterId: given, ...rest } = options;
  const { authorizer = DEFAULT_AUTHORIZER, ...logOptions } = rest;
  const clusterId = given ?? (await readClusterId(storage.metadata, clock));
  const log = createLog({ ...logOptions, storage, clock });
  const topics = createTopics({ metadata: storage.metadata, log, clock });
  const acls = createAcls({ metadata: storage.metadata, clock, authorizer });
  const groups = createGroups({ items: storage.groups, log, topics, acls, clock });
  return { clusterId, clock, storage, log, topics, groups, acls, queue };
}
