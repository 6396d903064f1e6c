import type { TSchema } from '@sinclair/typebox';

/**
 * Checks values against the schemas of requests. TypeBox has a compiler that does it too: it is larger than the log, and takes 2 ms and more
 * for each schema that a process uses first. Tests hold this one to it.
 */

interface Problem {
  /** From the outside inwards: names and indexes. */
  readonly path: readonly (string | number)[];
  readonly kind: 'missing' | 'unknown' | 'unfit';
  readonly schema: TSchema;
  /** Of a union: what is wrong by each of its variants. */
  readonly variants?: readonly (readonly Problem[])[];
}

/** All that is wrong with a value; of an array, with its first wrong item. */
type Check = (value: unknown) => readonly Problem[];

/** Tells what is wrong with a value first, in words: `field` is a path, `configs[0].name`, or empty for the value itself. */
export function problemFinder(
  schema: TSchema,
): (value: unknown) => { field: string; message: string } | undefined {
  const check = checkOf(schema);
  return (value) => {
    const [first] = check(value);
    if (first === undefined) return undefined;
    const { path, kind, schema: wanted } = innermost(first);
    return { field: fieldPath(path), message: MESSAGES[kind](wanted) };
  };
}

const MESSAGES: Readonly<Record<Problem['kind'], (wanted: TSchema) => string>> = {
  unknown: () => 'is not a field of this request',
  missing: (wanted) => `is required: ${expected(wanted)}`,
  unfit: (wanted) => `must be ${expected(wanted)}`,
};

const NONE: readonly Problem[] = [];

function checkOf(schema: TSchema): Check {
  if (schema.anyOf !== undefined) return unionCheck(schema);
  if (schema.type === 'object') return objectCheck(schema);
  if (schema.type === 'array') return arrayCheck(schema);
  const fits = fitting(schema);
  const unfit: readonly Problem[] = [{ path: [], kind: 'unfit', schema }];
  return (value) => (fits(value) ? NONE : unfit);
}

function fitting(schema: TSchema): (value: unknown) => boolean {
  const { type, const: literal, minimum = -Infinity, maximum = Infinity } = schema;
  if (literal !== undefined) return (value) => value === literal;
  switch (type) {
    case undefined:
      return () => true;
    case 'null':
      return (value) => value === null;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'integer':
      return (value) =>
        Number.isInteger(value) && minimum <= (value as number) && (value as number) <= maximum;
    case 'string': {
      const { minLength = 0, maxLength = Infinity, pattern } = schema;
      const expression = pattern === undefined ? undefined : new RegExp(pattern);
      return (value) =>
        typeof value === 'string' &&
        minLength <= value.length &&
        value.length <= maxLength &&
        (expression === undefined || expression.test(value));
    }
    default:
      throw new Error(`what is a ${type}?`);
  }
}

function unionCheck(schema: TSchema): Check {
  const checks: readonly Check[] = schema.anyOf.map(checkOf);
  return (value) => {
    const variants: (readonly Problem[])[] = [];
    for (const check of checks) {
      const problems = check(value);
      if (problems.length === 0) return NONE;
      variants.push(problems);
    }
    return [{ path: [], kind: 'unfit', schema, variants }];
  };
}

function objectCheck(schema: TSchema): Check {
  const { required = [], additionalProperties } = schema;
  const checks = new Map(
    Object.entries<TSchema>(schema.properties).map(([name, property]) => [name, checkOf(property)]),
  );
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [{ path: [], kind: 'unfit', schema }];
    }
    const problems: Problem[] = [];
    for (const name of required) {
      if (Object.hasOwn(value, name)) continue;
      problems.push({ path: [name], kind: 'missing', schema: schema.properties[name] });
    }
    if (additionalProperties === false) {
      for (const name in value) {
        if (!checks.has(name)) problems.push({ path: [name], kind: 'unknown', schema });
      }
    }
    for (const [name, check] of checks) {
      const property = (value as Record<string, unknown>)[name];
      if (property !== undefined) inside(name, check(property), problems);
    }
    return problems;
  };
}

function arrayCheck(schema: TSchema): Check {
  const { minItems = 0, maxItems = Infinity } = schema;
  const check = checkOf(schema.items);
  return (value) => {
    if (!Array.isArray(value)) return [{ path: [], kind: 'unfit', schema }];
    const problems: Problem[] = [];
    if (value.length < minItems || value.length > maxItems)
      problems.push({ path: [], kind: 'unfit', schema });
    const seen = problems.length;
    for (let i = 0; i < value.length && problems.length === seen; i++) inside(i, check(value[i]), problems);
    return problems;
  };
}

/** Adds what is wrong with what is called `name` in a value. */
function inside(name: string | number, problems: readonly Problem[], all: Problem[]): void {
  for (const problem of problems) all.push({ ...problem, path: [name, ...problem.path] });
}

/**
 * Of a union ("or null", most often) the problem within the variant that was meant, if the value is like one at all: of several, the
 * first that has the value's fields.
 */
function innermost(problem: Problem): Problem {
  const like = (problem.variants ?? []).filter((problems) => problems.some(({ path }) => path.length > 0));
  const meant = like.find((problems) => problems.every(({ kind }) => kind === 'unfit')) ?? like[0];
  const inner = meant?.find(({ path }) => path.length > 0);
  return inner === undefined ? problem : innermost({ ...inner, path: [...problem.path, ...inner.path] });
}

function fieldPath(path: Problem['path']): string {
  return path.reduce<string>((field, part) => {
    if (/^\d+$/.test(String(part))) return `${field}[${part}]`;
    return field === '' ? String(part) : `${field}.${part}`;
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
