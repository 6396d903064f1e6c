import { crc32c as theirs } from '@platformatic/kafka';
import fc from 'fast-check';
import { crc32c } from '../../lib/record/crc32c.ts';

describe('crc32c', () => {
  // RFC 3720, appendix B.4; the last is the check value of the CRC catalogues.
  test.each([
    ['32 bytes of 0', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of 255', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  test('is the same wherever the bytes lie in memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(9), fc.nat(9), (bytes, before, after) => {
        const padded = Buffer.concat([new Uint8Array(before), bytes, new Uint8Array(after)]);
        expect(crc32c(padded, before, before + bytes.length)).toBe(theirs(Buffer.from(bytes)));
        expect(crc32c(padded.subarray(before, before + bytes.length))).toBe(theirs(Buffer.from(bytes)));
      }),
    );
  });
});
