import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import { deleteApplication } from '../../streams/admin/deleteApplication.ts';
import { findApplication } from '../../streams/admin/findApplication.ts';
import type { ResetPosition } from '../../streams/admin/planReset.ts';
import { resetApplication } from '../../streams/admin/resetApplication.ts';
import type { ApplicationDescription } from '../../streams/registry/describeApplication.ts';
import { ownTopicsOf, sourceTopicsOf } from '../../streams/registry/topicsOf.ts';
import { taskName } from '../../streams/runtime/application.ts';
import type { Operation } from '../operation.ts';
import { jsonReader } from '../request.ts';
import { JSON_TYPE, json, NO_CONTENT } from '../response.ts';
import { ResetToPlace, specOf } from './resetTo.ts';
import { clusterPlace, list, listSchema, metadata, type Place, resourceSchema } from './resource.ts';
import {
  APPLICATION,
  ApplicationParams,
  applicationParams,
  applicationPlace,
  streamsTag,
} from './streams.ts';
import { lagPlace } from './streamsLags.ts';

const KIND = 'KafkaStreamsPosition';

const ResetRequest = Type.Object(
  {
    to: Type.Optional(ResetToPlace),
    dry_run: Type.Optional(Type.Boolean({ description: 'Answer what it would be; change nothing.' })),
  },
  { title: 'ResetStreamsRequest', additionalProperties: false },
);

const Position = resourceSchema(KIND, {
  cluster_id: Type.String(),
  application_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  task_id: Type.String(),
  before: Type.Integer({ description: '-1 if there was none.' }),
  offset: Type.Integer(),
});

function positionData(
  application: Place,
  applicationId: string,
  { task, topic, partition, before, offset }: ResetPosition,
): Static<typeof Position> {
  return {
    kind: KIND,
    metadata: metadata(lagPlace(application, { topic, partition })),
    cluster_id: application.clusterId,
    application_id: applicationId,
    topic_name: topic,
    partition_id: partition,
    task_id: taskName(task),
    before,
    offset,
  };
}

/** They go with the application's state. */
function requireOwn(access: Access, application: ApplicationDescription): void {
  for (const topic of ownTopicsOf(application)) access.require('DELETE', topicResource(topic));
}

const readReset = jsonReader(ResetRequest);

export const streamsResetOperations: readonly Operation[] = [
  {
    id: 'resetStreamsApplication',
    method: 'POST',
    path: `${APPLICATION}/positions:reset`,
    summary: 'Reset Streams Application',
    description:
      "Wadi's own: kafka-streams-application-reset. The application begins anew, at these positions of the topics that it reads (`earliest` unless given), and without state: its own topics and its snapshots are deleted. What it has put into other topics stays. Refused while a worker has one of its tasks. Whoever dies of it, or gets no answer, does it again: until then nobody works on it.",
    tag: streamsTag,
    params: ApplicationParams,
    accepts: { [JSON_TYPE]: ResetRequest },
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Position) } },
    errors: [
      'INVALID_REQUEST',
      'INVALID_TIMESTAMP',
      'GROUP_ID_NOT_FOUND',
      'NON_EMPTY_GROUP',
      'REQUEST_TIMED_OUT',
      'KAFKA_STORAGE_ERROR',
    ],
    form: 'v3',
    async handle(wadi, request, access) {
      const { application_id } = applicationParams(request);
      const { to = 'earliest', dry_run = false } = readReset(request);
      const spec = specOf(to);
      const described = await findApplication(wadi, application_id);
      for (const topic of sourceTopicsOf(described)) access.require('READ', topicResource(topic));
      requireOwn(access, described);
      const positions = await resetApplication(wadi, application_id, spec, { dryRun: dry_run });
      const application = applicationPlace(clusterPlace(wadi, request), application_id);
      const data = positions.map((position) => positionData(application, application_id, position));
      return json(200, list(KIND, `${application.url}/positions:reset`, data));
    },
  },
  {
    id: 'deleteStreamsApplication',
    method: 'DELETE',
    path: APPLICATION,
    summary: 'Delete Streams Application',
    description:
      "Wadi's own: with its state, its positions and its own topics; what it has put into other topics stays. Refused while a worker has one of its tasks. A worker that comes later begins anew.",
    tag: streamsTag,
    params: ApplicationParams,
    answers: { 204: 'empty' },
    errors: ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP', 'REQUEST_TIMED_OUT', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { application_id } = applicationParams(request);
      requireOwn(access, await findApplication(wadi, application_id));
      await deleteApplication(wadi, application_id);
      return NO_CONTENT;
    },
  },
];
