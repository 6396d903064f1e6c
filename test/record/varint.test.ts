import fc from 'fast-check';
import { readVarint, readVarlong, sizeOfVarint, writeVarint } from '../../lib/record/varint.ts';
import { outcome } from './support.ts';

function written(value: number): Uint8Array {
  const bytes = new Uint8Array(12);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
}

function cursorOf(...bytes: number[]) {
  return { bytes: Uint8Array.from(bytes), position: 0, end: bytes.length };
}

describe('varints', () => {
  // https://protobuf.dev/programming-guides/encoding/#signed-ints
  test.each([
    [0, '00'],
    [-1, '01'],
    [1, '02'],
    [-2, '03'],
    [63, '7e'],
    [-64, '7f'],
    [64, '8001'],
    [-65, '8101'],
    [8191, 'fe7f'],
    [2147483647, 'feffffff0f'],
    [-2147483648, 'ffffffff0f'],
    [Number.MAX_SAFE_INTEGER, 'feffffffffffff1f'],
    [Number.MIN_SAFE_INTEGER, 'fdffffffffffff1f'],
  ])('%d is %s', (value, hex) => {
    expect(Buffer.from(written(value)).toString('hex')).toBe(hex);
  });

  test('any safe integer comes back, from as many bytes as were foretold', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = written(value);
        const cursor = { bytes, position: 0, end: bytes.length };
        expect(readVarlong(cursor)).toBe(value);
        expect(cursor.position).toBe(bytes.length);
        expect(sizeOfVarint(value)).toBe(bytes.length);
      }),
    );
  });

  test('any int32 comes back as a varint', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = written(value);
        expect(readVarint({ bytes, position: 0, end: bytes.length })).toBe(value);
      }),
    );
  });

  test('more than 32 bits are no varint, more than 53 no varlong', () => {
    expect(outcome(() => readVarint(cursorOf(0x80, 0x80, 0x80, 0x80, 0x10)))).toBe('INVALID_RECORD');
    expect(outcome(() => readVarlong(cursorOf(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20)))).toBe(
      'INVALID_RECORD',
    );
    expect(outcome(() => readVarlong(cursorOf(...Array(9).fill(0xff), 0x01)))).toBe('INVALID_RECORD');
  });

  test('an integer of too many bytes is refused, even if they say nothing', () => {
    expect(outcome(() => readVarint(cursorOf(0x82, 0x80, 0x80, 0x80, 0x80, 0x00)))).toBe('INVALID_RECORD');
    expect(outcome(() => readVarlong(cursorOf(0x82, ...Array(9).fill(0x80), 0x00)))).toBe('INVALID_RECORD');
    expect(readVarint(cursorOf(0x82, 0x80, 0x00))).toBe(1);
  });

  test('reading stops at the end given, not at that of the array', () => {
    expect(outcome(() => readVarint({ bytes: Uint8Array.of(0x80, 0x01), position: 0, end: 1 }))).toBe(
      'INVALID_RECORD',
    );
    expect(outcome(() => readVarint({ bytes: Uint8Array.of(0x02), position: 0, end: 0 }))).toBe(
      'INVALID_RECORD',
    );
  });
});
