import type { Static, TObject, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { type ValueError, ValueErrorType } from '@sinclair/typebox/errors';
import { WadiError } from '../errors.ts';
import { HttpError } from './errors.ts';
import type { HttpRequest } from './operation.ts';

/**
 * The largest body served. API Gateway hands a binary body to Lambda as base64, a third longer, inside an event of
 * at most 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const MAX_BODY_BYTES = 4_400_000;

/**
 * A check of one schema, compiled at its first use, so that a cold start pays only for what it serves. It returns
 * the value, or throws INVALID_REQUEST with the path of the first wrong field.
 */
export function checker<T extends TSchema>(schema: T): (value: unknown) => Static<T> {
  let compiled: TypeCheck<T> | undefined;
  return (value) => {
    compiled ??= TypeCompiler.Compile(schema);
    if (compiled.Check(value)) return value;
    throw wrongShape(compiled.Errors(value).First()!);
  };
}

/** For bodies of one JSON document. */
export function jsonReader<T extends TSchema>(schema: T): (request: HttpRequest) => Static<T> {
  const check = checker(schema);
  return (request) => {
    if (request.body.length === 0) {
      throw new HttpError(422, 'Payload error. Request body is empty. Data is required.');
    }
    return check(parseJson(decodeUtf8(request.body)));
  };
}

/** For query parameters: those that the schema does not know are ignored, as REST Proxy does. */
export function queryReader<T extends TObject>(schema: T): (request: HttpRequest) => Static<T> {
  const check = checker(schema);
  return ({ query }) => {
    const values: Record<string, unknown> = {};
    for (const [name, property] of Object.entries(schema.properties)) {
      const text = queryParameter(query, name);
      if (text !== null) values[name] = coerced(text, property);
    }
    return check(values);
  };
}

/** The value of a parameter, `null` if it is not there. Throws INVALID_REQUEST if it is there twice: which one counts? */
export function queryParameter(query: URLSearchParams, name: string): string | null {
  const [value = null, ...more] = query.getAll(name);
  if (more.length === 0) return value;
  throw new WadiError('INVALID_REQUEST', `${name} is given ${more.length + 1} times.`, { field: name });
}

/** For path parameters. */
export function paramsReader<T extends TObject>(schema: T): (request: HttpRequest) => Static<T> {
  const check = checker(schema);
  return ({ params }) => {
    const values: Record<string, unknown> = {};
    for (const [name, property] of Object.entries(schema.properties)) {
      const text = params[name];
      if (text !== undefined) values[name] = coerced(text, property);
    }
    return check(values);
  };
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Malformed UTF-8 is refused: replacement characters would change what the client sent. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new HttpError(400, 'The body is not valid UTF-8.');
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `The body is not valid JSON: ${(error as SyntaxError).message}`);
  }
}

function coerced(text: string, schema: TSchema): unknown {
  switch (schema.type) {
    case 'integer':
      return /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return text;
  }
}

function wrongShape(first: ValueError): WadiError {
  const error = innermost(first);
  const field = fieldPath(error.path);
  const problem =
    error.type === ValueErrorType.ObjectAdditionalProperties
      ? 'is not a field of this request'
      : error.type === ValueErrorType.ObjectRequiredProperty
        ? `is required: ${expected(error.schema)}`
        : `must be ${expected(error.schema)}`;
  return new WadiError('INVALID_REQUEST', `${field || 'The body'} ${problem}.`, field ? { field } : {});
}

/**
 * Of a union ("or null", most often) the error within the variant that was meant, if the value is like one at all: of several, the
 * first that has the value's fields.
 */
function innermost(error: ValueError): ValueError {
  const variants = error.errors
    .map((variant) => [...variant])
    .filter((errors) => errors.some(({ path }) => path.length > error.path.length));
  const meant = variants.find((errors) => !errors.some(({ type }) => OTHER_FIELDS.has(type))) ?? variants[0];
  const inner = meant?.find(({ path }) => path.length > error.path.length);
  return inner === undefined ? error : innermost(inner);
}

const OTHER_FIELDS: ReadonlySet<ValueErrorType> = new Set([
  ValueErrorType.ObjectAdditionalProperties,
  ValueErrorType.ObjectRequiredProperty,
]);

/** `/configs/0/name`, a JSON pointer, as `configs[0].name`. */
function fieldPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => {
      if (/^\d+$/.test(part)) return `${path}[${part}]`;
      return path === '' ? part : `${path}.${part}`;
    }, '');
}

function expected(schema: TSchema): string {
  if (Array.isArray(schema.anyOf)) return schema.anyOf.map(expected).join(' or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.required?.length === 1) return `an object with ${schema.required[0]}`;
  const bounds = [
    ['minimum', 'at least', ''],
    ['maximum', 'at most', ''],
    ['minLength', 'of at least', ' characters'],
    ['maxLength', 'of at most', ' characters'],
    ['minItems', 'of at least', ' items'],
    ['maxItems', 'of at most', ' items'],
    ['pattern', 'that matches', ''],
  ]
    .filter(([keyword]) => schema[keyword!] !== undefined)
    .map(([keyword, words, unit]) => `${words} ${schema[keyword!]}${unit}`);
  const article = /^[aio]/.test(schema.type ?? '') ? 'an' : 'a';
  const type =
    schema.type === undefined
      ? 'a JSON value'
      : schema.type === 'null'
        ? 'null'
        : `${article} ${schema.type}`;
  return [type, bounds.join(' and ')].filter(Boolean).join(' ');
}
