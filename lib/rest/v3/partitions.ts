import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { OffsetSpec } from '../../log/log.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Operation } from '../operation.ts';
import { PARTITION, PartitionParams, TOPIC, TopicParams } from '../paths.ts';
import { type Replica, readReplicas } from '../replicas.ts';
import { paramsReader, queryReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { describePartition } from '../topicPartition.ts';
import { PageQuery, type Position, pageOf } from './page.ts';
import {
  clusterPlace,
  list,
  listSchema,
  metadata,
  type Place,
  part,
  Relationship,
  related,
  resourceSchema,
} from './resource.ts';
import { topicPlace } from './topics.ts';

const Partition = resourceSchema('KafkaPartition', {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  leader: Type.Optional(Relationship),
  replicas: Relationship,
  reassignment: Relationship,
});

const PartitionWithOffsets = resourceSchema('KafkaPartitionWithOffsets', {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  earliest_offset: Type.Integer({ description: 'The log start offset.' }),
  latest_offset: Type.Integer({ description: 'The high watermark: the offset of the next record.' }),
  offset: Type.Optional(
    Type.Integer({ description: 'What `offset_type` asked for; -1 if no record is that young.' }),
  ),
  timestamp: Type.Optional(
    Type.Integer({
      description: 'Of the record at `offset`, in ms since the Unix epoch; -1 if there is none.',
    }),
  ),
});

const OffsetQuery = Type.Object({
  offset_type: Type.Optional(
    Type.String({
      pattern: '^(earliest|latest|max_timestamp|[0-9]{1,15})$',
      description:
        '`earliest`, `latest`, `max_timestamp` (the record with the greatest timestamp), or a time in ms since the Unix epoch (the first record that is not older).',
    }),
  ),
});

export const partitionPlace = (topic: Place, partition: number): Place =>
  part(topic, `partitions/${partition}`, `partition=${partition}`);

export const partitionsOf = ({ name, partitions }: Topic): Position[] =>
  Array.from({ length: partitions }, (_, index) => ({ topicName: name, index }));

function partitionData(
  cluster: Place,
  topicName: string,
  partition: number,
  replicas: readonly Replica[],
): Static<typeof Partition> {
  const place = partitionPlace(topicPlace(cluster, topicName), partition);
  const leader = replicas.find(({ isLeader }) => isLeader);
  return {
    kind: 'KafkaPartition',
    metadata: metadata(place),
    cluster_id: place.clusterId,
    topic_name: topicName,
    partition_id: partition,
    ...(leader && { leader: related(place, `replicas/${leader.brokerId}`) }),
    replicas: related(place, 'replicas'),
    reassignment: related(place, 'reassignment'),
  };
}

function offsetSpec(offsetType: string): OffsetSpec {
  switch (offsetType) {
    case 'earliest':
    case 'latest':
      return offsetType;
    case 'max_timestamp':
      return 'max-timestamp';
    default:
      return { timestamp: Number(offsetType) };
  }
}

const topicParams = paramsReader(TopicParams);
const partitionParams = paramsReader(PartitionParams);
const offsetQuery = queryReader(OffsetQuery);
const tag = 'Partition (v3)';

export const partitionOperations: readonly Operation[] = [
  {
    id: 'listKafkaPartitions',
    method: 'GET',
    path: `${TOPIC}/partitions`,
    summary: 'List Partitions',
    tag,
    params: TopicParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaPartition', Partition) } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const topic = await wadi.topics.describe(topicParams(request).topic_name);
      const cluster = clusterPlace(wadi, request);
      const self = `${topicPlace(cluster, topic.name).url}/partitions`;
      const { page, next } = pageOf(request, self, partitionsOf(topic));
      const replicas = (await readReplicas(wadi))(topic);
      const data = page.map(({ topicName, index }) => partitionData(cluster, topicName, index, replicas));
      return json(200, list('KafkaPartition', self, data, next));
    },
  },
  {
    id: 'getKafkaPartition',
    method: 'GET',
    path: PARTITION,
    summary: 'Get Partition',
    tag,
    params: PartitionParams,
    answers: { 200: { [JSON_TYPE]: Partition } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, partition_id } = partitionParams(request);
      const topic = await describePartition(wadi, topic_name, partition_id);
      const replicas = (await readReplicas(wadi))(topic);
      return json(200, partitionData(clusterPlace(wadi, request), topic_name, partition_id, replicas));
    },
  },
  {
    id: 'listKafkaPartitionOffsets',
    method: 'GET',
    path: `${PARTITION}/offset`,
    summary: 'List Partition Offsets',
    description: 'The earliest and the latest offset, and the one that `offset_type` asks for.',
    tag,
    params: PartitionParams,
    query: OffsetQuery,
    answers: { 200: { [JSON_TYPE]: PartitionWithOffsets } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { offset_type } = offsetQuery(request);
      const { topic_name, partition_id } = partitionParams(request);
      const topic = await describePartition(wadi, topic_name, partition_id);
      const bounds = await wadi.log.bounds(topic, partition_id);
      const asked =
        offset_type === undefined
          ? undefined
          : await wadi.log.listOffsets(topic, partition_id, offsetSpec(offset_type));
      const partition = partitionPlace(topicPlace(clusterPlace(wadi, request), topic_name), partition_id);
      const answer: Static<typeof PartitionWithOffsets> = {
        kind: 'KafkaPartitionWithOffsets',
        metadata: metadata(part(partition, 'offset', 'offset')),
        cluster_id: wadi.clusterId,
        topic_name,
        partition_id,
        earliest_offset: bounds.logStartOffset,
        latest_offset: bounds.highWatermark,
        ...asked,
      };
      return json(200, answer);
    },
  },
];
