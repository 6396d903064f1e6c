import type { Static, TSchema } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { bodyType } from '../media.ts';
import type { HttpRequest } from '../operation.ts';
import { checker, parseJson } from '../request.ts';
import { V2_TYPE } from '../response.ts';
import { type DataType, encodeData, readHeader } from './data.ts';
import { compactValue, findElements, findValue } from './jsonText.ts';
import { MAX_RECORDS, type ProduceRecord } from './produce.ts';
import { readText } from './readText.ts';

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const base64 = Type.String({ contentEncoding: 'base64' });
const closed = { additionalProperties: false };

const fields = (data: TSchema) => ({
  key: Type.Optional(data),
  value: Type.Optional(data),
  timestamp: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Milliseconds since the Unix epoch; now, if absent.',
      }),
    ),
  ),
  headers: Type.Optional(Type.Array(Type.Object({ key: Type.String(), value: nullable(base64) }, closed))),
});

/** Strimzi Bridge's ProducerRecord and ProducerRecordToPartition: REST Proxy's with headers and a timestamp. */
const toTopic = (data: TSchema) =>
  Type.Object({ ...fields(data), partition: Type.Optional(nullable(Type.Integer({ minimum: 0 }))) }, closed);
const toPartition = (data: TSchema) => Type.Object(fields(data), closed);

type V2Record = Static<ReturnType<typeof toPartition>> & { partition?: number | null };

interface V2Format {
  readonly type: DataType;
  readonly schema: TSchema;
  readonly check: (body: unknown) => { records: V2Record[] };
}

function format<T extends ReturnType<typeof toTopic | typeof toPartition>>(
  type: DataType,
  record: T,
): V2Format {
  const records = Type.Array(record, { minItems: 1, maxItems: MAX_RECORDS });
  const schema = Type.Object({ records }, closed);
  return { type, schema, check: checker(schema) };
}

/**
 * REST Proxy v2's embedded formats and Strimzi Bridge's `text`, by media type. A body that names no format is binary,
 * as in REST Proxy 5. `application/json` is not taken: whether its strings are text or base64 would be a guess.
 */
function formats(record: typeof toTopic | typeof toPartition): ReadonlyMap<string, V2Format> {
  const binary = format('BINARY', record(nullable(base64)));
  return new Map([
    [V2_TYPE, binary],
    ['application/vnd.kafka.binary.v2+json', binary],
    ['application/vnd.kafka.json.v2+json', format('JSON', record(Type.Unknown()))],
    ['application/vnd.kafka.text.v2+json', format('STRING', record(nullable(Type.String())))],
  ]);
}

export const TOPIC_FORMATS = formats(toTopic);
export const PARTITION_FORMATS = formats(toPartition);

export const bodySchemas = (formats: ReadonlyMap<string, V2Format>): Record<string, TSchema> =>
  Object.fromEntries(Array.from(formats, ([type, { schema }]) => [type, schema]));

/**
 * Reads a v2 produce request. One wrong record refuses all of it, as in REST Proxy: INVALID_REQUEST, which v2 answers
 * by 422, names the field.
 */
export function readV2Records(request: HttpRequest, formats: ReadonlyMap<string, V2Format>): ProduceRecord[] {
  const { type, check } = formats.get(bodyType(request) ?? V2_TYPE)!;
  const text = readText(request);
  const { records } = check(parseJson(text));
  const starts = type === 'JSON' ? findElements(text, 'records') : [];
  return records.map((record, i) => {
    const bytes = (part: 'key' | 'value') =>
      encodeData(type, record[part], `records[${i}].${part}`, () =>
        compactValue(text, findValue(text, starts[i]!, [part])),
      );
    return {
      key: bytes('key'),
      value: bytes('value'),
      partition: record.partition ?? undefined,
      timestamp: record.timestamp ?? undefined,
      headers: (record.headers ?? []).map(({ key, value }, h) =>
        readHeader(key, value, `records[${i}].headers[${h}].key`, `records[${i}].headers[${h}].value`),
      ),
    };
  });
}
