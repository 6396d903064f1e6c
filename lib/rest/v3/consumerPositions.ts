import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import { WadiError } from '../../errors.ts';
import type { PartitionName, ResetResult } from '../../group/groups.ts';
import type { Wadi } from '../../wadi.ts';
import type { Operation } from '../operation.ts';
import { jsonReader, queryReader } from '../request.ts';
import { JSON_TYPE, json, NO_CONTENT } from '../response.ts';
import { GROUP, GroupParams, groupParams, groupPlace, groupTag } from './consumerGroups.ts';
import { ResetTo, specOf } from './resetTo.ts';
import { clusterPlace, list, listSchema, metadata, type Place, part, resourceSchema } from './resource.ts';

const KIND = 'KafkaConsumerGroupPosition';
/** Of one request; each takes some calls of the store. */
const MAX_PARTITIONS = 10_000;

const partitionId = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 });
const alone = { additionalProperties: false };

const ResetRequest = Type.Object(
  {
    to: ResetTo,
    topics: Type.Optional(
      Type.Array(
        Type.Object(
          {
            topic_name: Type.String(),
            partitions: Type.Optional(
              Type.Array(partitionId, { maxItems: MAX_PARTITIONS, description: 'All, if absent.' }),
            ),
          },
          alone,
        ),
        { maxItems: MAX_PARTITIONS, description: 'All partitions that have a position, if absent.' },
      ),
    ),
    dry_run: Type.Optional(Type.Boolean({ description: 'Answer what it would be; change nothing.' })),
  },
  { title: 'ResetPositionsRequest', ...alone },
);

const Position = resourceSchema(KIND, {
  cluster_id: Type.String(),
  consumer_group_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  before: Type.Integer({ description: '-1 if there was none.' }),
  offset: Type.Integer(),
});

const DeletePositionsQuery = Type.Object({
  topic_name: Type.Optional(Type.String({ description: 'Of this topic alone;' })),
  partition_id: Type.Optional(
    Type.Integer({ ...partitionId, description: 'of this partition of it alone.' }),
  ),
});

function positionData(
  group: Place,
  groupId: string,
  { topic, partition, before, offset }: ResetResult,
): Static<typeof Position> {
  const place = part(
    group,
    `lags/${topic}/partitions/${partition}`,
    `position=${topic}/partition=${partition}`,
  );
  return {
    kind: KIND,
    metadata: metadata(place),
    cluster_id: place.clusterId,
    consumer_group_id: groupId,
    topic_name: topic,
    partition_id: partition,
    before,
    offset,
  };
}

/** Of those that the caller may read: of others it is not told that there are any. */
async function withPosition({ groups }: Wadi, groupId: string, access: Access): Promise<PartitionName[]> {
  const lags = await groups.lags(groupId);
  return lags.filter(
    ({ topic, committedOffset }) => committedOffset >= 0 && access.allows('READ', topicResource(topic)),
  );
}

async function partitionsOf({ topics }: Wadi, topic: string): Promise<PartitionName[]> {
  const { partitions } = await topics.describe(topic);
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
}

async function named(
  wadi: Wadi,
  topics: NonNullable<Static<typeof ResetRequest>['topics']>,
): Promise<PartitionName[]> {
  const found: PartitionName[] = [];
  for (const { topic_name: topic, partitions } of topics) {
    found.push(
      ...(partitions?.map((partition) => ({ topic, partition })) ?? (await partitionsOf(wadi, topic))),
    );
    if (found.length <= MAX_PARTITIONS) continue;
    throw new WadiError('INVALID_REQUEST', `topics are more than ${MAX_PARTITIONS} partitions.`, {
      field: 'topics',
    });
  }
  return [...new Map(found.map((each) => [`${each.partition} ${each.topic}`, each])).values()];
}

const readReset = jsonReader(ResetRequest);
const readQuery = queryReader(DeletePositionsQuery);

export const consumerPositionOperations: readonly Operation[] = [
  {
    id: 'resetConsumerGroupPositions',
    method: 'POST',
    path: `${GROUP}/positions:reset`,
    summary: 'Reset Consumer Group Positions',
    description:
      "Wadi's own: kafka-consumer-groups --reset-offsets. Moves committed positions, and makes the group if there is none. Refused, with nothing changed, if somebody is subscribed in the group.",
    tag: groupTag,
    params: GroupParams,
    accepts: { [JSON_TYPE]: ResetRequest },
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Position) } },
    errors: [
      'INVALID_REQUEST',
      'INVALID_TIMESTAMP',
      'INVALID_GROUP_ID',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'GROUP_ID_NOT_FOUND',
      'NON_EMPTY_GROUP',
      'KAFKA_STORAGE_ERROR',
    ],
    form: 'v3',
    async handle(wadi, request, access) {
      const { consumer_group_id } = groupParams(request);
      const { to, topics, dry_run = false } = readReset(request);
      const spec = specOf(to);
      for (const [i, { topic_name }] of (topics ?? []).entries())
        access.require('READ', topicResource(topic_name), `topics[${i}].topic_name`);
      const partitions = topics
        ? await named(wadi, topics)
        : await withPosition(wadi, consumer_group_id, access);
      const results = await wadi.groups.reset(consumer_group_id, partitions, spec, { dryRun: dry_run });
      const group = groupPlace(clusterPlace(wadi, request), consumer_group_id);
      const data = results.map((result) => positionData(group, consumer_group_id, result));
      return json(200, list(KIND, `${group.url}/positions:reset`, data));
    },
  },
  {
    id: 'deleteConsumerGroupPositions',
    method: 'DELETE',
    path: `${GROUP}/positions`,
    summary: 'Delete Consumer Group Positions',
    description:
      "Wadi's own: kafka-consumer-groups --delete-offsets. Refused if a member is subscribed to one of the topics.",
    tag: groupTag,
    params: GroupParams,
    query: DeletePositionsQuery,
    answers: { 204: 'empty' },
    errors: [
      'INVALID_REQUEST',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'GROUP_ID_NOT_FOUND',
      'GROUP_SUBSCRIBED_TO_TOPIC',
      'KAFKA_STORAGE_ERROR',
    ],
    form: 'v3',
    async handle(wadi, request, access) {
      const { consumer_group_id } = groupParams(request);
      const { topic_name: topic, partition_id: partition } = readQuery(request);
      if (topic === undefined && partition !== undefined) {
        throw new WadiError('INVALID_REQUEST', 'topic_name is required with partition_id.', {
          field: 'topic_name',
        });
      }
      const wanted = async (): Promise<PartitionName[]> => {
        if (topic === undefined) return withPosition(wadi, consumer_group_id, access);
        access.require('READ', topicResource(topic), 'topic_name');
        return partition === undefined ? partitionsOf(wadi, topic) : [{ topic, partition }];
      };
      await wadi.groups.deletePositions(consumer_group_id, await wanted());
      return NO_CONTENT;
    },
  },
];
