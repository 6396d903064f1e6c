import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Wadi } from '../../wadi.ts';
import { brokersOf } from '../brokers.ts';
import { createTopic, NewTopicProperties } from '../newTopic.ts';
import type { Operation } from '../operation.ts';
import { V2_PARTITION, V2_TOPIC, V2PartitionParams, V2TopicParams } from '../paths.ts';
import { type Replica, readReplicas } from '../replicas.ts';
import { jsonReader, paramsReader } from '../request.ts';
import { JSON_TYPE, V2_TYPE, v2json } from '../response.ts';
import { describePartition } from '../topicPartition.ts';

/** REST Proxy v2's and Strimzi Bridge's metadata: https://strimzi.io/docs/bridge/latest/ */

const PartitionMetadata = Type.Object(
  {
    partition: Type.Integer(),
    leader: Type.Integer(),
    replicas: Type.Array(
      Type.Object({ broker: Type.Integer(), leader: Type.Boolean(), in_sync: Type.Boolean() }),
    ),
  },
  { title: 'PartitionMetadata' },
);

const TopicMetadata = Type.Object(
  {
    name: Type.String(),
    configs: Type.Record(Type.String(), Type.String(), { description: 'Only what was set.' }),
    partitions: Type.Array(PartitionMetadata),
  },
  { title: 'TopicMetadata' },
);

const OffsetsSummary = Type.Object(
  {
    beginning_offset: Type.Integer({ description: 'The log start offset.' }),
    end_offset: Type.Integer({ description: 'The high watermark: the offset of the next record.' }),
  },
  { title: 'OffsetsSummary' },
);

const NewTopic = Type.Object(NewTopicProperties, { title: 'NewTopic', additionalProperties: false });

/** As Kafka has it, of a topic all of whose regions were taken out of the configuration. */
const NO_LEADER = -1;

const partitionMetadata = (
  partition: number,
  replicas: readonly Replica[],
): Static<typeof PartitionMetadata> => ({
  partition,
  leader: replicas.find(({ isLeader }) => isLeader)?.brokerId ?? NO_LEADER,
  replicas: replicas.map(({ brokerId, isLeader, isInSync }) => ({
    broker: brokerId,
    leader: isLeader,
    in_sync: isInSync,
  })),
});

async function partitionsMetadata(wadi: Wadi, topic: Topic): Promise<Static<typeof PartitionMetadata>[]> {
  const replicas = (await readReplicas(wadi))(topic);
  return Array.from({ length: topic.partitions }, (_, id) => partitionMetadata(id, replicas));
}

const topicParams = paramsReader(V2TopicParams);
const partitionParams = paramsReader(V2PartitionParams);
const newTopicRequest = jsonReader(NewTopic);
const tag = 'Topics (v2)';

export const v2MetadataOperations: readonly Operation[] = [
  {
    id: 'listTopics',
    method: 'GET',
    path: '/topics',
    summary: 'List the names of all topics',
    tag,
    answers: { 200: { [V2_TYPE]: Type.Array(Type.String()) } },
    errors: [],
    form: 'v2',
    async handle(wadi, _, access) {
      const names = (await wadi.topics.list()).map(({ name }) => name);
      const seen = names.filter((name) => access.allows('DESCRIBE', topicResource(name)));
      return v2json(200, seen);
    },
  },
  {
    id: 'getTopic',
    method: 'GET',
    path: V2_TOPIC,
    summary: 'Describe a topic',
    tag,
    params: V2TopicParams,
    answers: { 200: { [V2_TYPE]: TopicMetadata } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request) {
      const topic = await wadi.topics.describe(topicParams(request).topic_name);
      const answer: Static<typeof TopicMetadata> = {
        name: topic.name,
        configs: { ...topic.overrides },
        partitions: await partitionsMetadata(wadi, topic),
      };
      return v2json(200, answer);
    },
  },
  {
    id: 'listPartitions',
    method: 'GET',
    path: `${V2_TOPIC}/partitions`,
    summary: 'List the partitions of a topic',
    tag,
    params: V2TopicParams,
    answers: { 200: { [V2_TYPE]: Type.Array(PartitionMetadata) } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request) {
      const topic = await wadi.topics.describe(topicParams(request).topic_name);
      return v2json(200, await partitionsMetadata(wadi, topic));
    },
  },
  {
    id: 'getPartition',
    method: 'GET',
    path: V2_PARTITION,
    summary: 'Describe a partition',
    tag,
    params: V2PartitionParams,
    answers: { 200: { [V2_TYPE]: PartitionMetadata } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request) {
      const { topic_name, partition_id } = partitionParams(request);
      const topic = await describePartition(wadi, topic_name, partition_id);
      return v2json(200, partitionMetadata(partition_id, (await readReplicas(wadi))(topic)));
    },
  },
  {
    id: 'getOffsets',
    method: 'GET',
    path: `${V2_PARTITION}/offsets`,
    summary: 'First and next offset of a partition',
    tag,
    params: V2PartitionParams,
    answers: { 200: { [V2_TYPE]: OffsetsSummary } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request) {
      const { topic_name, partition_id } = partitionParams(request);
      const topic = await describePartition(wadi, topic_name, partition_id);
      const { logStartOffset, highWatermark } = await wadi.log.bounds(topic, partition_id);
      const answer: Static<typeof OffsetsSummary> = {
        beginning_offset: logStartOffset,
        end_offset: highWatermark,
      };
      return v2json(200, answer);
    },
  },
  {
    id: 'createTopic',
    method: 'POST',
    path: '/admin/topics',
    summary: 'Create a topic',
    tag,
    accepts: { 'application/vnd.kafka.json.v2+json': NewTopic, [V2_TYPE]: NewTopic, [JSON_TYPE]: NewTopic },
    answers: { 201: 'empty' },
    errors: [
      'INVALID_REQUEST',
      'INVALID_TOPIC_EXCEPTION',
      'TOPIC_ALREADY_EXISTS',
      'INVALID_PARTITIONS',
      'INVALID_REPLICATION_FACTOR',
    ],
    form: 'v2',
    async handle(wadi, request, access) {
      await createTopic(wadi, access, newTopicRequest(request), false);
      return { status: 201 };
    },
  },
];

export const v2BrokerOperations: readonly Operation[] = [
  {
    id: 'listBrokers',
    method: 'GET',
    path: '/brokers',
    summary: 'List the brokers',
    description: 'Each region is told as a broker; a cluster of one region has one virtual broker.',
    tag: 'Brokers (v2)',
    answers: { 200: { [V2_TYPE]: Type.Object({ brokers: Type.Array(Type.Integer()) }) } },
    errors: [],
    form: 'v2',
    async handle(wadi) {
      return v2json(200, { brokers: brokersOf(wadi).map(({ id }) => id) });
    },
  },
];
