import type { TSchema } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { WadiError } from '../../errors.ts';
import { describeError } from '../errors.ts';
import { escapedBytes } from '../response.ts';
import type { DataType } from './data.ts';
import type { Delivery } from './produce.ts';
import type { V3Record } from './recordV3.ts';
import { formatRfc3339 } from './timestamp.ts';

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const ProduceResponseData = Type.Object(
  { type: Type.String(), size: Type.Integer({ description: 'Bytes.' }) },
  { title: 'ProduceResponseData' },
);

/** What REST Proxy v3 tells of a record that was produced. */
export const reportFields = {
  cluster_id: Type.String(),
  topic_name: Type.String(),
  partition_id: Type.Integer(),
  offset: Type.Integer({ description: '-1 with acks=0.' }),
  timestamp: nullable(Type.String({ format: 'date-time', description: 'As stored.' })),
  key: nullable(ProduceResponseData),
  value: nullable(ProduceResponseData),
};

type Delivered = Extract<Delivery, { ok: true }>;

/** Writes `reportFields` as the members of a JSON object, without its braces. */
export function reporter(
  clusterId: string,
  topicName: string,
): (record: V3Record, delivery: Delivered) => string {
  const place = `"cluster_id":${JSON.stringify(clusterId)},"topic_name":${JSON.stringify(topicName)}`;
  return (record, { partition, offset, timestamp }) => {
    const time = JSON.stringify(formatRfc3339(timestamp));
    const data = `"key":${dataReport(record.keyType, record.key)},"value":${dataReport(record.valueType, record.value)}`;
    return `${place},"partition_id":${partition},"offset":${offset},"timestamp":${time},${data}`;
  };
}

const dataReport = (type: DataType, bytes: Uint8Array | null): string =>
  bytes === null ? 'null' : `{"type":"${type}","size":${bytes.length}}`;

/** Writes the members of an error. Records that failed together are described, and logged, once. */
export function failureReporter(): (error: WadiError) => string {
  const described = new Map<WadiError, string>();
  return (error) => {
    const known = described.get(error) ?? failureReport(error);
    described.set(error, known);
    return known;
  };
}

/** Of a message that would not fit: its begin, which even in control characters does. */
const SHORT_MESSAGE = 40;

function failureReport(error: WadiError): string {
  const { body } = describeError(error, 'v3');
  const report = JSON.stringify(body).slice(1, -1);
  if (escapedBytes(report) <= MAX_REPORT_BYTES) return report;
  const { field: _, ...rest } = body;
  return JSON.stringify({ ...rest, message: `${body.message.slice(0, SHORT_MESSAGE)}…` }).slice(1, -1);
}

/** Of one record in Lambda's answer, whose topic's name alone may have 249; the id of an entry comes on top. */
export const MAX_REPORT_BYTES = 500;
