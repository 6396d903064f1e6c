import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import type { FetchRequest, FetchResult, Log, OffsetSpec } from '../../log/log.ts';
import { requirePartition } from '../../log/requirePartition.ts';
import type { Topic } from '../../topic/topic.ts';
import { answerType } from '../media.ts';
import type { HttpRequest, HttpResponse, Operation } from '../operation.ts';
import { PARTITION, PartitionParams } from '../paths.ts';
import { paramsReader, queryReader } from '../request.ts';
import { JSON_TYPE } from '../response.ts';
import { formatPage, KafkaRecordList, pageAnswer } from './page.ts';
import { RECORD_BATCH_TYPE } from './recordBatchType.ts';
import { parseRfc3339 } from './timestamp.ts';
import { withTopic } from './withTopic.ts';

/** An answer must fit in Lambda's 6 MB, where raw batches become base64, a third longer. */
const MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_BYTES = 1024 * 1024;
const DEFAULT_RECORDS = 500;

const format = (description: string) =>
  Type.Optional(
    Type.Union([Type.Literal('auto'), Type.Literal('binary'), Type.Literal('string'), Type.Literal('json')], {
      description,
    }),
  );

const FetchQuery = Type.Object({
  offset: Type.Optional(
    Type.String({
      pattern: '^(earliest|latest|[0-9]{1,19})$',
      default: 'earliest',
      description: 'Where to begin: an offset, the log start offset, or the high watermark.',
    }),
  ),
  timestamp: Type.Optional(
    Type.String({
      description:
        'Instead of `offset`: begin at the first record that is not older than this, in ms since the Unix epoch or as an RFC 3339 date-time; at the end if there is none.',
    }),
  ),
  max_records: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: DEFAULT_RECORDS })),
  max_bytes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_BYTES,
      default: DEFAULT_BYTES,
      description:
        'Of the records as answered. At least one record, or one batch, is answered if there is one.',
    }),
  ),
  min_bytes: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_BYTES,
      default: 1,
      description: 'Answer as soon as this many bytes of record batches are there,',
    }),
  ),
  max_wait_ms: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 20_000, default: 0, description: 'or this time has passed.' }),
  ),
  format: format(
    'How keys and values are written. `auto`: JSON if it can be written back to the same bytes, else STRING if UTF-8, else BINARY. `json`: JSON if it is JSON, in its own words, else as `auto`. `string`: STRING if UTF-8, else BINARY. `auto` if absent.',
  ),
  key_format: format('The same for keys alone.'),
  value_format: format('The same for values alone.'),
});

const params = paramsReader(PartitionParams);
const readQuery = queryReader(FetchQuery);
type Query = Static<typeof FetchQuery>;

export const fetchRecords: Operation = {
  id: 'fetchRecords',
  method: 'GET',
  path: `${PARTITION}/records`,
  summary: 'Fetch Records',
  description: [
    "Wadi's own. The records of a partition from an offset or a time on, waiting for them if asked to. As",
    `${RECORD_BATCH_TYPE} (Accept) the answer is whole Kafka record batches, of which the first may begin before the`,
    'offset asked for; then `max_records` does not apply, and the headers `Wadi-Next-Offset`, `Wadi-High-Watermark` and',
    '`Wadi-Log-Start-Offset` tell what the JSON form tells.',
  ].join(' '),
  tag: 'Records (v3)',
  params: PartitionParams,
  query: FetchQuery,
  answers: { 200: { [JSON_TYPE]: KafkaRecordList, [RECORD_BATCH_TYPE]: 'binary' } },
  answerHeaders: {
    'Wadi-Next-Offset': 'With record batches: where the next fetch goes on.',
    'Wadi-High-Watermark': 'With record batches: the offset after the last record.',
    'Wadi-Log-Start-Offset': 'With record batches: the offset of the first record.',
  },
  errors: [
    'INVALID_REQUEST',
    'INVALID_TIMESTAMP',
    'KAFKA_STORAGE_ERROR',
    'MESSAGE_TOO_LARGE',
    'OFFSET_OUT_OF_RANGE',
    'UNKNOWN_TOPIC_OR_PARTITION',
  ],
  form: 'v3',

  async handle(wadi, request) {
    const { topic_name, partition_id } = params(request);
    const query = readQuery(request);
    const start = startOf(query);
    const type = answerType(request, [JSON_TYPE, RECORD_BATCH_TYPE]);
    return withTopic(wadi, topic_name, partition_id, async (topic) => {
      requirePartition(topic, partition_id);
      const { offset, result } = await fetchFrom(
        wadi.log,
        topic,
        partition_id,
        start,
        limitsOf(query, request),
      );
      if (type === RECORD_BATCH_TYPE) return batchesAnswer(result);
      const { max_records = DEFAULT_RECORDS, max_bytes = DEFAULT_BYTES, format = 'auto' } = query;
      const { key_format = format, value_format = format } = query;
      const page = formatPage(partition_id, offset, result, {
        maxRecords: max_records,
        maxBytes: max_bytes,
        format: { key: key_format, value: value_format },
      });
      return pageAnswer(wadi.clusterId, request, topic_name, partition_id, page);
    });
  },
};

function limitsOf(query: Query, { signal }: HttpRequest): Omit<FetchRequest, 'partition' | 'offset'> {
  const { max_bytes = DEFAULT_BYTES, min_bytes = 1, max_wait_ms = 0 } = query;
  return { maxBytes: max_bytes, minBytes: min_bytes, maxWaitMs: max_wait_ms, ...(signal && { signal }) };
}

/** Where to begin: an offset, or what has to be looked up to have one. */
function startOf({ offset, timestamp }: Query): number | OffsetSpec {
  if (timestamp !== undefined) {
    if (offset === undefined) return { timestamp: parseTimestamp(timestamp) };
    throw new WadiError('INVALID_REQUEST', 'timestamp and offset exclude each other.', {
      field: 'timestamp',
    });
  }
  if (offset === 'earliest' || offset === 'latest') return offset;
  return offset === undefined ? 'earliest' : Number(offset);
}

const parseTimestamp = (text: string): number =>
  /^\d{1,15}$/.test(text) ? Number(text) : parseRfc3339(text, 'timestamp');

/** Retention may pass an offset between its look-up and the fetch: then it is looked up once more. */
async function fetchFrom(
  log: Log,
  topic: Topic,
  partition: number,
  start: number | OffsetSpec,
  limits: Omit<FetchRequest, 'partition' | 'offset'>,
): Promise<{ offset: number; result: FetchResult }> {
  for (let last = typeof start === 'number'; ; last = true) {
    const offset = typeof start === 'number' ? start : await lookUp(log, topic, partition, start);
    try {
      return { offset, result: await log.fetch(topic, { partition, offset, ...limits }) };
    } catch (error) {
      if (last || !(error instanceof WadiError) || error.kafka !== 'OFFSET_OUT_OF_RANGE') throw error;
    }
  }
}

async function lookUp(log: Log, topic: Topic, partition: number, spec: OffsetSpec): Promise<number> {
  const { offset } = await log.listOffsets(topic, partition, spec);
  return offset >= 0 ? offset : (await log.bounds(topic, partition)).highWatermark;
}

/** The batches as they are stored, with their offsets. */
function batchesAnswer({ bytes, nextOffset, highWatermark, logStartOffset }: FetchResult): HttpResponse {
  return {
    status: 200,
    headers: {
      'content-type': RECORD_BATCH_TYPE,
      'wadi-next-offset': String(nextOffset),
      'wadi-high-watermark': String(highWatermark),
      'wadi-log-start-offset': String(logStartOffset),
    },
    body: bytes,
  };
}
