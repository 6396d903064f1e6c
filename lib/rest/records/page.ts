import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import type { FetchResult } from '../../log/log.ts';
import { decodeBatches } from '../../record/decode.ts';
import { readHeader } from '../../record/header.ts';
import type { BatchHeader } from '../../record/record.ts';
import type { HttpRequest, HttpResponse } from '../operation.ts';
import { encodedBytes, JSON_TYPE, MAX_ANSWER_BYTES } from '../response.ts';
import { formatRecord, KafkaRecord, type RecordFormat } from './formatRecord.ts';
import { RECORD_BATCH_TYPE } from './recordBatchType.ts';

export const KafkaRecordList = Type.Object(
  {
    kind: Type.Literal('KafkaRecordList'),
    metadata: Type.Object({
      self: Type.String(),
      next: Type.Union([Type.String(), Type.Null()], { description: 'A URL; null at the end of the log.' }),
    }),
    cluster_id: Type.String(),
    topic_name: Type.String(),
    partition_id: Type.Integer(),
    next_offset: Type.Integer({ description: 'Where the next fetch goes on.' }),
    high_watermark: Type.Integer(),
    log_start_offset: Type.Integer(),
    records: Type.Array(KafkaRecord),
  },
  { title: 'KafkaRecordList' },
);

/** Records in JSON, and where the next page begins. */
export interface Page extends Pick<FetchResult, 'nextOffset' | 'highWatermark' | 'logStartOffset'> {
  readonly records: readonly string[];
}

export interface PageLimits {
  readonly maxRecords: number;
  /** Of the records in JSON; the first one is taken if an answer can hold it. */
  readonly maxBytes: number;
  readonly format: RecordFormat;
}

/** A batch of 4 MiB may hold a record that decompresses to 32 MB: as a batch it can be answered. */
function requireAnswerable(offset: number, text: string): void {
  const { bytes } = encodedBytes(text);
  if (bytes <= MAX_ANSWER_BYTES) return;
  throw new WadiError(
    'MESSAGE_TOO_LARGE',
    `The record at offset ${offset} takes ${bytes} bytes as JSON, more than ${MAX_ANSWER_BYTES}: accept ${RECORD_BATCH_TYPE}, or go on behind it.`,
    { field: 'offset' },
  );
}

/**
 * The records of a fetch from `offset` on. A page that ends within a batch goes on with the record it has no room for;
 * otherwise behind the batches, so that it moves on even if compaction has emptied them. Throws MESSAGE_TOO_LARGE for a
 * record that no answer can hold as JSON.
 */
export function formatPage(partition: number, offset: number, result: FetchResult, limits: PageLimits): Page {
  const { bytes: batches, highWatermark, logStartOffset } = result;
  const records: string[] = [];
  const page = (nextOffset: number): Page => ({ records, nextOffset, highWatermark, logStartOffset });
  let bytes = 0;
  let header: BatchHeader;
  for (let position = 0; position < batches.length; position += header.bytes) {
    header = readHeader(batches, position);
    const batch = batches.subarray(position, position + header.bytes);
    for (const record of decodeBatches(batch, { fromOffset: offset })) {
      if (records.length === limits.maxRecords) return page(record.offset);
      const text = formatRecord(partition, record, header.timestampType, limits.format);
      bytes += Buffer.byteLength(text) + 1;
      if (bytes > limits.maxBytes) {
        if (records.length > 0) return page(record.offset);
        requireAnswerable(record.offset, text);
      }
      records.push(text);
    }
  }
  return page(result.nextOffset);
}

export function pageAnswer(
  clusterId: string,
  { baseUrl, path, query }: HttpRequest,
  topicName: string,
  partition: number,
  { records, nextOffset, highWatermark, logStartOffset }: Page,
): HttpResponse {
  const url = (search: URLSearchParams) => `${baseUrl}${path}${search.size > 0 ? `?${search}` : ''}`;
  const nextQuery = new URLSearchParams(query);
  nextQuery.delete('timestamp');
  nextQuery.set('offset', String(nextOffset));
  const list = JSON.stringify({
    kind: 'KafkaRecordList',
    metadata: { self: url(query), next: nextOffset < highWatermark ? url(nextQuery) : null },
    cluster_id: clusterId,
    topic_name: topicName,
    partition_id: partition,
    next_offset: nextOffset,
    high_watermark: highWatermark,
    log_start_offset: logStartOffset,
  });
  return {
    status: 200,
    headers: { 'content-type': JSON_TYPE },
    body: `${list.slice(0, -1)},"records":[${records.join(',')}]}`,
  };
}
