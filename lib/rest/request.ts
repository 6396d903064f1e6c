import type { Static, TObject, TSchema } from '@sinclair/typebox';
import { WadiError } from '../errors.ts';
import { HttpError } from './errors.ts';
import type { HttpRequest } from './operation.ts';
import { problemFinder } from './schema.ts';

/**
 * The largest body served. API Gateway hands a binary body to Lambda as base64, a third longer, inside an event of
 * at most 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const MAX_BODY_BYTES = 4_400_000;

/**
 * A check of one schema, made at its first use, so that a cold start pays only for what it serves. It returns the value, or throws
 * INVALID_REQUEST with the path of the first wrong field.
 */
export function checker<T extends TSchema>(schema: T): (value: unknown) => Static<T> {
  let problemOf: ReturnType<typeof problemFinder> | undefined;
  return (value) => {
    problemOf ??= problemFinder(schema);
    const problem = problemOf(value);
    if (problem === undefined) return value as Static<T>;
    const { field, message } = problem;
    throw new WadiError('INVALID_REQUEST', `${field || 'The body'} ${message}.`, field ? { field } : {});
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
