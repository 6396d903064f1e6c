import fc from 'fast-check';
import { jsonFrom, keyFrom, type StoreFormat } from '../../../lib/streams/queries/formats.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const long = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  return bytes;
};
const text = fc.string({ unit: 'binary' }).map((any) => any.toWellFormed());

/** Bytes as applications write them. */
const WRITTEN: readonly (readonly [StoreFormat, fc.Arbitrary<Uint8Array>])[] = [
  ['string', text.map(Serdes.string.serialize)],
  ['bytes', fc.uint8Array()],
  [null, fc.uint8Array()],
  ['integer', fc.integer().map(Serdes.integer.serialize)],
  ['long', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(long)],
  ['double', fc.double().map(Serdes.double.serialize)],
  ['json', fc.json().map((any) => Serdes.json().serialize(JSON.parse(any)))],
];

test.each(WRITTEN)('what is told of %s can be asked for, and is the same bytes', (format, written) => {
  fc.assert(
    fc.property(written, (bytes) => {
      const json = jsonFrom(format, bytes);
      const told = JSON.parse(json);
      // JSON is asked for in JSON, others by what the JSON says.
      const asked = format === 'json' || Object.is(told, -0) ? json : String(told);
      expect(hex(keyFrom(format, asked, 'key'))).toBe(hex(bytes));
    }),
  );
});

test.each<[StoreFormat, Uint8Array, string]>([
  ['long', long(2n ** 53n - 1n), '9007199254740991'],
  ['long', long(2n ** 53n), '"9007199254740992"'],
  ['long', long(-(2n ** 63n)), '"-9223372036854775808"'],
  ['double', Serdes.double.serialize(Number.NaN), '"NaN"'],
  ['double', Serdes.double.serialize(Number.NEGATIVE_INFINITY), '"-Infinity"'],
  ['double', Serdes.double.serialize(-0), '-0'],
  ['bytes', Uint8Array.of(0xfb, 0xff), '"+/8="'],
  ['json', Buffer.from('{ "a":12345678901234567890}'), '{ "a":12345678901234567890}'],
])('%s %j is told as %s', (format, bytes, json) => {
  expect(jsonFrom(format, bytes)).toBe(json);
});

test.each<[StoreFormat, string]>([
  ['string', '\ud800'],
  ['integer', '2147483648'],
  ['integer', '1.5'],
  ['integer', ''],
  ['long', '9223372036854775808'],
  ['long', '0x10'],
  ['double', 'one'],
  ['double', ''],
  ['json', 'a'],
  ['bytes', '*'],
  ['bytes', 'a'],
  [null, '_w==='],
])('a key of format %s is not asked for by %j', (format, asked) => {
  expect(() => keyFrom(format, asked, 'from')).toThrow(
    expect.objectContaining({ kafka: 'INVALID_REQUEST', field: 'from' }),
  );
});

test.each<StoreFormat>(['string', 'integer', 'long', 'double', 'json'])(
  'bytes that are no %s are not told as some',
  (format) => {
    expect(() => jsonFrom(format, Uint8Array.of(0xff))).toThrow(
      expect.objectContaining({ kafka: 'INVALID_RECORD' }),
    );
  },
);
