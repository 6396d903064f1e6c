import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import { requirePartition } from '../../log/requirePartition.ts';
import { validateBatches } from '../../record/validate.ts';
import type { Wadi } from '../../wadi.ts';
import { HttpError } from '../errors.ts';
import { bodyType } from '../media.ts';
import type { HttpRequest, HttpResponse, Operation } from '../operation.ts';
import { PARTITION, PartitionParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { AcksQuery, readAcks } from './acks.ts';
import { append, NO_OFFSET } from './append.ts';
import { batchLimits } from './limits.ts';
import { ProduceResponse, produceDocuments } from './produceRecords.ts';
import { EMPTY_BODY } from './readText.ts';
import { RECORD_BATCH_TYPE } from './recordBatchType.ts';
import { ProduceRequest } from './recordV3.ts';
import { formatRfc3339 } from './timestamp.ts';
import { withTopic } from './withTopic.ts';

const ProduceBatchesResponse = Type.Object(
  {
    error_code: Type.Integer({ description: '200: produced.' }),
    cluster_id: Type.String(),
    topic_name: Type.String(),
    partition_id: Type.Integer(),
    offset: Type.Integer({ description: 'Of the first record; -1 with acks=0.' }),
    base_offset: Type.Integer({ description: 'The same.' }),
    base_offsets: Type.Array(Type.Integer(), {
      description: 'Of each batch: they may lie apart if some of them were there before.',
    }),
    next_offset: Type.Integer({ description: 'The offset after the last record; -1 with acks=0.' }),
    record_count: Type.Integer(),
    log_start_offset: Type.Integer({ description: '-1 with acks=0.' }),
    timestamp: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'The time of the append, if message.timestamp.type is LogAppendTime.',
    }),
  },
  { title: 'ProduceBatchesResponse' },
);

async function produceBatches(
  wadi: Wadi,
  request: HttpRequest,
  topicName: string,
  partition: number,
): Promise<HttpResponse> {
  const acks = readAcks(request.query);
  if (request.body.length === 0) throw new HttpError(422, EMPTY_BODY);
  return withTopic(wadi, topicName, partition, async (topic) => {
    requirePartition(topic, partition);
    const nowMs = wadi.clock.now();
    const batches = ofBody(() => validateBatches(request.body, batchLimits(topic, nowMs)));
    const [result] = await append(wadi.log, topic, [{ partition, batches }], acks);
    if (result?.ok !== true) throw result?.error;
    const last = batches.length - 1;
    const answer: Static<typeof ProduceBatchesResponse> = {
      error_code: 200,
      cluster_id: wadi.clusterId,
      topic_name: topicName,
      partition_id: partition,
      offset: result.offsets[0]!,
      base_offset: result.offsets[0]!,
      base_offsets: [...result.offsets],
      next_offset: acks === 0 ? NO_OFFSET : result.offsets[last]! + batches[last]!.recordCount,
      record_count: batches.reduce((count, batch) => count + batch.recordCount, 0),
      log_start_offset: result.logStartOffset,
      timestamp: topic.configs.messageTimestampType === 'LogAppendTime' ? formatRfc3339(nowMs) : null,
    };
    return json(200, answer);
  });
}

/** What is wrong with a batch is wrong with the body. */
function ofBody<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WadiError)) throw error;
    throw new WadiError(error.kafka, error.message, { field: error.field ?? 'body' });
  }
}

const params = paramsReader(PartitionParams);

export const produceToPartition: Operation = {
  id: 'produceToPartition',
  method: 'POST',
  path: `${PARTITION}/records`,
  summary: 'Produce to a Partition',
  description: [
    `Wadi's own. JSON documents as for \`produceRecord\`, all for this partition; or, as ${RECORD_BATCH_TYPE}, Kafka record`,
    'batches (magic 2) one after the other, stored all or none and just as they are, idempotent producers included: a',
    'repeated batch answers the offset it has.',
  ].join(' '),
  tag: 'Records (v3)',
  params: PartitionParams,
  query: AcksQuery,
  accepts: { [JSON_TYPE]: ProduceRequest, [RECORD_BATCH_TYPE]: 'binary' },
  answers: { 200: { [JSON_TYPE]: Type.Union([ProduceResponse, ProduceBatchesResponse]) } },
  errors: [
    'CORRUPT_MESSAGE',
    'INVALID_PRODUCER_EPOCH',
    'INVALID_RECORD',
    'INVALID_REQUEST',
    'INVALID_REQUIRED_ACKS',
    'INVALID_TIMESTAMP',
    'KAFKA_STORAGE_ERROR',
    'NOT_ENOUGH_REPLICAS',
    'MESSAGE_TOO_LARGE',
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    'THROTTLING_QUOTA_EXCEEDED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNSUPPORTED_COMPRESSION_TYPE',
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  ],
  form: 'v3',

  async handle(wadi, request) {
    const { topic_name, partition_id } = params(request);
    if (bodyType(request) === RECORD_BATCH_TYPE) {
      return produceBatches(wadi, request, topic_name, partition_id);
    }
    await withTopic(wadi, topic_name, partition_id, async (topic) => requirePartition(topic, partition_id));
    return produceDocuments(wadi, request, topic_name, partition_id);
  },
};
