import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Operation } from '../operation.ts';
import { paramsReader } from '../request.ts';
import { NO_CONTENT, V2_TYPE, v2json } from '../response.ts';
import { optionalReader, v2Bodies } from './bodies.ts';
import { idempotencyKey } from './idempotencyKey.ts';
import { CreateInstanceRequest, readConfig } from './instanceConfig.ts';
import {
  GROUP,
  GroupParams,
  INSTANCE,
  InstanceParams,
  instanceUrl,
  MEMBER_ID_HEADER,
  memberName,
  tag,
} from './paths.ts';

const CreatedInstance = Type.Object(
  {
    instance_id: Type.String({ description: 'Its name, by which all other calls have it.' }),
    base_uri: Type.String({ description: 'The URL of these calls.' }),
  },
  { title: 'CreatedInstance' },
);

const groupParams = paramsReader(GroupParams);
const readRequest = optionalReader(CreateInstanceRequest);

export const instanceOperations: readonly Operation[] = [
  {
    id: 'createConsumer',
    method: 'POST',
    path: GROUP,
    summary: 'Create a consumer instance',
    description:
      'Makes the group, too, if there is none. An empty body takes all defaults. No process holds the instance: any may be called by any route.',
    tag,
    params: GroupParams,
    accepts: v2Bodies(CreateInstanceRequest),
    answers: { 200: { [V2_TYPE]: CreatedInstance } },
    answerHeaders: {
      'Wadi-Member-Id':
        'Which of those that have had the name: who sends it with its calls has none taken for those of whoever comes after.',
    },
    errors: [
      'INVALID_REQUEST',
      'INVALID_CONFIG',
      'INVALID_SESSION_TIMEOUT',
      'INVALID_GROUP_ID',
      'UNSUPPORTED_ASSIGNOR',
      'UNRELEASED_INSTANCE_ID',
      'GROUP_MAX_SIZE_REACHED',
      'KAFKA_STORAGE_ERROR',
    ],
    form: 'v2',
    async handle(wadi, request) {
      const body = readRequest(request) ?? {};
      const { group_name } = groupParams(request);
      const name = body.id ?? body.name ?? undefined;
      const member = await wadi.groups.create(group_name, readConfig(body), name, request.caller);
      const answer: Static<typeof CreatedInstance> = {
        instance_id: member.name,
        base_uri: instanceUrl(request.baseUrl, member),
      };
      const { headers, ...response } = v2json(200, answer);
      return { ...response, headers: { ...headers, [MEMBER_ID_HEADER]: member.memberId } };
    },
  },
  {
    id: 'deleteConsumer',
    method: 'DELETE',
    path: INSTANCE,
    summary: 'Delete a consumer instance',
    description:
      'Its partitions go to others at once, after what it has polled was committed if it commits by itself. Of a poll with an `Idempotency-Key` that is so only if the key of the next one is told here. A static member keeps its partitions until its session is over.',
    tag,
    params: InstanceParams,
    answers: { 204: 'empty' },
    errors: ['INVALID_REQUEST', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi, request) {
      await wadi.groups.leave(memberName(request), idempotencyKey(request));
      return NO_CONTENT;
    },
  },
];
