import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import { WadiError } from '../../errors.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Wadi } from '../../wadi.ts';
import { createTopic, NewTopicProperties } from '../newTopic.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { CLUSTER, ClusterParams, TOPIC, TopicParams } from '../paths.ts';
import { replicationFactor } from '../replicas.ts';
import { jsonReader, paramsReader } from '../request.ts';
import { JSON_TYPE, json, NO_CONTENT } from '../response.ts';
import { PageQuery, pageOf } from './page.ts';
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

const TopicData = resourceSchema('KafkaTopic', {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  is_internal: Type.Boolean(),
  replication_factor: Type.Integer({
    description:
      'In how many regions its records are; 1 in a cluster of one, whose S3 and DynamoDB keep copies in three zones.',
  }),
  partitions_count: Type.Integer(),
  partitions: Relationship,
  configs: Relationship,
  partition_reassignments: Relationship,
});

const CreateTopicRequest = Type.Object(
  {
    ...NewTopicProperties,
    replicas_assignments: Type.Optional(
      Type.Unknown({
        description: 'Refused: which regions a topic is in follows from `replication_factor`.',
      }),
    ),
    configs: Type.Optional(
      Type.Array(
        Type.Object(
          { name: Type.String(), value: Type.Optional(Type.Union([Type.String(), Type.Null()])) },
          { additionalProperties: false },
        ),
      ),
    ),
    validate_only: Type.Optional(Type.Boolean({ description: 'Check only; create nothing.' })),
  },
  { title: 'CreateTopicRequest', additionalProperties: false },
);

const UpdatePartitionCountRequest = Type.Object(
  { partitions_count: Type.Integer({ description: 'The new number of partitions, above the present one.' }) },
  { title: 'UpdatePartitionCountRequest', additionalProperties: false },
);

export const topicPlace = (cluster: Place, topicName: string): Place =>
  part(cluster, `topics/${topicName}`, `topic=${topicName}`);

function topicData(wadi: Wadi, request: HttpRequest, topic: Topic): Static<typeof TopicData> {
  const place = topicPlace(clusterPlace(wadi, request), topic.name);
  return {
    kind: 'KafkaTopic',
    metadata: metadata(place),
    cluster_id: place.clusterId,
    topic_name: topic.name,
    is_internal: false,
    replication_factor: replicationFactor(wadi, topic),
    partitions_count: topic.partitions,
    partitions: related(place, 'partitions'),
    configs: related(place, 'configs'),
    partition_reassignments: related(place, 'partitions/-/reassignment'),
  };
}

/** The overrides by name; a name given twice is refused, for its values might differ. */
function overrides(configs: Static<typeof CreateTopicRequest>['configs']): Record<string, string | null> {
  const values: Record<string, string | null> = Object.create(null);
  for (const [index, { name, value }] of (configs ?? []).entries()) {
    if (name in values) {
      throw new WadiError('INVALID_REQUEST', `Config ${name} is given twice.`, {
        field: `configs[${index}].name`,
      });
    }
    values[name] = value ?? null;
  }
  return values;
}

const topicParams = paramsReader(TopicParams);
const createRequest = jsonReader(CreateTopicRequest);
const partitionsRequest = jsonReader(UpdatePartitionCountRequest);

export const topicOperations: readonly Operation[] = [
  {
    id: 'listKafkaTopics',
    method: 'GET',
    path: `${CLUSTER}/topics`,
    summary: 'List Topics',
    tag: 'Topic (v3)',
    params: ClusterParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaTopic', TopicData) } },
    errors: ['INVALID_REQUEST'],
    form: 'v3',
    async handle(wadi, request, access) {
      const self = `${clusterPlace(wadi, request).url}/topics`;
      const seen = (await wadi.topics.list()).filter(({ name }) =>
        access.allows('DESCRIBE', topicResource(name)),
      );
      const topics = seen.map((topic) => ({ topicName: topic.name, index: 0, topic }));
      const { page, next } = pageOf(request, self, topics);
      const data = page.map(({ topic }) => topicData(wadi, request, topic));
      return json(200, list('KafkaTopic', self, data, next));
    },
  },
  {
    id: 'createKafkaTopic',
    method: 'POST',
    path: `${CLUSTER}/topics`,
    summary: 'Create Topic',
    description: 'Answers 200 and creates nothing if `validate_only` is set.',
    tag: 'Topic (v3)',
    params: ClusterParams,
    accepts: { [JSON_TYPE]: CreateTopicRequest },
    answers: { 200: { [JSON_TYPE]: TopicData }, 201: { [JSON_TYPE]: TopicData } },
    errors: [
      'INVALID_REQUEST',
      'INVALID_TOPIC_EXCEPTION',
      'TOPIC_ALREADY_EXISTS',
      'INVALID_PARTITIONS',
      'INVALID_REPLICATION_FACTOR',
      'INVALID_REPLICA_ASSIGNMENT',
      'INVALID_CONFIG',
    ],
    form: 'v3',
    async handle(wadi, request, access) {
      const { replicas_assignments, configs, validate_only = false, ...newTopic } = createRequest(request);
      if (replicas_assignments != null && Object.keys(replicas_assignments).length > 0) {
        throw new WadiError(
          'INVALID_REPLICA_ASSIGNMENT',
          'Wadi places replicas by itself: ask for a replication_factor.',
          {
            field: 'replicas_assignments',
          },
        );
      }
      const wanted = { ...newTopic, configs: overrides(configs) };
      const topic = await createTopic(wadi, access, wanted, validate_only);
      return json(validate_only ? 200 : 201, topicData(wadi, request, topic));
    },
  },
  {
    id: 'getKafkaTopic',
    method: 'GET',
    path: TOPIC,
    summary: 'Get Topic',
    tag: 'Topic (v3)',
    params: TopicParams,
    answers: { 200: { [JSON_TYPE]: TopicData } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      const topic = await wadi.topics.describe(topicParams(request).topic_name);
      return json(200, topicData(wadi, request, topic));
    },
  },
  {
    id: 'updatePartitionCountKafkaTopic',
    method: 'PATCH',
    path: TOPIC,
    summary: 'Update Partition Count',
    description: 'Adds partitions; records that are there stay where they are.',
    tag: 'Topic (v3)',
    params: TopicParams,
    accepts: { [JSON_TYPE]: UpdatePartitionCountRequest },
    answers: { 200: { [JSON_TYPE]: TopicData } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_PARTITIONS'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name } = topicParams(request);
      const topic = await wadi.topics.addPartitions(topic_name, partitionsRequest(request).partitions_count);
      return json(200, topicData(wadi, request, topic));
    },
  },
  {
    id: 'deleteKafkaTopic',
    method: 'DELETE',
    path: TOPIC,
    summary: 'Delete Topic',
    tag: 'Topic (v3)',
    params: TopicParams,
    answers: { 204: 'empty' },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      await wadi.topics.delete(topicParams(request).topic_name);
      return NO_CONTENT;
    },
  },
];
