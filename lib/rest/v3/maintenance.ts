import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { MAINTENANCE_LIMITS, withinSegments } from '../../maintenance/limits.ts';
import { type PartitionSurvey, surveyPartitions } from '../../maintenance/survey.ts';
import type { Operation } from '../operation.ts';
import { TOPIC, TopicParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { PageQuery, pageOf } from './page.ts';
import { partitionPlace, partitionsOf } from './partitions.ts';
import { clusterPlace, list, listSchema, metadata, type Place, resourceSchema } from './resource.ts';
import { topicPlace } from './topics.ts';

const KIND = 'KafkaPartitionMaintenance';

const Survey = resourceSchema(KIND, {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  log_start_offset: Type.Integer(),
  high_watermark: Type.Integer(),
  size_bytes: Type.Integer({ description: 'Of the record batches from the log start offset on, as stored.' }),
  segments_count: Type.Integer({ description: 'Index rows that lead to them.' }),
  unmerged_bytes: Type.Integer({ description: 'Of them, those that merging is still to copy;' }),
  oldest_unmerged_age_ms: Type.Integer({
    description: 'since the oldest of those was uploaded; 0 if there is none.',
  }),
  floor_lag_ms: Type.Integer({
    description: 'How long garbage of the topic has been due and not been collected; 0 if none is.',
  }),
});

function surveyData(topic: Place, topicName: string, survey: PartitionSurvey): Static<typeof Survey> {
  return {
    kind: KIND,
    metadata: metadata(partitionPlace(topic, survey.partition)),
    cluster_id: topic.clusterId,
    topic_name: topicName,
    partition_id: survey.partition,
    log_start_offset: survey.logStartOffset,
    high_watermark: survey.highWatermark,
    size_bytes: survey.sizeBytes,
    segments_count: survey.segments,
    unmerged_bytes: survey.unmergedBytes,
    oldest_unmerged_age_ms: survey.oldestUnmergedAgeMs,
    floor_lag_ms: survey.floorLagMs,
  };
}

const params = paramsReader(TopicParams);

export const surveyTopic: Operation = {
  id: 'surveyTopic',
  method: 'GET',
  path: `${TOPIC}/maintenance`,
  summary: 'Survey Topic',
  description: "Wadi's own. What each partition holds, and how far maintenance lags behind.",
  tag: 'Topic (v3)',
  params: TopicParams,
  query: PageQuery,
  answers: { 200: { [JSON_TYPE]: listSchema(KIND, Survey) } },
  errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR'],
  form: 'v3',
  async handle(wadi, request) {
    const { clock, storage, topics } = wadi;
    const topic = await topics.describe(params(request).topic_name);
    const place = topicPlace(clusterPlace(wadi, request), topic.name);
    const self = `${place.url}/maintenance`;
    const { page, next } = pageOf(request, self, partitionsOf(topic));
    const partitions = page.map(({ index }) => index);
    const limits = withinSegments(MAINTENANCE_LIMITS, topic.configs.segmentBytes);
    const surveys = await surveyPartitions({ items: storage.log, clock, limits }, topic, partitions);
    const data = surveys.map((survey) => surveyData(place, topic.name, survey));
    return json(200, list(KIND, self, data, next));
  },
};
