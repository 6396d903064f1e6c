import { type Cluster, topicPath } from './cluster.ts';
import type { CallOptions } from './connection.ts';
import { orDone } from './orDone.ts';

export interface TopicDescription {
  readonly name: string;
  readonly partitions: number;
}

export interface NewTopic {
  readonly name: string;
  /** 1 by default. */
  readonly partitions?: number;
  /** By Kafka's names: `{ 'retention.ms': '86400000' }`. */
  readonly configs?: Readonly<Record<string, string>>;
}

export interface TopicConfig {
  readonly name: string;
  readonly value: string;
  readonly isDefault: boolean;
}

export interface PartitionOffsets {
  readonly partition: number;
  readonly earliest: number;
  /** Of the record that comes next. */
  readonly latest: number;
}

export interface TopicsAdmin {
  /** Throws TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG. */
  create(topic: NewTopic, options?: CallOptions): Promise<TopicDescription>;
  list(options?: CallOptions): Promise<TopicDescription[]>;
  /** This, and all below, throws UNKNOWN_TOPIC_OR_PARTITION. */
  describe(topic: string, options?: CallOptions): Promise<TopicDescription>;
  delete(topic: string, options?: CallOptions): Promise<void>;
  /** `partitions`: how many there are to be. Throws INVALID_PARTITIONS unless that is more. */
  addPartitions(topic: string, partitions: number, options?: CallOptions): Promise<TopicDescription>;
  configs(topic: string, options?: CallOptions): Promise<TopicConfig[]>;
  /** All changes or none; `null` takes an override away. Throws INVALID_CONFIG. */
  alterConfigs(
    topic: string,
    changes: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<void>;
  offsets(topic: string, partition: number, options?: CallOptions): Promise<PartitionOffsets>;
  /** Deletes what is below the offset; -1 for all there is. Returns where the partition begins now. */
  deleteRecords(
    topic: string,
    partition: number,
    beforeOffset: number,
    options?: CallOptions,
  ): Promise<number>;
}

interface TopicData {
  readonly topic_name: string;
  readonly partitions_count: number;
}

interface ConfigData {
  readonly name: string;
  readonly value: string;
  readonly is_default: boolean;
}

interface OffsetsData {
  readonly partition_id: number;
  readonly earliest_offset: number;
  readonly latest_offset: number;
}

const topicOf = ({ topic_name, partitions_count }: TopicData): TopicDescription => ({
  name: topic_name,
  partitions: partitions_count,
});

export function topicsAdmin(cluster: Cluster): TopicsAdmin {
  const describe = async (topic: string, options?: CallOptions) =>
    topicOf(await cluster.call<TopicData>({ method: 'GET', path: topicPath(topic) }, options));

  return {
    describe,

    create({ name, partitions, configs = {} }, options) {
      const data = Object.entries(configs).map(([name, value]) => ({ name, value }));
      const body = { topic_name: name, partitions_count: partitions, configs: data };
      return orDone(
        async () =>
          topicOf(await cluster.call<TopicData>({ method: 'POST', path: '/topics', body }, options)),
        'TOPIC_ALREADY_EXISTS',
        () => describe(name, options),
      );
    },

    async list(options) {
      return (await cluster.list<TopicData>('/topics', options)).map(topicOf);
    },

    delete(topic, options) {
      return orDone(
        () => cluster.call({ method: 'DELETE', path: topicPath(topic) }, options),
        'UNKNOWN_TOPIC_OR_PARTITION',
        async () => undefined,
      );
    },

    addPartitions(topic, partitions, options) {
      const body = { partitions_count: partitions };
      return orDone(
        async () =>
          topicOf(await cluster.call<TopicData>({ method: 'PATCH', path: topicPath(topic), body }, options)),
        'INVALID_PARTITIONS',
        async (error) => {
          const now = await describe(topic, options);
          if (now.partitions === partitions) return now;
          throw error;
        },
      );
    },

    async configs(topic, options) {
      const configs = await cluster.list<ConfigData>(`${topicPath(topic)}/configs`, options);
      return configs.map(({ name, value, is_default }) => ({
        name,
        value,
        isDefault: is_default,
      }));
    },

    alterConfigs(topic, changes, options) {
      const data = Object.entries(changes).map(([name, value]) =>
        value === null ? { name, operation: 'DELETE' } : { name, value },
      );
      return cluster.call(
        { method: 'POST', path: `${topicPath(topic)}/configs:alter`, body: { data } },
        options,
      );
    },

    async offsets(topic, partition, options) {
      const { partition_id, earliest_offset, latest_offset } = await cluster.call<OffsetsData>(
        { method: 'GET', path: `${topicPath(topic)}/partitions/${partition}/offset` },
        options,
      );
      return { partition: partition_id, earliest: earliest_offset, latest: latest_offset };
    },

    async deleteRecords(topic, partition, beforeOffset, options) {
      const { low_watermark } = await cluster.call<{ low_watermark: number }>(
        {
          method: 'DELETE',
          path: `${topicPath(topic)}/partitions/${partition}/records`,
          query: { before_offset: beforeOffset },
        },
        options,
      );
      return low_watermark;
    },
  };
}
