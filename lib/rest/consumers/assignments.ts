import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Operation } from '../operation.ts';
import { jsonReader } from '../request.ts';
import { NO_CONTENT, V2_TYPE, v2json } from '../response.ts';
import { distinct, PartitionOfTopic, Partitions, v2Bodies } from './bodies.ts';
import { withState } from './illegalState.ts';
import { INSTANCE, InstanceParams, memberName, tag } from './paths.ts';
import { requireReadable, visible } from './visible.ts';

const PATH = `${INSTANCE}/assignments`;

const Assignments = Type.Object({ partitions: Type.Array(PartitionOfTopic) }, { title: 'Assignments' });

const readPartitions = jsonReader(Partitions);

export const assignmentOperations: readonly Operation[] = [
  {
    id: 'assign',
    method: 'POST',
    path: PATH,
    summary: 'Assign partitions to an instance by hand',
    description: 'Beside all division among the group. Replaces those that were assigned before.',
    tag,
    params: InstanceParams,
    accepts: v2Bodies(Partitions),
    answers: { 204: 'empty' },
    errors: [
      'INVALID_REQUEST',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_MEMBER_ID',
      'FENCED_INSTANCE_ID',
      'KAFKA_STORAGE_ERROR',
    ],
    refusals: [409],
    form: 'v2',
    async handle(wadi, request, access) {
      const partitions = distinct(readPartitions(request).partitions);
      requireReadable(access, partitions, 'partitions');
      await withState('INVALID_REQUEST', () => wadi.groups.assign(memberName(request), partitions));
      return NO_CONTENT;
    },
  },
  {
    id: 'listAssignments',
    method: 'GET',
    path: PATH,
    summary: 'Which partitions an instance has',
    description: 'By hand or by the division among the group.',
    tag,
    params: InstanceParams,
    answers: { 200: { [V2_TYPE]: Assignments } },
    errors: ['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request, access) {
      const state = await wadi.groups.describeMember(memberName(request));
      const { assigned } = visible(state, access);
      const answer: Static<typeof Assignments> = {
        partitions: assigned.map(({ topic, partition }) => ({ topic, partition })),
      };
      return v2json(200, answer);
    },
  },
];
