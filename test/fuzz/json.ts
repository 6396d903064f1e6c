import { type TSchema, TypeGuard } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import fc from 'fast-check';

/** JSON bodies that fit a schema, and what becomes of them in hostile hands. */

/** Texts that mean something somewhere. */
const WORDS = [
  ...[
    'orders',
    'compacted',
    'fresh',
    'x',
    '',
    '1',
    'a',
    'BINARY',
    'JSON',
    'STRING',
    'SET',
    'DELETE',
    'compact',
  ],
  ...[
    '__proto__',
    'constructor',
    '\u0000',
    '\u{1f30a}',
    'é',
    '9223372036854775807',
    '-1',
    ' ',
    '..',
    'a'.repeat(300),
  ],
];
const CONFIGS = [
  'retention.ms',
  'cleanup.policy',
  'max.message.bytes',
  'message.timestamp.type',
  'compression.type',
];

/** By the name of a member: what makes a request go through. */
const MEANT: Readonly<Record<string, readonly unknown[]>> = {
  topic_name: ['fresh', 'fresh.2', '__proto__', 'constructor'],
  partitions_count: [1, 2, 3, 20],
  replication_factor: [1],
  name: CONFIGS,
  value: ['1', '86400000', 'compact', 'LogAppendTime', 'zstd', '', null],
  operation: ['SET', 'DELETE'],
  type: ['BINARY', 'JSON', 'STRING'],
  data: ['YQ==', 'a text', null, 1, { a: [1, 1e21] }],
  partition: [0, 1, null],
  partition_id: [0, 1, null],
  timestamp: ['2026-09-21T14:00:00Z', 1_790_000_000_000, null],
};

const BASE64 = ['', 'YQ==', 'AAECAw==', '////'];

function fitting(schema: TSchema, name = ''): fc.Arbitrary<unknown> {
  const meant = MEANT[name]?.filter((value) => Value.Check(schema, value)) ?? [];
  const any = anyOf(schema);
  if (meant.length === 0) return any;
  return fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...meant) }, { weight: 1, arbitrary: any });
}

function anyOf(schema: TSchema): fc.Arbitrary<unknown> {
  if (TypeGuard.IsUnion(schema)) return fc.oneof(...schema.anyOf.map((variant) => fitting(variant)));
  if (TypeGuard.IsLiteral(schema)) return fc.constant(schema.const);
  if (TypeGuard.IsNull(schema)) return fc.constant(null);
  if (TypeGuard.IsBoolean(schema)) return fc.boolean();
  if (TypeGuard.IsString(schema)) {
    if (schema.contentEncoding === 'base64') return fc.constantFrom(...BASE64);
    return fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary' }));
  }
  if (TypeGuard.IsInteger(schema)) {
    return fc.oneof(fc.constantFrom(0, 1, 2, 3, -1, 1_790_000_000_000), fc.maxSafeInteger());
  }
  if (TypeGuard.IsArray(schema)) {
    return fc.array(fitting(schema.items), { minLength: schema.minItems ?? 0, maxLength: 4 });
  }
  if (TypeGuard.IsObject(schema)) {
    const properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, fitting(property, name)]),
    );
    return fc.record(properties, { requiredKeys: schema.required ?? [] });
  }
  if (TypeGuard.IsUnknown(schema)) return fc.oneof(fc.constantFrom(...WORDS, null), fc.jsonValue());
  throw new Error(`What fits ${JSON.stringify(schema)}?`);
}

/** JSON texts that no value is written as, or that few expect. */
const TOKENS = [
  ...[
    'null',
    'true',
    '{}',
    '[]',
    '""',
    '0',
    '-0',
    '-1',
    '1.5',
    '1e999',
    '-1e999',
    '1e-999',
    '9007199254740993',
    '1e2',
  ],
  ...[
    '123456789012345678901234567890',
    '2147483648',
    '-2147483649',
    '"\\ud800"',
    '"\\u0000"',
    '"\\udc00\\ud800"',
  ],
  ...[
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"a":1,"a":2}',
    'NaN',
    '01',
  ],
  ...[
    '{"type":"JSON","data":1,"data":2}',
    '{"data":"a","type":"BINARY","type":"STRING"}',
    '"\\',
    '//',
    '\ufeff',
    'undefined',
  ],
  ...[
    `"${'a'.repeat(50_000)}"`,
    `"${'\\u0001'.repeat(2_000)}"`,
    `[${'0,'.repeat(20_000)}0]`,
    `"${'\\\\'.repeat(20_000)}"`,
  ],
  ...['['.repeat(30_000), `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
  ...[
    `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
    `{"type":"JSON","data":${'['.repeat(9_000)}${']'.repeat(9_000)}}`,
  ],
];

/** Pieces that go anywhere in a text. */
const PIECES = [
  ...[
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\\',
    '\\u',
    ' ',
    '\n',
    '\u0000',
    '\ufeff',
    '"__proto__":{"polluted":true},',
    '{}{}',
  ],
  ...[
    '"a":1,',
    '"topic_name":"b",',
    '"data":null,',
    ' '.repeat(10_000),
    ',,',
    '\u2028',
    '\ud800',
    'null',
    '-',
    '1e5',
  ],
];

type TextEdit = (text: string) => string;

const edit: fc.Arbitrary<TextEdit> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom(...PIECES)).map(
    ([at, remove, piece]): TextEdit =>
      (text) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + piece + text.slice(start + remove);
      },
  ),
  fc.nat().map(
    (at): TextEdit =>
      (text) =>
        text.slice(0, at % (text.length + 1)),
  ),
  fc.nat(3).map(
    (times): TextEdit =>
      (text) =>
        text.repeat(times),
  ),
);

/** The text of `value`, the `nth` value in it replaced by `token`. */
function written(value: unknown, nth: number, token: string): string {
  let seen = 0;
  const write = (value: unknown): string => {
    if (seen++ === nth) return token;
    if (Array.isArray(value)) return `[${value.map(write)}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    return `{${Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`)}}`;
  };
  return write(value);
}

/** Mostly JSON, mostly of the shape of `schema`. */
export function anyJsonText(schema: TSchema): fc.Arbitrary<string> {
  const value = fitting(schema);
  return fc.oneof(
    { weight: 3, arbitrary: value.map((value) => JSON.stringify(value)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(value, fc.nat(15), fc.constantFrom(...TOKENS))
        .map(([value, nth, token]) => written(value, nth, token)),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(value, fc.array(edit, { minLength: 1, maxLength: 3 }))
        .map(([value, edits]) => edits.reduce((text, edit) => edit(text), JSON.stringify(value))),
    },
  );
}
