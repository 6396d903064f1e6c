import fc from 'fast-check';
import { encodeData, formatData } from '../../../lib/rest/records/data.ts';
import { bytesOfData, type RecordData } from './support.ts';

const bytes = fc.oneof(
  fc.uint8Array(),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(text)),
  fc.bigInt().map((n) => Buffer.from(String(n))),
);
const parse = (text: string) => JSON.parse(text) as RecordData | null;
const encode = (type: 'BINARY' | 'STRING' | 'JSON', data: unknown) =>
  encodeData(type, data, 'value.data', () => JSON.stringify(data));

test.each(['auto', 'binary', 'string'] as const)('any bytes can be had back from format %s', (format) => {
  fc.assert(
    fc.property(bytes, (value) => {
      expect(bytesOfData(parse(formatData(value, format)))?.equals(value)).toBe(true);
    }),
  );
});

test('whatever is read as `auto` can be produced again as it is', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      const { type, data } = parse(formatData(value, 'auto'))!;
      const again = encodeData(type as 'JSON', data, 'value.data', () => JSON.stringify(data));
      expect(Buffer.from(again!).equals(value)).toBe(true);
    }),
  );
});

test.each([
  ['auto', '{"a":1}', '{"type":"JSON","data":{"a":1}}'],
  ['auto', '"a"', '{"type":"JSON","data":"a"}'],
  ['auto', '{"a": 1}', '{"type":"STRING","data":"{\\"a\\": 1}"}'],
  ['auto', '12345678901234567890', '{"type":"STRING","data":"12345678901234567890"}'],
  ['auto', '1.0', '{"type":"STRING","data":"1.0"}'],
  ['auto', '{"b":1,"1":2}', '{"type":"STRING","data":"{\\"b\\":1,\\"1\\":2}"}'],
  ['auto', 'null', '{"type":"STRING","data":"null"}'],
  ['auto', '', '{"type":"STRING","data":""}'],
  ['auto', '\uFEFFé', '{"type":"STRING","data":"\uFEFFé"}'],
  ['json', '{"a": 12345678901234567890}', '{"type":"JSON","data":{"a": 12345678901234567890}}'],
  ['json', 'plain', '{"type":"STRING","data":"plain"}'],
  ['string', '{"a":1}', '{"type":"STRING","data":"{\\"a\\":1}"}'],
  ['binary', '{"a":1}', '{"type":"BINARY","data":"eyJhIjoxfQ=="}'],
] as const)('format %s writes %s as %s', (format, text, expected) => {
  expect(formatData(Buffer.from(text), format)).toBe(expected);
});

test.each(['auto', 'json', 'string', 'binary'] as const)(
  'bytes that are no UTF-8 are BINARY in format %s',
  (format) => {
    expect(formatData(Uint8Array.of(0xff, 0x00), format)).toBe('{"type":"BINARY","data":"/wA="}');
    // An overlong slash, and a surrogate: lenient decoders take them.
    expect(formatData(Uint8Array.of(0xc0, 0xaf), format)).toContain('BINARY');
    expect(formatData(Uint8Array.of(0xed, 0xa0, 0x80), format)).toContain('BINARY');
  },
);

test('JSON nested too deeply to be written back is still carried', () => {
  const text = '['.repeat(200_000) + ']'.repeat(200_000);
  expect(bytesOfData(parse(formatData(Buffer.from(text), 'string')))?.toString()).toBe(text);
  expect(formatData(Buffer.from(text), 'auto')).toContain('"STRING"');
});

test("Kafka's null is null, and empty bytes are not", () => {
  expect(formatData(null, 'auto')).toBe('null');
  expect(formatData(new Uint8Array(0), 'binary')).toBe('{"type":"BINARY","data":""}');
  expect(encode('BINARY', null)).toBeNull();
  expect(encode('STRING', '')).toHaveLength(0);
});

test.each(['Zm9v!', 'Zm9', 'Zm8', 'Zm9=', 'Zm 9v', 'Zm9v\n', '_-8=', 'Zm9vYh==', 1, true, {}, ['Zm9v']])(
  '%j is no base64',
  (data) => {
    expect(() => encode('BINARY', data)).toThrow(
      expect.objectContaining({ kafka: 'INVALID_REQUEST', field: 'value.data' }),
    );
  },
);

test.each([1, {}, 'a\ud800'])('%j is no text', (data) => {
  expect(() => encode('STRING', data)).toThrow(
    expect.objectContaining({ kafka: 'INVALID_REQUEST', field: 'value.data' }),
  );
});
