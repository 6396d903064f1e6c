import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import type { HeldPartition, MemberDescription } from '../../group/groups.ts';
import type { Wadi } from '../../wadi.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { PartitionParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { GROUP, GroupParams, groupParams, groupPlace, groupTag } from './consumerGroups.ts';
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

const CONSUMERS = `${GROUP}/consumers`;
const CONSUMER = `${CONSUMERS}/{consumer_id}`;
const ASSIGNMENTS = `${CONSUMER}/assignments`;

const ConsumerParams = Type.Object({
  ...GroupParams.properties,
  consumer_id: Type.String({ description: 'The consumer ID.' }),
});
const { topic_name, partition_id } = PartitionParams.properties;
const AssignmentParams = Type.Object({ ...ConsumerParams.properties, topic_name, partition_id });

const KIND = 'KafkaConsumer';
const ASSIGNMENT_KIND = 'KafkaConsumerAssignment';

const Consumer = resourceSchema(KIND, {
  cluster_id: Type.String(),
  consumer_group_id: Type.String(),
  consumer_id: Type.String({ description: 'Of this incarnation of the instance: its member ID.' }),
  instance_id: Type.Union([Type.String(), Type.Null()], { description: '`group.instance.id`' }),
  client_id: Type.String({ description: "The instance's name." }),
  assignments: Relationship,
});

const Assignment = resourceSchema(ASSIGNMENT_KIND, {
  cluster_id: Type.String(),
  consumer_group_id: Type.String(),
  consumer_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  partition: Relationship,
  lag: Relationship,
});

const consumerPlace = (group: Place, consumerId: string): Place =>
  part(group, `consumers/${encodeURIComponent(consumerId)}`, `consumer=${encodeURIComponent(consumerId)}`);

function consumerData(
  group: Place,
  groupId: string,
  { memberId, groupInstanceId, name }: MemberDescription,
): Static<typeof Consumer> {
  const place = consumerPlace(group, memberId);
  return {
    kind: KIND,
    metadata: metadata(place),
    cluster_id: place.clusterId,
    consumer_group_id: groupId,
    consumer_id: memberId,
    instance_id: groupInstanceId ?? null,
    client_id: name,
    assignments: related(place, 'assignments'),
  };
}

function assignmentData(
  cluster: Place,
  groupId: string,
  consumerId: string,
  { topic, partition }: HeldPartition,
): Static<typeof Assignment> {
  const group = groupPlace(cluster, groupId);
  const path = `${topic}/partitions/${partition}`;
  const name = `assignment=${topic}/partition=${partition}`;
  return {
    kind: ASSIGNMENT_KIND,
    metadata: metadata(part(consumerPlace(group, consumerId), `assignments/${path}`, name)),
    cluster_id: cluster.clusterId,
    consumer_group_id: groupId,
    consumer_id: consumerId,
    topic_name: topic,
    partition_id: partition,
    partition: related(cluster, `topics/${path}`),
    lag: related(group, `lags/${path}`),
  };
}

async function findConsumer(
  { groups }: Wadi,
  groupId: string,
  consumerId: string,
): Promise<MemberDescription> {
  const { members } = await groups.describe(groupId);
  const member = members.find(({ memberId }) => memberId === consumerId);
  if (member !== undefined) return member;
  throw new HttpError(404, `Consumer ${consumerId} cannot be found in group '${groupId}'.`, {
    field: 'consumer_id',
  });
}

/** In the order in which pages go. */
const inOrder = <T extends { topicName: string; index: number }>(all: T[]): T[] =>
  all.sort((a, b) => (a.topicName === b.topicName ? a.index - b.index : a.topicName < b.topicName ? -1 : 1));

const consumerParams = paramsReader(ConsumerParams);
const assignmentParams = paramsReader(AssignmentParams);

export const consumerOperations: readonly Operation[] = [
  {
    id: 'listKafkaConsumers',
    method: 'GET',
    path: CONSUMERS,
    summary: 'List Consumers',
    tag: groupTag,
    params: GroupParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Consumer) } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { consumer_group_id } = groupParams(request);
      const { members } = await wadi.groups.describe(consumer_group_id);
      const group = groupPlace(clusterPlace(wadi, request), consumer_group_id);
      const self = `${group.url}/consumers`;
      const all = inOrder(members.map((member) => ({ topicName: member.memberId, index: 0, member })));
      const { page, next } = pageOf(request, self, all);
      const data = page.map(({ member }) => consumerData(group, consumer_group_id, member));
      return json(200, list(KIND, self, data, next));
    },
  },
  {
    id: 'getKafkaConsumer',
    method: 'GET',
    path: CONSUMER,
    summary: 'Get Consumer',
    tag: groupTag,
    params: ConsumerParams,
    answers: { 200: { [JSON_TYPE]: Consumer } },
    errors: ['GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { consumer_group_id, consumer_id } = consumerParams(request);
      const member = await findConsumer(wadi, consumer_group_id, consumer_id);
      const group = groupPlace(clusterPlace(wadi, request), consumer_group_id);
      return json(200, consumerData(group, consumer_group_id, member));
    },
  },
  {
    id: 'listKafkaConsumerAssignment',
    method: 'GET',
    path: ASSIGNMENTS,
    summary: 'List Consumer Assignments',
    description: 'The partitions that the consumer holds.',
    tag: groupTag,
    params: ConsumerParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(ASSIGNMENT_KIND, Assignment) } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { consumer_group_id, consumer_id } = consumerParams(request);
      const { assigned } = await findConsumer(wadi, consumer_group_id, consumer_id);
      const seen = assigned.filter(({ topic }) => access.allows('DESCRIBE', topicResource(topic)));
      const cluster = clusterPlace(wadi, request);
      const place = consumerPlace(groupPlace(cluster, consumer_group_id), consumer_id);
      const self = `${place.url}/assignments`;
      const all = inOrder(seen.map((held) => ({ topicName: held.topic, index: held.partition, held })));
      const { page, next } = pageOf(request, self, all);
      const data = page.map(({ held }) => assignmentData(cluster, consumer_group_id, consumer_id, held));
      return json(200, list(ASSIGNMENT_KIND, self, data, next));
    },
  },
  {
    id: 'getKafkaConsumerAssignment',
    method: 'GET',
    path: `${ASSIGNMENTS}/{topic_name}/partitions/{partition_id}`,
    summary: 'Get Consumer Assignment',
    tag: groupTag,
    params: AssignmentParams,
    answers: { 200: { [JSON_TYPE]: Assignment } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { consumer_group_id, consumer_id, topic_name, partition_id } = assignmentParams(request);
      const { assigned } = await findConsumer(wadi, consumer_group_id, consumer_id);
      const held = assigned.find(
        ({ topic, partition }) => topic === topic_name && partition === partition_id,
      );
      if (held === undefined) {
        const message = `Partition ${partition_id} of topic '${topic_name}' is not assigned to consumer ${consumer_id}.`;
        throw new HttpError(404, message, { field: 'partition_id' });
      }
      const cluster = clusterPlace(wadi, request);
      return json(200, assignmentData(cluster, consumer_group_id, consumer_id, held));
    },
  },
];
