import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import { findApplication } from '../../streams/admin/findApplication.ts';
import { lagsOf, type TaskLag } from '../../streams/admin/lags.ts';
import { taskName } from '../../streams/runtime/application.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { PartitionParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { PageQuery, pageOf } from './page.ts';
import { clusterPlace, list, listSchema, metadata, type Place, part, resourceSchema } from './resource.ts';
import {
  APPLICATION,
  ApplicationParams,
  applicationParams,
  applicationPlace,
  streamsTag,
} from './streams.ts';

const LAGS = `${APPLICATION}/lags`;
const { topic_name, partition_id } = PartitionParams.properties;
const LagParams = Type.Object({ ...ApplicationParams.properties, topic_name, partition_id });

const KIND = 'KafkaStreamsLag';

const Lag = resourceSchema(KIND, {
  cluster_id: Type.String(),
  application_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  task_id: Type.String({ description: 'That reads it.' }),
  current_offset: Type.Integer({
    description: 'Where its next step begins; -1 if it has not begun to read it.',
  }),
  log_end_offset: Type.Integer(),
  lag: Type.Integer({
    description: 'From there, or else from the log start, to the end.',
  }),
});

export function lagPlace(application: Place, { topic, partition }: Pick<TaskLag, 'topic' | 'partition'>) {
  return part(application, `lags/${topic}/partitions/${partition}`, `lag=${topic}/partition=${partition}`);
}

function lagData(application: Place, applicationId: string, lag: TaskLag): Static<typeof Lag> {
  return {
    kind: KIND,
    metadata: metadata(lagPlace(application, lag)),
    cluster_id: application.clusterId,
    application_id: applicationId,
    topic_name: lag.topic,
    partition_id: lag.partition,
    task_id: taskName(lag.task),
    current_offset: lag.position,
    log_end_offset: lag.logEndOffset,
    lag: lag.lag,
  };
}

const lagParams = paramsReader(LagParams);

export const streamsLagOperations: readonly Operation[] = [
  {
    id: 'listStreamsLags',
    method: 'GET',
    path: LAGS,
    summary: 'List Streams Lags',
    description:
      "Wadi's own: of all partitions that the application is to read, its own topics too, in the order of topics and partitions.",
    tag: streamsTag,
    params: ApplicationParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Lag) } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { application_id } = applicationParams(request);
      const lags = await lagsOf(wadi, await findApplication(wadi, application_id));
      const application = applicationPlace(clusterPlace(wadi, request), application_id);
      const self = `${application.url}/lags`;
      const all = lags
        .filter(({ topic }) => access.allows('DESCRIBE', topicResource(topic)))
        .map((lag) => ({ topicName: lag.topic, index: lag.partition, lag }));
      const { page, next } = pageOf(request, self, all);
      const data = page.map(({ lag }) => lagData(application, application_id, lag));
      return json(200, list(KIND, self, data, next));
    },
  },
  {
    id: 'getStreamsLag',
    method: 'GET',
    path: `${LAGS}/{topic_name}/partitions/{partition_id}`,
    summary: 'Get Streams Lag',
    description: "Wadi's own.",
    tag: streamsTag,
    params: LagParams,
    answers: { 200: { [JSON_TYPE]: Lag } },
    errors: ['INVALID_REQUEST', 'GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { application_id, topic_name, partition_id } = lagParams(request);
      const lags = await lagsOf(wadi, await findApplication(wadi, application_id));
      const lag = lags.find(({ topic, partition }) => topic === topic_name && partition === partition_id);
      if (lag === undefined) {
        const message = `Application '${application_id}' does not read partition ${partition_id} of topic '${topic_name}'.`;
        throw new HttpError(404, message, { field: 'partition_id' });
      }
      const application = applicationPlace(clusterPlace(wadi, request), application_id);
      return json(200, lagData(application, application_id, lag));
    },
  },
];
