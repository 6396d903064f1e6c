import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import { requireBroker } from '../brokers.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { CLUSTER, ClusterParams, PARTITION, PartitionParams, TOPIC, TopicParams } from '../paths.ts';
import { type Replica, readReplicas } from '../replicas.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { describePartition } from '../topicPartition.ts';
import { BrokerParams, brokerPlace } from './brokers.ts';
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

const ReplicaData = resourceSchema('KafkaReplica', {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  broker_id: Type.Integer(),
  is_leader: Type.Boolean(),
  is_in_sync: Type.Boolean(),
  broker: Relationship,
});
const ReplicaList = listSchema('KafkaReplica', ReplicaData);

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

const REPLICAS =
  'The replicas of a topic are regions, the same for all its partitions. There are no leaders, for every region appends: the one that answers is told as the leader if it is a replica, else the first in sync. In a cluster of one region there is one replica, in sync, on the virtual broker.';
const NO_REASSIGNMENT = 'No partition is ever moved between brokers.';

function replicaData(
  cluster: Place,
  topicName: string,
  partition: number,
  { brokerId, isLeader, isInSync }: Replica,
): Static<typeof ReplicaData> {
  const partitionAt = partitionPlace(topicPlace(cluster, topicName), partition);
  return {
    kind: 'KafkaReplica',
    metadata: metadata(part(partitionAt, `replicas/${brokerId}`, `replica=${brokerId}`)),
    cluster_id: cluster.clusterId,
    topic_name: topicName,
    partition_id: partition,
    broker_id: brokerId,
    is_leader: isLeader,
    is_in_sync: isInSync,
    broker: related(cluster, `brokers/${brokerId}`),
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
    description: REPLICAS,
    tag: 'Replica (v3)',
    params: PartitionParams,
    answers: { 200: { [JSON_TYPE]: ReplicaList } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, partition_id } = partitionParams(request);
      const topic = await describePartition(wadi, topic_name, partition_id);
      const cluster = clusterPlace(wadi, request);
      const self = `${partitionPlace(topicPlace(cluster, topic_name), partition_id).url}/replicas`;
      const replicas = (await readReplicas(wadi))(topic);
      const data = replicas.map((replica) => replicaData(cluster, topic_name, partition_id, replica));
      return json(200, list('KafkaReplica', self, data));
    },
  },
  {
    id: 'getKafkaReplica',
    method: 'GET',
    path: `${PARTITION}/replicas/{broker_id}`,
    summary: 'Get Replica',
    description: REPLICAS,
    tag: 'Replica (v3)',
    params: ReplicaParams,
    answers: { 200: { [JSON_TYPE]: ReplicaData } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, partition_id, broker_id } = replicaParams(request);
      const topic = await describePartition(wadi, topic_name, partition_id);
      const { id } = requireBroker(wadi, broker_id);
      const replica = (await readReplicas(wadi))(topic).find(({ brokerId }) => brokerId === id);
      if (replica === undefined) {
        throw new HttpError(404, `Broker ${id} has no replica of it.`, { field: 'broker_id' });
      }
      return json(200, replicaData(clusterPlace(wadi, request), topic_name, partition_id, replica));
    },
  },
  {
    id: 'listKafkaReplicasOfBroker',
    method: 'GET',
    path: `${CLUSTER}/brokers/{broker_id}/partition-replicas`,
    summary: 'List Replicas by Broker',
    description: REPLICAS,
    tag: 'Replica (v3)',
    params: BrokerParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: ReplicaList } },
    errors: ['INVALID_REQUEST', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const broker = requireBroker(wadi, brokerParams(request).broker_id);
      const cluster = clusterPlace(wadi, request);
      const self = `${brokerPlace(cluster, broker).url}/partition-replicas`;
      const replicasOf = await readReplicas(wadi);
      const here = (await wadi.topics.list()).flatMap((topic) => {
        if (!access.allows('DESCRIBE', topicResource(topic.name))) return [];
        const replica = replicasOf(topic).find(({ brokerId }) => brokerId === broker.id);
        return replica ? partitionsOf(topic).map((position) => ({ ...position, replica })) : [];
      });
      const { page, next } = pageOf(request, self, here);
      const data = page.map(({ topicName, index, replica }) =>
        replicaData(cluster, topicName, index, replica),
      );
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
