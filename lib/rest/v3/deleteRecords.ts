import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Operation } from '../operation.ts';
import { PARTITION, PartitionParams } from '../paths.ts';
import { paramsReader, queryReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { describePartition } from '../topicPartition.ts';
import { partitionPlace } from './partitions.ts';
import { clusterPlace, metadata, part, resourceSchema } from './resource.ts';
import { topicPlace } from './topics.ts';

const DeletedRecords = resourceSchema('KafkaDeletedRecords', {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  low_watermark: Type.Integer({
    description: "Where the partition now begins: Kafka's name for it here; else the earliest offset.",
  }),
});

const DeleteRecordsQuery = Type.Object({
  // Whatever is no offset of the partition is out of its range, as in Kafka.
  before_offset: Type.Integer({
    description:
      'Records below it are deleted; -1 stands for the high watermark, so deletes all that are there.',
  }),
});

const params = paramsReader(PartitionParams);
const readQuery = queryReader(DeleteRecordsQuery);

/** As in Kafka: of a topic that is compacted alone each key's last record is to stay. */
function requireDeletePolicy({ name, configs }: Topic): void {
  if (configs.cleanupPolicy.includes('delete')) return;
  const message = `Records of topic '${name}' cannot be deleted: its cleanup.policy does not include delete.`;
  throw new WadiError('POLICY_VIOLATION', message, { field: 'topic_name' });
}

export const deleteRecords: Operation = {
  id: 'deleteRecords',
  method: 'DELETE',
  path: `${PARTITION}/records`,
  summary: 'Delete Records',
  description:
    "Wadi's own. Kafka's DeleteRecords: moves the beginning of a partition up to an offset, never back. What is below cannot be read from then on; its storage is freed later. The topic's cleanup.policy must include delete.",
  tag: 'Records (v3)',
  params: PartitionParams,
  query: DeleteRecordsQuery,
  answers: { 200: { [JSON_TYPE]: DeletedRecords } },
  errors: [
    'INVALID_REQUEST',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OFFSET_OUT_OF_RANGE',
    'POLICY_VIOLATION',
    'KAFKA_STORAGE_ERROR',
  ],
  form: 'v3',
  async handle(wadi, request) {
    const { before_offset } = readQuery(request);
    const { topic_name, partition_id } = params(request);
    const topic = await describePartition(wadi, topic_name, partition_id);
    requireDeletePolicy(topic);
    const { logStartOffset } = await wadi.log.deleteRecords(topic, partition_id, before_offset);
    const partition = partitionPlace(topicPlace(clusterPlace(wadi, request), topic_name), partition_id);
    const answer: Static<typeof DeletedRecords> = {
      kind: 'KafkaDeletedRecords',
      metadata: metadata(part(partition, 'records', 'records')),
      cluster_id: wadi.clusterId,
      topic_name,
      partition_id,
      low_watermark: logStartOffset,
    };
    return json(200, answer);
  },
};
