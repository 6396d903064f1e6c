import type { TSchema } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { VERSION } from '../version.ts';
import { statusOf } from './errors.ts';
import type { Operation } from './operation.ts';
import { JSON_TYPE, V2_TYPE } from './response.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type JsonObject = Record<string, Json>;

const ErrorSchema = Type.Object(
  {
    error_code: Type.Integer({
      description: "REST Proxy's code, whose first three digits are the HTTP status.",
    }),
    message: Type.String(),
    kafka_error_code: Type.Optional(Type.Integer({ description: "Kafka's code, where Kafka has one." })),
    retriable: Type.Boolean({ description: 'The same request may succeed later.' }),
    field: Type.Optional(Type.String({ description: 'What is wrong in the request: `configs[0].name`.' })),
  },
  { title: 'Error' },
);

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  207: 'Multi-Status',
  400: 'Bad Request',
  404: 'Not Found',
  406: 'Not Acceptable',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  416: 'Offset Out Of Range',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable: try again',
};

/** The OpenAPI 3.1 description of the operations, made of what checks their requests. Titled schemas are shared. */
export function openapi(operations: readonly Operation[]): JsonObject {
  const schemas: JsonObject = {};
  const paths: Record<string, JsonObject> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    paths[operation.path]![operation.method.toLowerCase()] = described(operation, schemas);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Wadi',
      version: VERSION,
      description:
        "Kafka without brokers, over HTTP: Confluent REST Proxy's v3 and v2 API, Strimzi Bridge's additions, and Wadi's own.",
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: { schemas },
  };
}

function described(operation: Operation, schemas: JsonObject): JsonObject {
  const { id, summary, description, tag, accepts } = operation;
  return {
    operationId: id,
    summary,
    ...(description !== undefined && { description }),
    tags: [tag],
    parameters: [
      ...parameters(operation.params, 'path', schemas),
      ...parameters(operation.query, 'query', schemas),
    ],
    ...(accepts && { requestBody: { required: true, content: content(accepts, schemas) } }),
    responses: { ...answers(operation, schemas), ...errors(operation, schemas) },
  };
}

function parameters(schema: Operation['params'], location: 'path' | 'query', schemas: JsonObject): Json[] {
  if (schema === undefined) return [];
  return Object.entries(schema.properties).map(([name, { description, ...property }]) => ({
    name,
    in: location,
    required: schema.required?.includes(name) ?? false,
    ...(description !== undefined && { description }),
    schema: shared(property, schemas),
  }));
}

function content(bodies: Readonly<Record<string, TSchema | 'binary'>>, schemas: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(bodies).map(([type, schema]) => [
      type,
      schema === 'binary' ? {} : { schema: shared(schema, schemas) },
    ]),
  );
}

function answers({ answers, answerHeaders = {} }: Operation, schemas: JsonObject): JsonObject {
  const headers = Object.entries(answerHeaders).map(([name, description]) => [
    name,
    { description, schema: { type: 'integer' } },
  ]);
  return Object.fromEntries(
    Object.entries(answers).map(([status, bodies]) => [
      status,
      {
        description: REASONS[Number(status)] ?? status,
        ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
        ...(bodies !== 'empty' && { content: content(bodies, schemas) }),
      },
    ]),
  );
}

function errors(
  { errors, refusals = [], form, accepts, params }: Operation,
  schemas: JsonObject,
): JsonObject {
  const statuses = new Set([...errors.map((name) => statusOf(name, form)), ...refusals]);
  statuses.add(406).add(500);
  if (accepts !== undefined) for (const status of [400, 413, 415, 422]) statuses.add(status);
  if (params?.properties.cluster_id !== undefined) statuses.add(404);
  const body = { [form === 'v3' ? JSON_TYPE : V2_TYPE]: { schema: shared(ErrorSchema, schemas) } };
  return Object.fromEntries(
    [...statuses].map((status) => [status, { description: REASONS[status] ?? `${status}`, content: body }]),
  );
}

/** A schema as plain JSON; each titled one inside it goes to `schemas` and leaves a reference. */
function shared(schema: unknown, schemas: JsonObject): Json {
  if (Array.isArray(schema)) return schema.map((element) => shared(element, schemas));
  if (typeof schema !== 'object' || schema === null) return schema as Json;
  const copy = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, shared(value, schemas)]),
  );
  if (typeof copy.title !== 'string') return copy;
  schemas[copy.title] ??= copy;
  return { $ref: `#/components/schemas/${copy.title}` };
}
