import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Wadi } from '../../wadi.ts';
import { describeError } from '../errors.ts';
import type { HttpRequest, HttpResponse, Operation } from '../operation.ts';
import { V2_PARTITION, V2_TOPIC, V2PartitionParams, V2TopicParams } from '../paths.ts';
import { paramsReader, queryReader } from '../request.ts';
import { NO_CONTENT, V2_TYPE, v2json } from '../response.ts';
import { AcksQuery, readAcks } from './acks.ts';
import { type Delivery, type ProduceRecord, produce } from './produce.ts';
import { bodySchemas, PARTITION_FORMATS, readV2Records, TOPIC_FORMATS } from './recordV2.ts';

const ProduceQuery = Type.Object({
  ...AcksQuery.properties,
  async: Type.Optional(
    Type.Boolean({ description: "Strimzi Bridge's: answer 204 at once, as with acks=0.", default: false }),
  ),
});

const PartitionOffset = Type.Object(
  {
    partition: Type.Union([Type.Integer(), Type.Null()]),
    offset: Type.Union([Type.Integer({ description: '-1 with acks=0.' }), Type.Null()]),
    error_code: Type.Union([Type.Integer(), Type.Null()]),
    error: Type.Union([Type.String(), Type.Null()]),
  },
  { title: 'PartitionOffset' },
);

const V2ProduceResponse = Type.Object(
  {
    key_schema_id: Type.Null(),
    value_schema_id: Type.Null(),
    offsets: Type.Array(PartitionOffset, { description: 'In the order of the records.' }),
  },
  { title: 'V2ProduceResponse' },
);

const readQuery = queryReader(ProduceQuery);

/** Fails if no record was produced, by what the first of them met; otherwise each tells for itself, as in REST Proxy. */
async function produceV2(
  wadi: Wadi,
  request: HttpRequest,
  topicName: string,
  records: readonly ProduceRecord[],
): Promise<HttpResponse> {
  const acks = readAcks(request.query);
  const { async: untold = false } = readQuery(request);
  const deliveries = await produce(wadi, topicName, records, untold ? 0 : acks);
  const [first] = deliveries;
  if (first?.ok === false && deliveries.every(({ ok }) => !ok)) throw first.error;
  if (untold) return NO_CONTENT;
  const offsets = deliveries.map(partitionOffset);
  return v2json(200, { key_schema_id: null, value_schema_id: null, offsets });
}

function partitionOffset(delivery: Delivery): Static<typeof PartitionOffset> {
  if (delivery.ok) {
    const { partition, offset } = delivery;
    return { partition, offset, error_code: null, error: null };
  }
  const { error_code, message } = describeError(delivery.error, 'v2').body;
  return { partition: null, offset: null, error_code, error: message };
}

const topicParams = paramsReader(V2TopicParams);
const partitionParams = paramsReader(V2PartitionParams);

const shared = {
  method: 'POST',
  description:
    'Keys and values are base64, JSON or text, as the content type says; `headers` and `timestamp` are as in Strimzi Bridge.',
  tag: 'Producer (v2)',
  query: ProduceQuery,
  answers: { 200: { [V2_TYPE]: V2ProduceResponse }, 204: 'empty' },
  errors: [
    'INVALID_REQUEST',
    'INVALID_REQUIRED_ACKS',
    'INVALID_TIMESTAMP',
    'THROTTLING_QUOTA_EXCEEDED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'MESSAGE_TOO_LARGE',
    'KAFKA_STORAGE_ERROR',
    'NOT_ENOUGH_REPLICAS',
  ],
  form: 'v2',
} as const satisfies Partial<Operation>;

export const produceV2Operations: readonly Operation[] = [
  {
    ...shared,
    id: 'send',
    path: V2_TOPIC,
    summary: 'Produce Records to a Topic',
    params: V2TopicParams,
    accepts: bodySchemas(TOPIC_FORMATS),
    async handle(wadi, request) {
      const { topic_name } = topicParams(request);
      return produceV2(wadi, request, topic_name, readV2Records(request, TOPIC_FORMATS));
    },
  },
  {
    ...shared,
    id: 'sendToPartition',
    path: V2_PARTITION,
    summary: 'Produce Records to a Partition',
    params: V2PartitionParams,
    accepts: bodySchemas(PARTITION_FORMATS),
    async handle(wadi, request) {
      const { topic_name, partition_id: partition } = partitionParams(request);
      const records = readV2Records(request, PARTITION_FORMATS).map((record) => ({ ...record, partition }));
      return produceV2(wadi, request, topic_name, records);
    },
  },
];
