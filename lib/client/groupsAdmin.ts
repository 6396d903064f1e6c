import { type Cluster, segment } from './cluster.ts';
import type { CallOptions } from './connection.ts';
import { orDone } from './orDone.ts';

export interface GroupListing {
  readonly groupId: string;
  /** REST Proxy's word for Kafka's: EMPTY, ASSIGNING, RECONCILING, STABLE. */
  readonly state: string;
}

export interface GroupDescription extends GroupListing {
  readonly assignor: string;
  readonly members: readonly GroupMember[];
}

export interface GroupMember {
  readonly consumerId: string;
  readonly groupInstanceId: string | undefined;
}

export interface GroupLag {
  readonly topic: string;
  readonly partition: number;
  /** What is committed; -1: nothing. */
  readonly offset: number;
  readonly logEndOffset: number;
  readonly lag: number;
  /** Who holds the partition; empty if nobody does. */
  readonly consumerId: string;
}

/** `shift` -10 reads the last ten again; `timestamp` is in ms since the Unix epoch. */
export type ResetTo =
  | 'earliest'
  | 'latest'
  | { readonly offset: number }
  | { readonly timestamp: number }
  | { readonly shift: number };

export interface ResetOptions extends CallOptions {
  /** All that have a position by default, and all partitions of a topic. */
  readonly topics?: readonly { readonly topic: string; readonly partitions?: readonly number[] }[];
  /** Says what would be, and changes nothing. */
  readonly dryRun?: boolean;
}

export interface ResetPosition {
  readonly topic: string;
  readonly partition: number;
  /** -1: there was none. */
  readonly before: number;
  readonly offset: number;
}

export interface GroupsAdmin {
  list(options?: CallOptions): Promise<GroupListing[]>;
  /** This, `lags` and `delete` throw GROUP_ID_NOT_FOUND. */
  describe(groupId: string, options?: CallOptions): Promise<GroupDescription>;
  lags(groupId: string, options?: CallOptions): Promise<GroupLag[]>;
  /** Moves positions of a group that nobody reads. Throws NON_EMPTY_GROUP. A shift is not repeated: twice is twice as far. */
  reset(groupId: string, to: ResetTo, options?: ResetOptions): Promise<ResetPosition[]>;
  /** Throws NON_EMPTY_GROUP. */
  delete(groupId: string, options?: CallOptions): Promise<void>;
  /** Forgets the positions of a topic, or of one partition. Throws GROUP_SUBSCRIBED_TO_TOPIC. */
  deletePositions(groupId: string, topic: string, partition?: number, options?: CallOptions): Promise<void>;
}

interface GroupData {
  readonly consumer_group_id: string;
  readonly state: string;
  readonly partition_assignor: string;
}

interface ConsumerData {
  readonly consumer_id: string;
  readonly instance_id?: string | null;
}

interface LagData {
  readonly topic_name: string;
  readonly partition_id: number;
  readonly current_offset: number;
  readonly log_end_offset: number;
  readonly lag: number;
  readonly consumer_id: string;
}

interface PositionData {
  readonly topic_name: string;
  readonly partition_id: number;
  readonly before: number;
  readonly offset: number;
}

const groupPath = (groupId: string): string => `/consumer-groups/${segment(groupId, 'group')}`;

export function groupsAdmin(cluster: Cluster): GroupsAdmin {
  return {
    async list(options) {
      const groups = await cluster.list<GroupData>('/consumer-groups', options);
      return groups.map(({ consumer_group_id, state }) => ({ groupId: consumer_group_id, state }));
    },

    async describe(groupId, options) {
      const path = groupPath(groupId);
      const [group, consumers] = await Promise.all([
        cluster.call<GroupData>({ method: 'GET', path }, options),
        cluster.list<ConsumerData>(`${path}/consumers`, options),
      ]);
      return {
        groupId,
        state: group.state,
        assignor: group.partition_assignor,
        members: consumers.map(({ consumer_id, instance_id }) => ({
          consumerId: consumer_id,
          groupInstanceId: instance_id ?? undefined,
        })),
      };
    },

    async lags(groupId, options) {
      const lags = await cluster.list<LagData>(`${groupPath(groupId)}/lags`, options);
      return lags.map((lag) => ({
        topic: lag.topic_name,
        partition: lag.partition_id,
        offset: lag.current_offset,
        logEndOffset: lag.log_end_offset,
        lag: lag.lag,
        consumerId: lag.consumer_id,
      }));
    },

    async reset(groupId, to, { topics, dryRun, ...options } = {}) {
      const path = `${groupPath(groupId)}/positions:reset`;
      const named = topics?.map(({ topic, partitions }) => ({ topic_name: topic, partitions }));
      const body = { to, topics: named, dry_run: dryRun };
      const isShift = typeof to === 'object' && 'shift' in to && dryRun !== true;
      const { data } = await cluster.call<{ data: PositionData[] }>(
        { method: 'POST', path, body, once: isShift },
        options,
      );
      return data.map(({ topic_name, partition_id, before, offset }) => ({
        topic: topic_name,
        partition: partition_id,
        before,
        offset,
      }));
    },

    delete(groupId, options) {
      return orDone(
        () => cluster.call({ method: 'DELETE', path: groupPath(groupId) }, options),
        'GROUP_ID_NOT_FOUND',
        async () => undefined,
      );
    },

    deletePositions(groupId, topic, partition, options) {
      const path = `${groupPath(groupId)}/positions`;
      const query = { topic_name: topic, partition_id: partition };
      return cluster.call({ method: 'DELETE', path, query }, options);
    },
  };
}
