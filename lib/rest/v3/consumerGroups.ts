import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { groupResource } from '../../acl/binding.ts';
import { atOnce } from '../../atOnce.ts';
import { WadiError } from '../../errors.ts';
import type { GroupDescription, GroupState, Groups } from '../../group/groups.ts';
import { GROUP_LIMITS } from '../../group/limits.ts';
import type { Wadi } from '../../wadi.ts';
import { localBroker } from '../brokers.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json, NO_CONTENT } from '../response.ts';
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
import { seenPageQuery, seenPageReader } from './seenPage.ts';

export const GROUPS = `${CLUSTER}/consumer-groups`;
export const GROUP = `${GROUPS}/{consumer_group_id}`;
export const GroupParams = Type.Object({
  ...ClusterParams.properties,
  consumer_group_id: Type.String({ description: 'The consumer group ID.' }),
});

/** Each is read with its members. */
const READS_AT_ONCE = 8;

const KIND = 'KafkaConsumerGroup';

const STATES: Readonly<Record<GroupState, string>> = {
  empty: 'EMPTY',
  assigning: 'ASSIGNING',
  reconciling: 'RECONCILING',
  stable: 'STABLE',
};

const ConsumerGroup = resourceSchema(KIND, {
  cluster_id: Type.String(),
  consumer_group_id: Type.String(),
  is_simple: Type.Boolean({ description: 'Always false.' }),
  partition_assignor: Type.String({ description: '`uniform`, `range` or `load`.' }),
  state: Type.String({
    description: `Of KIP-848: ${Object.values(STATES).join(', ')}.`,
  }),
  type: Type.Literal('CONSUMER'),
  is_mixed_consumer_group: Type.Boolean({ description: 'Always false.' }),
  epoch: Type.Integer({ description: "Wadi's own: of the division, counted up by each." }),
  members_count: Type.Integer({ description: "Wadi's own." }),
  coordinator: Relationship,
  consumers: Relationship,
  lag_summary: Relationship,
});

const GroupsQuery = seenPageQuery(GROUP_LIMITS.nameBytes);

/** A group's name may hold any character. */
export function groupPlace(cluster: Place, groupId: string): Place {
  const name = encodeURIComponent(groupId);
  return part(cluster, `consumer-groups/${name}`, `consumer-group=${name}`);
}

function groupData(
  wadi: Wadi,
  request: HttpRequest,
  { groupId, assignor, state, epoch, members }: GroupDescription,
): Static<typeof ConsumerGroup> {
  const cluster = clusterPlace(wadi, request);
  const place = groupPlace(cluster, groupId);
  return {
    kind: KIND,
    metadata: metadata(place),
    cluster_id: place.clusterId,
    consumer_group_id: groupId,
    is_simple: false,
    partition_assignor: assignor,
    state: STATES[state],
    type: 'CONSUMER',
    is_mixed_consumer_group: false,
    epoch,
    members_count: members.length,
    coordinator: related(cluster, `brokers/${localBroker(wadi).id}`),
    consumers: related(place, 'consumers'),
    lag_summary: related(place, 'lag-summary'),
  };
}

/** `undefined` for one that was deleted since it was listed. */
async function describeIfThere(groups: Groups, groupId: string): Promise<GroupDescription | undefined> {
  try {
    return await groups.describe(groupId);
  } catch (error) {
    if (error instanceof WadiError && error.kafka === 'GROUP_ID_NOT_FOUND') return undefined;
    throw error;
  }
}

export const groupParams = paramsReader(GroupParams);
const groupsPage = seenPageReader(GroupsQuery);
export const groupTag = 'Consumer Group (v3)';

export const consumerGroupOperations: readonly Operation[] = [
  {
    id: 'listKafkaConsumerGroups',
    method: 'GET',
    path: GROUPS,
    summary: 'List Consumer Groups',
    description: 'In the order of their names.',
    tag: groupTag,
    params: ClusterParams,
    query: GroupsQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, ConsumerGroup) } },
    errors: ['INVALID_REQUEST', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { groups } = wadi;
      const self = `${clusterPlace(wadi, request).url}/consumer-groups`;
      const { page, next } = await groupsPage(request, self, {
        list: groups.list,
        idOf: ({ groupId }) => groupId,
        isSeen: ({ groupId }) => access.allows('DESCRIBE', groupResource(groupId)),
      });
      const described = await atOnce(page, READS_AT_ONCE, ({ groupId }) => describeIfThere(groups, groupId));
      const data = described.flatMap((group) =>
        group === undefined ? [] : [groupData(wadi, request, group)],
      );
      return json(200, list(KIND, self, data, next));
    },
  },
  {
    id: 'getKafkaConsumerGroup',
    method: 'GET',
    path: GROUP,
    summary: 'Get Consumer Group',
    tag: groupTag,
    params: GroupParams,
    answers: { 200: { [JSON_TYPE]: ConsumerGroup } },
    errors: ['GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const group = await wadi.groups.describe(groupParams(request).consumer_group_id);
      return json(200, groupData(wadi, request, group));
    },
  },
  {
    id: 'deleteConsumerGroup',
    method: 'DELETE',
    path: GROUP,
    summary: 'Delete Consumer Group',
    description:
      "Wadi's own: Kafka's DeleteGroups. With its committed positions; refused while it has members.",
    tag: groupTag,
    params: GroupParams,
    answers: { 204: 'empty' },
    errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      await wadi.groups.delete(groupParams(request).consumer_group_id);
      return NO_CONTENT;
    },
  },
];
