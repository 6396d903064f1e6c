import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { TOPIC, TopicParams } from '../paths.ts';
import { checker, paramsReader, parseJson } from '../request.ts';
import { escapedBytes, JSON_TYPE, MAX_ANSWER_BYTES } from '../response.ts';
import { AcksQuery, readAcks } from './acks.ts';
import { findElements } from './jsonText.ts';
import { MAX_RECORDS, orRefusal, produce } from './produce.ts';
import { readText } from './readText.ts';
import { ProduceBatchRequestEntry, recordReader, type V3Record } from './recordV3.ts';
import { failureReporter, MAX_REPORT_BYTES, reporter, reportFields } from './report.ts';

const ProduceBatchRequest = Type.Object(
  { entries: Type.Array(ProduceBatchRequestEntry, { minItems: 1, maxItems: MAX_RECORDS }) },
  { title: 'ProduceBatchRequest', additionalProperties: false },
);

/** What refuses the whole request; the rest of an entry is its own affair. */
const checkEnvelope = checker(
  Type.Object(
    {
      entries: Type.Array(Type.Object({ id: ProduceBatchRequestEntry.properties.id }), {
        minItems: 1,
        maxItems: MAX_RECORDS,
      }),
    },
    { additionalProperties: false },
  ),
);

const id = Type.String({ description: "The entry's." });

const ProduceBatchResponse = Type.Object(
  {
    successes: Type.Array(
      Type.Object({ id, ...reportFields }, { title: 'ProduceBatchResponseSuccessEntry' }),
    ),
    failures: Type.Array(
      Type.Object(
        { id, error_code: Type.Integer(), message: Type.String() },
        { title: 'ProduceBatchResponseFailureEntry' },
      ),
    ),
  },
  { title: 'ProduceBatchResponse' },
);

const readEntry = recordReader(ProduceBatchRequestEntry);
const params = paramsReader(TopicParams);

export const produceRecordsBatch: Operation = {
  id: 'produceRecordsBatch',
  method: 'POST',
  path: `${TOPIC}/records:batch`,
  summary: 'Produce Records Batch',
  description: 'Produces many records. Each is told among the successes or the failures, by its `id`.',
  tag: 'Records (v3)',
  params: TopicParams,
  query: AcksQuery,
  accepts: { [JSON_TYPE]: ProduceBatchRequest },
  answers: { 207: { [JSON_TYPE]: ProduceBatchResponse } },
  errors: [
    'INVALID_REQUEST',
    'INVALID_REQUIRED_ACKS',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'KAFKA_STORAGE_ERROR',
    'NOT_ENOUGH_REPLICAS',
  ],
  form: 'v3',

  async handle(wadi, request) {
    const acks = readAcks(request.query);
    const { topic_name } = params(request);
    const text = readText(request);
    const entries = readEntries(parseJson(text));
    let starts: number[] | undefined;
    const startOf = (i: number): number => {
      starts ??= findElements(text, 'entries');
      return starts[i]!;
    };
    const records = entries.map((entry, i) => orRefusal(() => readEntry(entry, text, () => startOf(i))));
    const deliveries = await produce(wadi, topic_name, records, acks);

    const report = reporter(wadi.clusterId, topic_name);
    const failure = failureReporter();
    const successes: string[] = [];
    const failures: string[] = [];
    for (const [i, delivery] of deliveries.entries()) {
      const id = JSON.stringify(entries[i]!.id);
      if (delivery.ok) successes.push(`{"id":${id},${report(records[i] as V3Record, delivery)}}`);
      else failures.push(`{"id":${id},${failure(delivery.error)}}`);
    }
    const body = `{"successes":[${successes}],"failures":[${failures}]}`;
    return { status: 207, headers: { 'content-type': JSON_TYPE }, body };
  },
};

/**
 * Without ids of their own the failures could not be told apart, so such a request is refused as a whole. And without
 * room for all reports, which ids of 10,000 entries may fill, nobody would hear what was produced.
 */
function readEntries(body: unknown): { id: string }[] {
  try {
    const { entries } = checkEnvelope(body);
    const ids = new Set<string>();
    let answerBytes = entries.length * MAX_REPORT_BYTES;
    for (const [i, { id }] of entries.entries()) {
      answerBytes += escapedBytes(JSON.stringify(id));
      if (answerBytes > MAX_ANSWER_BYTES) {
        throw new WadiError(
          'INVALID_REQUEST',
          'The ids are too long to answer all in one: send fewer entries.',
          {
            field: 'entries',
          },
        );
      }
      if (ids.size === ids.add(id).size) {
        throw new WadiError('INVALID_REQUEST', `The id ${JSON.stringify(id)} is not distinct.`, {
          field: `entries[${i}].id`,
        });
      }
    }
    return entries;
  } catch (error) {
    if (!(error instanceof WadiError)) throw error;
    throw new HttpError(422, error.message, error.field === undefined ? {} : { field: error.field });
  }
}
