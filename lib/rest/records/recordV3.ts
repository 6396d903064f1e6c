import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import { checker } from '../request.ts';
import { type DataType, encodeData, readHeader } from './data.ts';
import { compactValue, findValue } from './jsonText.ts';
import type { ProduceRecord } from './produce.ts';
import { parseRfc3339 } from './timestamp.ts';

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

const ProduceRequestData = Type.Object(
  {
    type: Type.Optional(
      Type.Union([Type.Literal('BINARY'), Type.Literal('JSON'), Type.Literal('STRING')], {
        description:
          'How `data` is written: base64, any JSON value, or text. Required unless `data` is null.',
      }),
    ),
    data: Type.Optional(Type.Unknown({ description: "Null or absent: Kafka's null." })),
  },
  { additionalProperties: false },
);

const fields = {
  partition_id: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 0,
        description: 'If absent, the murmur2 hash of the key chooses the partition.',
      }),
    ),
  ),
  headers: Type.Optional(
    Type.Array(
      Type.Object(
        {
          name: Type.String(),
          value: Type.Optional(nullable(Type.String({ contentEncoding: 'base64' }))),
        },
        { additionalProperties: false },
      ),
    ),
  ),
  key: Type.Optional(nullable(ProduceRequestData)),
  value: Type.Optional(nullable(ProduceRequestData)),
  timestamp: Type.Optional(nullable(Type.String({ description: 'An RFC 3339 date-time; now, if absent.' }))),
};

/** REST Proxy's ProduceRequest, less the fields that need a schema registry. */
export const ProduceRequest = Type.Object(fields, { additionalProperties: false });

/** The same with the `id` that its report will carry. */
export const ProduceBatchRequestEntry = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 80 }), ...fields },
  { additionalProperties: false },
);

/** A record, and the types that its report repeats. */
export interface V3Record extends ProduceRecord {
  readonly keyType: DataType;
  readonly valueType: DataType;
}

type Given = Static<typeof ProduceRequest>;

/**
 * Reads one record of `records` or `records:batch`. `at` is where it begins in `text`, the request it was parsed from.
 * Throws INVALID_REQUEST or INVALID_TIMESTAMP, naming the field.
 */
export function recordReader(
  schema: typeof ProduceRequest | typeof ProduceBatchRequestEntry,
): (record: unknown, text: string, at: () => number) => V3Record {
  const check = checker(schema);
  return (document, text, at) => {
    const record: Given = checked(check, document);
    const bytes = (part: 'key' | 'value') =>
      encodeData(typeOf(record, part), record[part]?.data, `${part}.data`, () =>
        compactValue(text, findValue(text, at(), [part, 'data'])),
      );
    return {
      partition: record.partition_id ?? undefined,
      key: bytes('key'),
      keyType: typeOf(record, 'key'),
      value: bytes('value'),
      valueType: typeOf(record, 'value'),
      headers: (record.headers ?? []).map(({ name, value }, i) =>
        readHeader(name, value, `headers[${i}].name`, `headers[${i}].value`),
      ),
      timestamp:
        typeof record.timestamp === 'string' ? parseRfc3339(record.timestamp, 'timestamp') : undefined,
    };
  };
}

/** Null needs no type. */
function typeOf(record: Given, part: 'key' | 'value'): DataType {
  const { type, data } = record[part] ?? {};
  if (type !== undefined || data === undefined || data === null) return type ?? 'BINARY';
  throw new WadiError(
    'INVALID_REQUEST',
    `${part}.type is required: BINARY, JSON or STRING. There is no schema registry to look a schema up in.`,
    { field: `${part}.type` },
  );
}

/** What REST Proxy takes with a schema registry, and clients written for one send. */
const SCHEMA_FIELDS = ['subject', 'subject_name_strategy', 'schema_id', 'schema_version', 'schema'];
const SCHEMA_TYPES = ['AVRO', 'JSONSCHEMA', 'PROTOBUF'];

function checked<T>(check: (document: unknown) => T, document: unknown): T {
  try {
    return check(document);
  } catch (error) {
    throw schemaField(document) ?? error;
  }
}

/** A better word for the two things that are right elsewhere. */
function schemaField(document: unknown): WadiError | undefined {
  for (const part of ['key', 'value']) {
    const data = member(document, part);
    const name = SCHEMA_FIELDS.find((schemaField) => member(data, schemaField) !== undefined);
    const type = member(data, 'type');
    const field = SCHEMA_TYPES.some((schemaType) => schemaType === type)
      ? `${part}.type`
      : name && `${part}.${name}`;
    if (field !== undefined) {
      const message = `${field} needs a schema registry, and there is none: type must be BINARY, JSON or STRING.`;
      return new WadiError('INVALID_REQUEST', message, { field });
    }
  }
  return undefined;
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
