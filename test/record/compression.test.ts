import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { compress, decompress, MAX_DECOMPRESSED_BYTES } from '../../lib/record/compression.ts';
import { codecs, outcome } from './support.ts';

const compressing = codecs.slice(1);
const text = Buffer.from('wadi wadi wadi wadi wadi wadi wadi wadi wadi wadi wadi');

/** Runs of few letters, repetitions of what went before, and noise, over several blocks of any codec. */
const anyContent = fc
  .array(
    fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      times: fc.integer({ min: 1, max: 900 }),
    }),
    {
      maxLength: 5,
    },
  )
  .map((parts) => Buffer.concat(parts.flatMap(({ bytes, times }) => Array<Uint8Array>(times).fill(bytes))));

describe.each(compressing)('%s', (codec) => {
  test('gives back what was compressed', () => {
    fc.assert(
      fc.property(anyContent, (content) => {
        const compressed = compress(codec, content);
        expect(content.equals(decompress(codec, compressed, content.length + 1))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('refuses content above the bound, and nothing below it', () => {
    const compressed = compress(codec, text);
    expect(outcome(() => decompress(codec, compressed, text.length - 1))).toBe('MESSAGE_TOO_LARGE');
    expect(outcome(() => decompress(codec, compressed, 0))).toBe('MESSAGE_TOO_LARGE');
    expect(text.equals(decompress(codec, compressed, text.length))).toBe(true);
  });

  test('refuses what is cut off or goes on', () => {
    const compressed = compress(codec, text);
    for (let length = 0; length < compressed.length; length++) {
      expect(outcome(() => decompress(codec, compressed.subarray(0, length), 1_000))).toBe('CORRUPT_MESSAGE');
    }
    const longer = Buffer.concat([compressed, Buffer.from('x')]);
    expect(outcome(() => decompress(codec, longer, 1_000))).toBe('CORRUPT_MESSAGE');
  });

  test('answers any bytes with content or a refusal, and stays usable', () => {
    const compressed = compress(codec, text);
    const mutated = fc
      .array(fc.tuple(fc.nat(compressed.length - 1), fc.nat(255)), { maxLength: 4 })
      .map((changes) => {
        const copy = Uint8Array.from(compressed);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), (bytes) => {
        const result = outcome(() => decompress(codec, bytes, 10_000));
        if (typeof result === 'string') expect(['CORRUPT_MESSAGE', 'MESSAGE_TOO_LARGE']).toContain(result);
        else expect(result.length).toBeLessThanOrEqual(10_000);
      }),
      { numRuns: 500 },
    );
    expect(text.equals(decompress(codec, compressed, 1_000))).toBe(true);
  });
});

describe('a decompression bomb', () => {
  const zeros = new Uint8Array(MAX_DECOMPRESSED_BYTES + 1);

  test.each(compressing)('of %s is refused at the default bound', (codec) => {
    const bomb = compress(codec, zeros);
    expect(outcome(() => decompress(codec, bomb, MAX_DECOMPRESSED_BYTES))).toBe('MESSAGE_TOO_LARGE');
  });

  test('of zstd is refused by its window, before anything is allocated', () => {
    const bomb = zstdCompressSync(zeros, { params: { [constants.ZSTD_c_windowLog]: 27 } });
    expect(outcome(() => decompress('zstd', bomb.subarray(0, 20), MAX_DECOMPRESSED_BYTES))).toBe(
      'MESSAGE_TOO_LARGE',
    );
  });

  test('of snappy is refused by the length that it declares', () => {
    const declares4GiB = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0);
    expect(outcome(() => decompress('snappy', declares4GiB, MAX_DECOMPRESSED_BYTES))).toBe('CORRUPT_MESSAGE');
    const many = Array.from({ length: 40 }, () => chunk(compress('snappy', zeros.subarray(0, 1 << 20))));
    const bomb = Buffer.concat([xerialHeader, ...many]);
    expect(outcome(() => decompress('snappy', bomb, MAX_DECOMPRESSED_BYTES))).toBe('MESSAGE_TOO_LARGE');
  });
});

// ---------------------------------------------------------------- snappy

/** https://github.com/xerial/snappy-java, SnappyCodec: magic, version, oldest compatible version. */
const xerialHeader = Buffer.from('82534e41505059000000000100000001', 'hex');

function chunk(raw: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(raw.length);
  return Buffer.concat([length, raw]);
}

describe('snappy as Java clients frame it', () => {
  const chunks = [text.subarray(0, 20), text.subarray(20)].map((part) => chunk(compress('snappy', part)));

  test('is read chunk by chunk', () => {
    expect(text.equals(decompress('snappy', Buffer.concat([xerialHeader, ...chunks]), 1_000))).toBe(true);
    expect(
      text.subarray(0, 20).equals(decompress('snappy', Buffer.concat([xerialHeader, chunks[0]!]), 20)),
    ).toBe(true);
  });

  test('is bounded over all its chunks', () => {
    const framed = Buffer.concat([xerialHeader, ...chunks]);
    expect(outcome(() => decompress('snappy', framed, text.length - 1))).toBe('MESSAGE_TOO_LARGE');
  });

  test('is refused when a chunk does not fit', () => {
    const framed = Buffer.concat([xerialHeader, ...chunks]);
    for (const length of [framed.length - 1, xerialHeader.length + 2]) {
      expect(outcome(() => decompress('snappy', framed.subarray(0, length), 1_000))).toBe('CORRUPT_MESSAGE');
    }
    framed.writeInt32BE(-1, xerialHeader.length);
    expect(outcome(() => decompress('snappy', framed, 1_000))).toBe('CORRUPT_MESSAGE');
  });
});

// ---------------------------------------------------------------- lz4

describe('LZ4 frames of the reference implementation', () => {
  // lz4 1.9.4: `lz4 -BI` with the options named.
  const frames = {
    'with a content checksum': '04224d186440a70f0000005f77616469200500195020776164690000000018b1768a',
    'with its content size too':
      '04224d186c403600000000000000550f0000005f77616469200500195020776164690000000018b1768a',
    'with block checksums too':
      '04224d187440bd0f0000005f7761646920050019502077616469ced28c350000000018b1768a',
    'with all of them and blocks of 256 KiB':
      '04224d187c403600000000000000dc0f0000005f7761646920050019502077616469ced28c350000000018b1768a',
  };

  test.each(Object.entries(frames))('%s are read', (_name, hex) => {
    expect(text.equals(decompress('lz4', Buffer.from(hex, 'hex'), 1_000))).toBe(true);
  });

  test('are refused when any bit of a checksum or a size is wrong', () => {
    const frame = Buffer.from(frames['with all of them and blocks of 256 KiB'], 'hex');
    const checked = [...range(4, 19), ...range(frame.length - 12, frame.length)];
    for (const at of checked) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(frame);
        flipped[at]! ^= 1 << bit;
        expect(outcome(() => decompress('lz4', flipped, 1_000))).toBe('CORRUPT_MESSAGE');
      }
    }
  });

  test('with dependent blocks are refused, as by the Java client', () => {
    // The same frame as the first, but for the flag and the header checksum.
    const dependent = Buffer.from('04224d184440', 'hex');
    const rest = Buffer.from(frames['with a content checksum'], 'hex').subarray(7);
    for (let checksum = 0; checksum < 256; checksum++) {
      const frame = Buffer.concat([dependent, Buffer.of(checksum), rest]);
      expect(outcome(() => decompress('lz4', frame, 1_000))).toBe('CORRUPT_MESSAGE');
    }
  });
});

describe('a block of LZ4', () => {
  const frameOf = (...block: number[]) =>
    Buffer.concat([
      Buffer.from('04224d18604082', 'hex'),
      Buffer.of(block.length, 0, 0, 0, ...block, 0, 0, 0, 0),
    ]);

  test('is read when it is whole', () => {
    // Two literals, a match of 4 that begins 2 before, five literals.
    expect(
      Buffer.from(decompress('lz4', frameOf(0x20, 97, 98, 2, 0, 0x50, 1, 2, 3, 4, 5), 100)).toString(
        'latin1',
      ),
    ).toBe('ababab\x01\x02\x03\x04\x05');
  });

  test.each([
    ['matches at distance 0', [0x10, 97, 0, 0, 0x00]],
    ['matches what lies before it', [0x10, 97, 2, 0, 0x00]],
    ['ends in a length', [0xf0, 255]],
    ['ends in its literals', [0x50, 97]],
    ['ends in a distance', [0x10, 97, 1]],
    ['ends in the length of a match', [0x1f, 97, 1, 0]],
    ['ends with a match', [0x10, 97, 1, 0]],
  ])('that %s is refused', (_name, block) => {
    expect(outcome(() => decompress('lz4', frameOf(...block), 100_000))).toBe('CORRUPT_MESSAGE');
  });

  test('that holds more than the block size of its frame is refused', () => {
    const block = [0x1f, 97, 1, 0, ...Array<number>(258).fill(255), 0, 0x00];
    const frame = Buffer.concat([
      Buffer.from('04224d18604082', 'hex'),
      Buffer.of(block.length & 0xff, block.length >>> 8, 0, 0, ...block, 0, 0, 0, 0),
    ]);
    expect(outcome(() => decompress('lz4', frame, MAX_DECOMPRESSED_BYTES))).toBe('CORRUPT_MESSAGE');
  });
});

test('gzip of several members is read whole, as Java reads it', () => {
  const members = Buffer.concat([gzipSync(text), gzipSync(text)]);
  expect(Buffer.concat([text, text]).equals(decompress('gzip', members, 1_000))).toBe(true);
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
