import { type Static, Type } from '@sinclair/typebox';
import { WadiError } from '../../errors.ts';
import type { RecordHeader } from '../../record/record.ts';
import { checker } from '../request.ts';
import { type Data, encodeData, readHeader } from './data.ts';
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
  readonly keyData: Data;
  readonly valueData: Data;
}

/**
 * Reads one record of `records` or `records:batch`. `at` is where it begins in `text`, the request it was parsed from.
 * Throws INVALID_REQUEST or INVALID_TIMESTAMP, naming the field.
 */
export function recordReader(
  schema: typeof ProduceRequest | typeof ProduceBatchRequestEntry,
): (record: unknown, text: string, at: () => number) => V3Record {
  const check = checker(schema);
  return (document, text, at) => {
    const record = checked(check, document);
    const keyData = read(record, 'key', text, at);
    const valueData = read(record, 'value', text, at);
    return {
      partition: record.partition_id ?? undefined,
      key: keyData.bytes,
      value: valueData.bytes,
      headers: record.headers?.length
        ? record.headers.map(({ name, value }, i) =>
            readHeader(name, value, `headers[${i}].name`, `headers[${i}].value`),
          )
        : NO_HEADERS,
      timestamp: record.timestamp ? parseRfc3339(record.timestamp, 'timestamp') : undefined,
      keyData,
      valueData,
    };
  };
}

const NO_HEADERS: readonly RecordHeader[] = [];
const NO_DATA: Data = { type: 'BINARY', bytes: null };

function read(
  record: Static<typeof ProduceRequest>,
  part: 'key' | 'value',
  text: string,
  at: () => number,
): Data {
  const given = record[part];
  if (!given || given.data === undefined || given.data === null) return NO_DATA;
  if (given.type === undefined) {
    throw new WadiError(
      'INVALID_REQUEST',
      `${part}.type is required: BINARY, JSON or STRING. There is no schema registry to look a schema up in.`,
      { field: `${part}.type` },
    );
  }
  return encodeData(given.type, given.data, `${part}.data`, () =>
    compactValue(text, findValue(text, at(), [part, 'data'])),
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
    const field = SCHEMA_TYPES.includes(String(member(data, 'type')))
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
