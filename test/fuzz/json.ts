import { type TSchema, TypeGuard } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import fc from 'fast-check';
import { INTEGERS, MEANT, PIECES, TEXTS, TOKENS } from './words.ts';

/** JSON bodies that fit a schema, and what becomes of them in hostile hands. */

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
    return fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary' }));
  }
  if (TypeGuard.IsInteger(schema)) {
    return fc.oneof(
      fc.constantFrom(0, 1, 2, 3, -1, 1_790_000_000_000),
      fc.constantFrom(...INTEGERS.map(Number)),
      fc.maxSafeInteger(),
    );
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
  if (TypeGuard.IsUnknown(schema)) return fc.oneof(fc.constantFrom(...TEXTS, null), fc.jsonValue());
  throw new Error(`What fits ${JSON.stringify(schema)}?`);
}

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
