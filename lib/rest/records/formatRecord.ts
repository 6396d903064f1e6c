import * as Type from '@sinclair/typebox/type';
import type { DecodedRecord, TimestampType } from '../../record/record.ts';
import { type DataFormat, formatBase64, formatData } from './data.ts';
import { formatRfc3339 } from './timestamp.ts';

const RecordData = Type.Union([
  Type.Object(
    {
      type: Type.Union([Type.Literal('BINARY'), Type.Literal('JSON'), Type.Literal('STRING')]),
      data: Type.Unknown(),
    },
    { title: 'RecordData' },
  ),
  Type.Null(),
]);

export const KafkaRecord = Type.Object(
  {
    partition_id: Type.Integer(),
    offset: Type.Integer(),
    timestamp: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'Null if the record has none, or one beyond the year 9999.',
    }),
    timestamp_ms: Type.Integer({
      description: 'The same in ms since the Unix epoch; -1 if the record has none.',
    }),
    timestamp_type: Type.Union([Type.Literal('CreateTime'), Type.Literal('LogAppendTime')]),
    headers: Type.Array(
      Type.Object({
        name: Type.String(),
        value: Type.Union([Type.String({ contentEncoding: 'base64' }), Type.Null()]),
      }),
    ),
    key: RecordData,
    value: RecordData,
  },
  { title: 'KafkaRecord' },
);

/** How keys and values are to be written. */
export interface RecordFormat {
  readonly key: DataFormat;
  readonly value: DataFormat;
}

/** A `KafkaRecord` in JSON. */
export function formatRecord(
  partition: number,
  record: DecodedRecord,
  timestampType: TimestampType,
  format: RecordFormat,
): string {
  const { offset, timestamp, headers } = record;
  const time = JSON.stringify(formatRfc3339(timestamp));
  const key = formatData(record.key, format.key);
  const value = formatData(record.value, format.value);
  return `{"partition_id":${partition},"offset":${offset},"timestamp":${time},"timestamp_ms":${timestamp},"timestamp_type":"${timestampType}","headers":${formatHeaders(headers)},"key":${key},"value":${value}}`;
}

function formatHeaders(headers: DecodedRecord['headers']): string {
  if (headers.length === 0) return '[]';
  return JSON.stringify(
    headers.map(({ key, value }) => ({ name: key, value: value && formatBase64(value) })),
  );
}
