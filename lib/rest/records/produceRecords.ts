import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import type { Wadi } from '../../wadi.ts';
import { HttpError } from '../errors.ts';
import type { HttpRequest, HttpResponse, Operation } from '../operation.ts';
import { TOPIC, TopicParams } from '../paths.ts';
import { paramsReader, parseJson } from '../request.ts';
import { JSON_TYPE } from '../response.ts';
import { AcksQuery, readAcks } from './acks.ts';
import { splitDocuments } from './jsonText.ts';
import { MAX_RECORDS, orRefusal, produce } from './produce.ts';
import { readText } from './readText.ts';
import { ProduceRequest, recordReader, type V3Record } from './recordV3.ts';
import { failureReporter, reporter, reportFields } from './report.ts';

export const ProduceResponse = Type.Object(
  { error_code: Type.Integer({ description: '200: produced.' }), ...reportFields },
  { title: 'ProduceResponse' },
);

const readRecord = recordReader(ProduceRequest);

/**
 * Produces the records of a body that is one JSON document, or several one after the other. One is answered by its
 * report or its error; of several each has its own report, in their order, one to a line.
 */
export async function produceDocuments(
  wadi: Wadi,
  request: HttpRequest,
  topicName: string,
  partition?: number,
): Promise<HttpResponse> {
  const acks = readAcks(request.query);
  const text = readText(request);
  const read = (document: unknown, at: number) =>
    inPartition(
      readRecord(document, text, () => at),
      partition,
    );
  const records = readDocuments(text).map(({ document, at }) => orRefusal(() => read(document, at)));
  const deliveries = await produce(wadi, topicName, records, acks);
  const [first] = deliveries;
  if (deliveries.length === 1 && first?.ok === false) throw first.error;

  const report = reporter(wadi.clusterId, topicName);
  const failure = failureReporter();
  const reports = deliveries.map((delivery, i) =>
    delivery.ok
      ? `{"error_code":200,${report(records[i] as V3Record, delivery)}}`
      : `{${failure(delivery.error)}}`,
  );
  return { status: 200, headers: { 'content-type': JSON_TYPE }, body: reports.join('\n') };
}

/** Each document, and where it begins; one that is malformed refuses them all. */
function readDocuments(text: string): { document: unknown; at: number }[] {
  const documents = splitDocuments(text, MAX_RECORDS);
  if (documents === 'too many') {
    throw new HttpError(422, `The body has more than ${MAX_RECORDS} records.`);
  }
  if (documents === 'malformed') {
    parseJson(text);
    throw new HttpError(400, 'The body is not a JSON object, nor several one after the other.');
  }
  return documents.map(({ at, end }) => ({ document: parseJson(text.slice(at, end)), at }));
}

function inPartition(record: V3Record, partition: number | undefined): V3Record {
  if (partition === undefined || record.partition === partition) return record;
  if (record.partition === undefined) return { ...record, partition };
  throw new WadiError(
    'INVALID_REQUEST',
    `partition_id is ${record.partition}, but the path's is ${partition}.`,
    {
      field: 'partition_id',
    },
  );
}

const params = paramsReader(TopicParams);

export const produceRecords: Operation = {
  id: 'produceRecord',
  method: 'POST',
  path: `${TOPIC}/records`,
  summary: 'Produce Records',
  description: [
    'Produces one record, or several: their JSON documents one after the other, with or without white space between.',
    'The documents of the answer are in the same order, one to a line. A single record that fails is answered by its',
    "error; of several, each report has its own `error_code`. JSON data is stored in the client's own tokens, without",
    'white space between them.',
  ].join(' '),
  tag: 'Records (v3)',
  params: TopicParams,
  query: AcksQuery,
  accepts: { [JSON_TYPE]: ProduceRequest },
  answers: { 200: { [JSON_TYPE]: ProduceResponse } },
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
  form: 'v3',
  handle: (wadi, request) => produceDocuments(wadi, request, params(request).topic_name),
};
