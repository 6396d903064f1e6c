import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { type Access, denied } from '../../acl/access.ts';
import { groupResource, topicResource } from '../../acl/binding.ts';
import type { MemberName, PartitionName } from '../../group/groups.ts';
import type { Wadi } from '../../wadi.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { checker } from '../request.ts';
import { NO_CONTENT, V2_TYPE, v2json } from '../response.ts';
import {
  listOf,
  Metadata,
  Offset,
  optionalReader,
  PartitionOfTopic,
  Partitions,
  partitionItem,
  requireDistinct,
  v2Bodies,
} from './bodies.ts';
import { idempotencyKey } from './idempotencyKey.ts';
import { INSTANCE, InstanceParams, memberName, tag } from './paths.ts';
import { requireReadable, visible } from './visible.ts';

const PATH = `${INSTANCE}/offsets`;

const CommitRequest = Type.Object(
  {
    offsets: Type.Optional(
      Type.Union([listOf(partitionItem({ offset: Offset, metadata: Metadata })), Type.Null()], {
        description:
          'Of the record that is to be read next, each; all that was polled is committed if absent, but for what a poll with the `Idempotency-Key` of this request has given.',
      }),
    ),
  },
  { title: 'CommitRequest', additionalProperties: false },
);

const CommittedOffsets = Type.Object(
  {
    offsets: Type.Array(
      Type.Object({
        ...PartitionOfTopic.properties,
        offset: Type.Integer({ description: 'Of the record that is to be read next.' }),
        metadata: Type.String(),
      }),
      { description: 'Of those partitions of which one is committed.' },
    ),
  },
  { title: 'CommittedOffsets' },
);

const CommittedQuery = Type.Object({
  topic: Type.Optional(Type.String({ description: 'Without a body: a topic,' })),
  partition: Type.Optional(
    Type.String({ pattern: '^[0-9]{1,9}(,[0-9]{1,9})*$', description: 'and partitions of it: `0,1,2`.' }),
  ),
});

const readCommit = optionalReader(CommitRequest);
const readPartitions = optionalReader(Partitions);
const checkQuery = checker(
  Type.Object({
    topic: Type.String(),
    partition: Type.String({ pattern: CommittedQuery.properties.partition.pattern! }),
  }),
);

/** Of the body, or else of the query: bodies of GET requests get lost on the way. `undefined` if neither names any. */
function wanted(request: HttpRequest): readonly PartitionName[] | undefined {
  const body = readPartitions(request);
  if (body !== undefined) return body.partitions;
  const { query } = request;
  if (!query.has('topic') && !query.has('partition')) return undefined;
  const { topic, partition } = checkQuery(Object.fromEntries(query));
  return partition.split(',').map((digits) => ({ topic, partition: Number(digits) }));
}

/** What it has polled may be of topics that the caller may not read: those are not named. */
async function requireAllReadable({ groups }: Wadi, member: MemberName, access: Access): Promise<void> {
  const { assigned } = await groups.describeMember(member);
  if (assigned.every(({ topic }) => access.allows('READ', topicResource(topic)))) return;
  throw denied(access.principal, 'READ', groupResource(member.groupId), 'group_name');
}

export const offsetOperations: readonly Operation[] = [
  {
    id: 'commit',
    method: 'POST',
    path: PATH,
    summary: 'Commit offsets of an instance',
    description: [
      'An offset is that of the next record to be read, as in Kafka and Strimzi Bridge. (REST Proxy adds 1 to it: its clients, which',
      'give the offset of the last record that they have processed, read that record again after a change of owner.) Refused',
      'with 409 (40905) and changing nothing for a partition that is not the instance’s any more.',
    ].join(' '),
    tag,
    params: InstanceParams,
    accepts: v2Bodies(CommitRequest),
    answers: { 204: 'empty' },
    errors: [
      'INVALID_REQUEST',
      'FENCED_MEMBER_EPOCH',
      'OFFSET_OUT_OF_RANGE',
      'OFFSET_METADATA_TOO_LARGE',
      'UNKNOWN_MEMBER_ID',
      'FENCED_INSTANCE_ID',
      'KAFKA_STORAGE_ERROR',
    ],
    form: 'v2',
    async handle(wadi, request, access) {
      const offsets = readCommit(request)?.offsets ?? undefined;
      requireReadable(access, offsets ?? [], 'offsets');
      if (offsets === undefined) await requireAllReadable(wadi, memberName(request), access);
      if (offsets !== undefined) requireDistinct(offsets, 'offsets');
      await wadi.groups.commit(
        memberName(request),
        offsets?.map(({ metadata, ...rest }) => ({ ...rest, metadata: metadata ?? '' })),
        idempotencyKey(request),
      );
      return NO_CONTENT;
    },
  },
  {
    id: 'committed',
    method: 'GET',
    path: PATH,
    summary: 'What the group has committed',
    description:
      'Of the partitions that the body names, as in REST Proxy (`{"partitions":[{"topic","partition"}]}`), or else the query; of all that the instance has, if neither does.',
    tag,
    params: InstanceParams,
    query: CommittedQuery,
    answers: { 200: { [V2_TYPE]: CommittedOffsets } },
    errors: [
      'INVALID_REQUEST',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_MEMBER_ID',
      'FENCED_INSTANCE_ID',
      'KAFKA_STORAGE_ERROR',
    ],
    form: 'v2',
    async handle(wadi, request, access) {
      const named = wanted(request);
      for (const { topic } of named ?? []) access.require('DESCRIBE', topicResource(topic), 'topic');
      const member = memberName(request);
      const { assigned } = visible(await wadi.groups.describeMember(member), access);
      const partitions = (named ?? assigned).map(({ topic, partition }) => ({ topic, partition }));
      const committed = await wadi.groups.committed(member.groupId, partitions);
      const answer: Static<typeof CommittedOffsets> = {
        offsets: partitions.flatMap((name, i) => {
          const known = committed[i];
          return known === undefined ? [] : [{ ...name, offset: known.offset, metadata: known.metadata }];
        }),
      };
      return v2json(200, answer);
    },
  },
];
