import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Operation } from '../operation.ts';
import { V2_TYPE, v2json } from '../response.ts';
import { listOf, optionalReader, PartitionOfTopic, partitionItem, v2Bodies } from './bodies.ts';
import { INSTANCE, InstanceParams, memberName, tag } from './paths.ts';
import { visible } from './visible.ts';

const HeartbeatRequest = Type.Object(
  {
    revoked: Type.Optional(
      Type.Union([listOf(partitionItem({})), Type.Null()], {
        description: 'Of `revoking`: those that the instance has stopped to process.',
      }),
    ),
  },
  { title: 'HeartbeatRequest', additionalProperties: false },
);

const partitions = (description: string) => Type.Array(PartitionOfTopic, { description });

const Heartbeat = Type.Object(
  {
    member_id: Type.String({ description: 'Of this incarnation of the instance.' }),
    member_epoch: Type.Integer({
      description: 'Of the division of partitions that the instance has its part of.',
    }),
    heartbeat_interval_ms: Type.Integer({ description: 'When the next heartbeat is due, or a poll.' }),
    assigned: Type.Array(
      Type.Object({
        ...PartitionOfTopic.properties,
        position: Type.Integer({
          description: 'Of the next record that a poll gives; -1 while it is not known.',
        }),
      }),
      { description: 'The instance holds these: nobody else of the group reads or commits them.' },
    ),
    pending: partitions('Are to be the instance’s, when others have let them go.'),
    revoking: partitions(
      'Of `assigned`: with `wadi.confirm.revocation`, those that it is to stop with and to confirm (`revoked`).',
    ),
  },
  { title: 'Heartbeat' },
);

const readRequest = optionalReader(HeartbeatRequest);

export const heartbeat: Operation = {
  id: 'heartbeat',
  method: 'POST',
  path: `${INSTANCE}/heartbeat`,
  summary: 'Keep the session of an instance',
  description:
    "Wadi's own: as Kafka's ConsumerGroupHeartbeat (KIP-848). Takes part in the division of partitions without a poll, so that records may be processed for long. The body may be left out.",
  tag,
  params: InstanceParams,
  accepts: v2Bodies(HeartbeatRequest),
  answers: { 200: { [V2_TYPE]: Heartbeat } },
  errors: [
    'INVALID_REQUEST',
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
    'GROUP_MAX_SIZE_REACHED',
    'KAFKA_STORAGE_ERROR',
  ],
  form: 'v2',
  async handle(wadi, request, access) {
    const revoked = readRequest(request)?.revoked ?? [];
    const state = visible(await wadi.groups.heartbeat(memberName(request), revoked), access);
    const answer: Static<typeof Heartbeat> = {
      member_id: state.memberId,
      member_epoch: state.epoch,
      heartbeat_interval_ms: state.heartbeatIntervalMs,
      assigned: state.assigned.map(({ topic, partition, position }) => ({ topic, partition, position })),
      pending: state.pending.map(({ topic, partition }) => ({ topic, partition })),
      revoking: state.revoking.map(({ topic, partition }) => ({ topic, partition })),
    };
    return v2json(200, answer);
  },
};
