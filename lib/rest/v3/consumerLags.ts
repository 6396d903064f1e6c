import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import type { PartitionLag } from '../../group/groups.ts';
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

const LAGS = `${GROUP}/lags`;
const { topic_name, partition_id } = PartitionParams.properties;
const LagParams = Type.Object({ ...GroupParams.properties, topic_name, partition_id });

const KIND = 'KafkaConsumerLag';
const SUMMARY_KIND = 'KafkaConsumerGroupLagSummary';

const nullableText = Type.Union([Type.String(), Type.Null()]);

const Lag = resourceSchema(KIND, {
  cluster_id: Type.String(),
  consumer_group_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  current_offset: Type.Integer({ description: 'That is committed; -1 if none is.' }),
  log_end_offset: Type.Integer(),
  lag: Type.Integer({ description: 'From what is committed, or else from the log start, to the end.' }),
  consumer_id: Type.String({ description: 'Whose partition it is now; empty if nobody’s.' }),
  instance_id: nullableText,
  client_id: Type.String(),
});

const LagSummary = resourceSchema(SUMMARY_KIND, {
  cluster_id: Type.String(),
  consumer_group_id: Type.String(),
  max_lag_consumer_id: Type.String(),
  max_lag_instance_id: nullableText,
  max_lag_client_id: Type.String(),
  max_lag_topic_name: Type.String(),
  max_lag_partition_id: Type.Integer(),
  max_lag: Type.Integer(),
  total_lag: Type.Integer(),
  max_lag_consumer: Relationship,
  max_lag_partition: Relationship,
});

function lagData(group: Place, groupId: string, lag: PartitionLag): Static<typeof Lag> {
  const { topic, partition, owner } = lag;
  return {
    kind: KIND,
    metadata: metadata(
      part(group, `lags/${topic}/partitions/${partition}`, `lag=${topic}/partition=${partition}`),
    ),
    cluster_id: group.clusterId,
    consumer_group_id: groupId,
    topic_name: topic,
    partition_id: partition,
    current_offset: lag.committedOffset,
    log_end_offset: lag.logEndOffset,
    lag: lag.lag,
    consumer_id: owner?.memberId ?? '',
    instance_id: owner?.groupInstanceId ?? null,
    client_id: owner?.name ?? '',
  };
}

function summary(cluster: Place, groupId: string, lags: readonly PartitionLag[]): Static<typeof LagSummary> {
  const group = groupPlace(cluster, groupId);
  const { topic, partition, owner, lag } = lags.reduce((most, each) => (each.lag > most.lag ? each : most));
  const consumer = owner === undefined ? 'consumers' : `consumers/${encodeURIComponent(owner.memberId)}`;
  return {
    kind: SUMMARY_KIND,
    metadata: metadata(part(group, 'lag-summary', 'lag-summary')),
    cluster_id: cluster.clusterId,
    consumer_group_id: groupId,
    max_lag_consumer_id: owner?.memberId ?? '',
    max_lag_instance_id: owner?.groupInstanceId ?? null,
    max_lag_client_id: owner?.name ?? '',
    max_lag_topic_name: topic,
    max_lag_partition_id: partition,
    max_lag: lag,
    total_lag: lags.reduce((sum, each) => sum + each.lag, 0),
    max_lag_consumer: related(group, consumer),
    max_lag_partition: related(cluster, `topics/${topic}/partitions/${partition}`),
  };
}

async function lagsSeen({ groups }: Wadi, groupId: string, access: Access): Promise<PartitionLag[]> {
  const lags = await groups.lags(groupId);
  return lags.filter(({ topic }) => access.allows('DESCRIBE', topicResource(topic)));
}

const lagParams = paramsReader(LagParams);

export const consumerLagOperations: readonly Operation[] = [
  {
    id: 'getKafkaConsumerGroupLagSummary',
    method: 'GET',
    path: `${GROUP}/lag-summary`,
    summary: 'Get Consumer Group Lag Summary',
    description: '404 for a group that has no positions.',
    tag: groupTag,
    params: GroupParams,
    answers: { 200: { [JSON_TYPE]: LagSummary } },
    errors: ['GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { consumer_group_id } = groupParams(request);
      const lags = await lagsSeen(wadi, consumer_group_id, access);
      if (lags.length === 0) {
        const message = `Group '${consumer_group_id}' has no positions.`;
        throw new HttpError(404, message, { field: 'consumer_group_id' });
      }
      return json(200, summary(clusterPlace(wadi, request), consumer_group_id, lags));
    },
  },
  {
    id: 'listKafkaConsumerLags',
    method: 'GET',
    path: LAGS,
    summary: 'List Consumer Lags',
    description:
      'Of all partitions with a committed position or an owner, in the order of topics and partitions.',
    tag: groupTag,
    params: GroupParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Lag) } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { consumer_group_id } = groupParams(request);
      const group = groupPlace(clusterPlace(wadi, request), consumer_group_id);
      const self = `${group.url}/lags`;
      const lags = await lagsSeen(wadi, consumer_group_id, access);
      const all = lags.map((lag) => ({ topicName: lag.topic, index: lag.partition, lag }));
      const { page, next } = pageOf(request, self, all);
      const data = page.map(({ lag }) => lagData(group, consumer_group_id, lag));
      return json(200, list(KIND, self, data, next));
    },
  },
  {
    id: 'getKafkaConsumerLag',
    method: 'GET',
    path: `${LAGS}/{topic_name}/partitions/{partition_id}`,
    summary: 'Get Consumer Lag',
    tag: groupTag,
    params: LagParams,
    answers: { 200: { [JSON_TYPE]: Lag } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { consumer_group_id, topic_name, partition_id } = lagParams(request);
      const lags = await wadi.groups.lags(consumer_group_id);
      const lag = lags.find(({ topic, partition }) => topic === topic_name && partition === partition_id);
      if (lag === undefined) {
        const message = `Group '${consumer_group_id}' has no position of partition ${partition_id} of topic '${topic_name}'.`;
        throw new HttpError(404, message, { field: 'partition_id' });
      }
      const group = groupPlace(clusterPlace(wadi, request), consumer_group_id);
      return json(200, lagData(group, consumer_group_id, lag));
    },
  },
];
