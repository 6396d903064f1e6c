import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import type { Operation } from '../operation.ts';
import { CLUSTER, ClusterParams, PARTITION, PartitionParams, TOPIC, TopicParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { describePartition } from '../topicPartition.ts';
import { BrokerParams, brokerPlace, requireBroker, VIRTUAL_BROKER_ID } from './brokers.ts';
import { PageQuery, pageOf } from './page.ts';
import { partitionPlace, partitionsOf } from './partitions.ts';
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

const Replica = resourceSchema('KafkaReplica', {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  broker_id: Type.Integer(),
  is_leader: Type.Boolean(),
  is_in_sync: Type.Boolean(),
  broker: Relationship,
});
const ReplicaList = listSchema('KafkaReplica', Replica);

const Reassignment = resourceSchema('KafkaReassignment', {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  adding_replicas: Type.Array(Type.Integer()),
  removing_replicas: Type.Array(Type.Integer()),
  replicas: Relationship,
});
const ReassignmentList = listSchema('KafkaReassignment', Reassignment);

const ReplicaParams = Type.Object({
  ...PartitionParams.properties,
  broker_id: BrokerParams.properties.broker_id,
});

const ONE_REPLICA = 'Each partition has one replica, in sync, on the virtual broker.';
const NO_REASSIGNMENT = 'No partition is ever moved between brokers, for there are none.';

function replicaData(cluster: Place, topicName: string, partition: number): Static<typeof Replica> {
  const partitionAt = partitionPlace(topicPlace(cluster, topicName), partition);
  return {
    kind: 'KafkaReplica',
    metadata: metadata(part(partitionAt, `replicas/${VIRTUAL_BROKER_ID}`, `replica=${VIRTUAL_BROKER_ID}`)),
    cluster_id: cluster.clusterId,
    topic_name: topicName,
    partition_id: partition,
    broker_id: VIRTUAL_BROKER_ID,
    is_leader: true,
    is_in_sync: true,
    broker: related(cluster, `brokers/${VIRTUAL_BROKER_ID}`),
  };
}

const brokerParams = paramsReader(BrokerParams);
const topicParams = paramsReader(TopicParams);
const partitionParams = paramsReader(PartitionParams);
const replicaParams = paramsReader(ReplicaParams);

export const replicaOperations: readonly Operation[] = [
  {
    id: 'listKafkaReplicas',
    method: 'GET',
    path: `${PARTITION}/replicas`,
    summary: 'List Replicas',
    description: ONE_REPLICA,
    tag: 'Replica (v3)',
    params: PartitionParams,
    answers: { 200: { [JSON_TYPE]: ReplicaList } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, partition_id } = partitionParams(request);
      await describePartition(wadi, topic_name, partition_id);
      const cluster = clusterPlace(wadi, request);
      const self = `${partitionPlace(topicPlace(cluster, topic_name), partition_id).url}/replicas`;
      return json(200, list('KafkaReplica', self, [replicaData(cluster, topic_name, partition_id)]));
    },
  },
  {
    id: 'getKafkaReplica',
    method: 'GET',
    path: `${PARTITION}/replicas/{broker_id}`,
    summary: 'Get Replica',
    description: ONE_REPLICA,
    tag: 'Replica (v3)',
    params: ReplicaParams,
    answers: { 200: { [JSON_TYPE]: Replica } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, partition_id, broker_id } = replicaParams(request);
      await describePartition(wadi, topic_name, partition_id);
      requireBroker(broker_id);
      return json(200, replicaData(clusterPlace(wadi, request), topic_name, partition_id));
    },
  },
  {
    id: 'listKafkaReplicasOfBroker',
    method: 'GET',
    path: `${CLUSTER}/brokers/{broker_id}/partition-replicas`,
    summary: 'List Replicas by Broker',
    description: ONE_REPLICA,
    tag: 'Replica (v3)',
    params: BrokerParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: ReplicaList } },
    errors: ['INVALID_REQUEST'],
    form: 'v3',
    async handle(wadi, request, access) {
      requireBroker(brokerParams(request).broker_id);
      const cluster = clusterPlace(wadi, request);
      const self = `${brokerPlace(cluster).url}/partition-replicas`;
      const seen = (await wadi.topics.list()).filter(({ name }) =>
        access.allows('DESCRIBE', topicResource(name)),
      );
      const { page, next } = pageOf(request, self, seen.flatMap(partitionsOf));
      const data = page.map(({ topicName, index }) => replicaData(cluster, topicName, index));
      return json(200, list('KafkaReplica', self, data, next));
    },
  },
  {
    id: 'listKafkaAllReassignments',
    method: 'GET',
    path: `${CLUSTER}/topics/-/partitions/-/reassignment`,
    summary: 'List All Replica Reassignments',
    description: `Always empty. ${NO_REASSIGNMENT}`,
    tag: 'Partition (v3)',
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: ReassignmentList } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      const self = `${clusterPlace(wadi, request).url}/topics/-/partitions/-/reassignment`;
      return json(200, list('KafkaReassignment', self, []));
    },
  },
  {
    id: 'listKafkaTopicReassignments',
    method: 'GET',
    path: `${TOPIC}/partitions/-/reassignment`,
    summary: 'List Replica Reassignments By Topic',
    description: `Always empty. ${NO_REASSIGNMENT}`,
    tag: 'Partition (v3)',
    params: TopicParams,
    answers: { 200: { [JSON_TYPE]: ReassignmentList } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      const { name } = await wadi.topics.describe(topicParams(request).topic_name);
      const self = `${topicPlace(clusterPlace(wadi, request), name).url}/partitions/-/reassignment`;
      return json(200, list('KafkaReassignment', self, []));
    },
  },
  {
    id: 'getKafkaReassignment',
    method: 'GET',
    path: `${PARTITION}/reassignment`,
    summary: 'Get Replica Reassignments',
    description: `Nothing is added or removed. ${NO_REASSIGNMENT}`,
    tag: 'Partition (v3)',
    params: PartitionParams,
    answers: { 200: { [JSON_TYPE]: Reassignment } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, partition_id } = partitionParams(request);
      await describePartition(wadi, topic_name, partition_id);
      const partition = partitionPlace(topicPlace(clusterPlace(wadi, request), topic_name), partition_id);
      const answer: Static<typeof Reassignment> = {
        kind: 'KafkaReassignment',
        metadata: metadata(part(partition, 'reassignment', 'reassignment')),
        cluster_id: wadi.clusterId,
        topic_name,
        partition_id,
        adding_replicas: [],
        removing_replicas: [],
        replicas: related(partition, 'replicas'),
      };
      return json(200, answer);
    },
  },
];
