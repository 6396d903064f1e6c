import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Wadi } from '../../wadi.ts';
import { localBroker } from '../brokers.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { JSON_TYPE, json } from '../response.ts';
import {
  clusterPlace,
  list,
  listSchema,
  metadata,
  Relationship,
  related,
  resourceSchema,
} from './resource.ts';

const Cluster = resourceSchema('KafkaCluster', {
  cluster_id: Type.String(),
  controller: Relationship,
  acls: Relationship,
  brokers: Relationship,
  broker_configs: Relationship,
  consumer_groups: Relationship,
  topics: Relationship,
  partition_reassignments: Relationship,
});

function clusterData(wadi: Wadi, request: HttpRequest): Static<typeof Cluster> {
  const place = clusterPlace(wadi, request);
  return {
    kind: 'KafkaCluster',
    metadata: metadata(place),
    cluster_id: place.clusterId,
    controller: related(place, `brokers/${localBroker(wadi).id}`),
    acls: related(place, 'acls'),
    brokers: related(place, 'brokers'),
    broker_configs: related(place, 'broker-configs'),
    consumer_groups: related(place, 'consumer-groups'),
    topics: related(place, 'topics'),
    partition_reassignments: related(place, 'topics/-/partitions/-/reassignment'),
  };
}

export const clusterOperations: readonly Operation[] = [
  {
    id: 'listKafkaClusters',
    method: 'GET',
    path: '/v3/clusters',
    summary: 'List Clusters',
    description: 'The list of the one cluster that this is; its ID is part of every other v3 path.',
    tag: 'Cluster (v3)',
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaCluster', Cluster) } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      const self = `${request.baseUrl}/v3/clusters`;
      return json(200, list('KafkaCluster', self, [clusterData(wadi, request)]));
    },
  },
  {
    id: 'getKafkaCluster',
    method: 'GET',
    path: CLUSTER,
    summary: 'Get Cluster',
    description:
      'The cluster and links to its parts. The controller is the broker that answers: there is none that the others obey.',
    tag: 'Cluster (v3)',
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: Cluster } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      return json(200, clusterData(wadi, request));
    },
  },
];
