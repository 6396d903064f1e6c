import { decodeBatch } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { checkCrc, HEADER_BYTES, readHeader } from '../../lib/record/header.ts';
import { MAX_BATCHES, validateBatches } from '../../lib/record/validate.ts';
import { codecs, forged, limits, outcome, plain, record, records } from './support.ts';

const batch = encodeBatch(records(3));

function refusal(body: Uint8Array, changed: Partial<typeof limits> = {}) {
  const result = outcome(() => validateBatches(body, { ...limits, ...changed }));
  return typeof result === 'string' ? result : 'accepted';
}

describe('valid batches', () => {
  test.each(codecs)('are taken as they are, and as views of the body (%s)', (codec) => {
    const producer = { id: 5n, epoch: 0, sequence: 9 };
    const first = encodeBatch(records(3), { codec, producer });
    const second = encodeBatch(records(2), { codec });
    const body = Buffer.concat([first, second]);
    const before = Buffer.from(body);
    const valid = validateBatches(body, limits);
    expect(valid).toMatchObject([
      { recordCount: 3, maxTimestamp: 1_700_000_000_002, producer },
      { recordCount: 2, maxTimestamp: 1_700_000_000_001, producer: undefined },
    ]);
    expect(Buffer.concat(valid.map(({ bytes }) => bytes)).equals(body)).toBe(true);
    for (const { bytes } of valid) expect(bytes.buffer).toBe(body.buffer);
    expect(body.equals(before)).toBe(true);
  });

  test('may have any base offset and leader epoch, as both are set when they are read', () => {
    const changed = forged(batch, (view) => {
      view.setInt32(4, 77);
      view.setInt32(12, -1);
    });
    expect(refusal(changed)).toBe('accepted');
  });

  test('without a producer id may have any epoch and sequence, as clients send 0 or -1', () => {
    const changed = forged(batch, (view) => {
      view.setInt16(51, 0);
      view.setInt32(53, 0);
    });
    expect(validateBatches(changed, limits)[0]?.producer).toBeUndefined();
  });
});

describe('one bad batch', () => {
  test('refuses all, wherever it stands', () => {
    const bad = Uint8Array.from(batch);
    bad[bad.length - 1]! ^= 1;
    for (const body of [
      [bad, batch, batch],
      [batch, bad, batch],
      [batch, batch, bad],
    ]) {
      expect(refusal(Buffer.concat(body))).toBe('CORRUPT_MESSAGE');
    }
    expect(refusal(Buffer.concat([batch, batch]))).toBe('accepted');
  });

  test('of which any single bit is flipped is refused, or harmless outside of the CRC', () => {
    for (const codec of codecs) {
      const sent = encodeBatch(records(2), { codec, producer: { id: 1n, epoch: 1, sequence: 1 } });
      for (let bit = 0; bit < sent.length * 8; bit++) {
        const flipped = Uint8Array.from(sent);
        flipped[bit >>> 3]! ^= 1 << (bit & 7);
        const result = outcome(() => validateBatches(flipped, limits));
        const outsideOfCrc = bit < 8 * 8 || (bit >= 12 * 8 && bit < 16 * 8);
        if (!outsideOfCrc) expect(typeof result).toBe('string');
        else if (typeof result !== 'string')
          expect(decodeBatch(result[0]!.bytes).map(plain)).toEqual(records(2).map(plain));
      }
    }
  });

  test('that is cut off or goes on is refused', () => {
    for (let length = 0; length < batch.length; length++) {
      expect(refusal(batch.subarray(0, length))).toBe(length === 0 ? 'INVALID_RECORD' : 'CORRUPT_MESSAGE');
      expect(refusal(Buffer.concat([batch, batch.subarray(0, length)]))).toBe(
        length === 0 ? 'accepted' : 'CORRUPT_MESSAGE',
      );
    }
    expect(refusal(forged(Buffer.concat([batch, Buffer.of(0)])))).toBe('INVALID_RECORD');
  });

  test('that claims a length below its header is refused', () => {
    for (const length of [0, -1, 48, -2147483648]) {
      const changed = Uint8Array.from(batch);
      new DataView(changed.buffer).setInt32(8, length);
      expect(refusal(changed)).toBe('CORRUPT_MESSAGE');
    }
  });

  test.each([0, 1, 3, -1])('of magic %d is refused as a format that is not supported', (magic) => {
    const changed = Uint8Array.from(batch);
    changed[16] = magic;
    expect(refusal(changed)).toBe('UNSUPPORTED_FOR_MESSAGE_FORMAT');
  });

  test.each<[string, string, (view: DataView) => void]>([
    ['a codec that nobody knows', 'UNSUPPORTED_COMPRESSION_TYPE', (view) => view.setInt16(21, 5)],
    ['LogAppendTime set by the client', 'INVALID_TIMESTAMP', (view) => view.setInt16(21, 0x08)],
    ['a transaction', 'INVALID_RECORD', (view) => view.setInt16(21, 0x10)],
    ['control records', 'INVALID_RECORD', (view) => view.setInt16(21, 0x20)],
    ['a delete horizon', 'INVALID_RECORD', (view) => view.setInt16(21, 0x40)],
    ['the highest attribute', 'INVALID_RECORD', (view) => view.setInt16(21, -0x8000)],
    ['a last offset delta above its count', 'INVALID_RECORD', (view) => view.setInt32(23, 3)],
    ['a last offset delta below its count', 'INVALID_RECORD', (view) => view.setInt32(23, 1)],
    ['a base timestamp beyond 53 bits', 'CORRUPT_MESSAGE', (view) => view.setInt32(27, 0x7fffffff)],
    ['a max timestamp beyond 53 bits', 'CORRUPT_MESSAGE', (view) => view.setInt32(35, 0x7fffffff)],
    ['a producer without an epoch', 'INVALID_RECORD', producer(0n, -1, 0)],
    ['a producer without a sequence', 'INVALID_RECORD', producer(0n, 0, -1)],
    ['a producer id of -2', 'INVALID_RECORD', producer(-2n, 0, 0)],
    ['more records claimed than there are', 'INVALID_RECORD', count(4)],
    ['fewer records claimed than there are', 'INVALID_RECORD', count(2)],
    ['no records claimed', 'INVALID_RECORD', count(0)],
    ['a negative count', 'INVALID_RECORD', count(-1)],
    ['as many records claimed as can be', 'INVALID_RECORD', count(0x7fffffff)],
  ])('with %s is refused', (_name, expected, change) => {
    expect(refusal(forged(batch, change))).toBe(expected);
  });

  test('with no records at all is refused', () => {
    expect(refusal(forged(batch.subarray(0, HEADER_BYTES), count(0)))).toBe('INVALID_RECORD');
  });
});

function producer(id: bigint, epoch: number, sequence: number) {
  return (view: DataView) => {
    view.setBigInt64(43, id);
    view.setInt16(51, epoch);
    view.setInt32(53, sequence);
  };
}

function count(records: number) {
  return (view: DataView) => {
    view.setInt32(23, records - 1);
    view.setInt32(57, records);
  };
}

describe('a record', () => {
  /** A batch of one record, which is these bytes. */
  const batchOf = (...record: number[]) =>
    forged(Buffer.concat([encodeBatch(records(1)).subarray(0, HEADER_BYTES), Buffer.of(...record)]));

  // Length, attributes, timestamp delta, offset delta, key, value, header count (all but attributes are zigzag).
  test('is accepted as it should be', () => {
    expect(refusal(batchOf(12, 0, 0, 0, 1, 1, 0))).toBe('accepted');
    expect(refusal(batchOf(20, 0, 0, 0, 1, 1, 2, 2, 104, 2, 118))).toBe('accepted');
  });

  test.each([
    ['overruns its batch', [14, 0, 0, 0, 1, 1, 0]],
    ['has a negative length', [1, 0, 0, 0, 1, 1, 0]],
    ['has no length', []],
    ['is empty', [0]],
    ['ends before its fields', [8, 0, 0, 0, 1]],
    ['is longer than its fields', [14, 0, 0, 0, 1, 1, 0, 0]],
    ['has an offset delta of 1', [12, 0, 0, 2, 1, 1, 0]],
    ['has an offset delta of -1', [12, 0, 0, 1, 1, 1, 0]],
    ['has a key of length -2', [12, 0, 0, 0, 3, 1, 0]],
    ['has a value of length -2', [12, 0, 0, 0, 1, 3, 0]],
    ['has a key that overruns it', [12, 0, 0, 0, 6, 1, 0]],
    ['has a value that overruns it', [12, 0, 0, 0, 1, 4, 0]],
    ['has a negative number of headers', [12, 0, 0, 0, 1, 1, 1]],
    ['has fewer headers than it claims', [12, 0, 0, 0, 1, 1, 2]],
    ['claims more headers than it has bytes', [20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]],
    ['has a null header key', [16, 0, 0, 0, 1, 1, 2, 1, 1]],
    ['has a header value of length -2', [16, 0, 0, 0, 1, 1, 2, 0, 3]],
    ['has a header key that overruns it', [16, 0, 0, 0, 1, 1, 2, 4, 1]],
    ['has an integer that overruns it', [12, 0, 0, 0, 1, 1, 0x80]],
  ])('that %s is refused', (_name, bytes) => {
    expect(refusal(batchOf(...bytes))).toBe('INVALID_RECORD');
  });

  test('is refused in a compressed batch as well', () => {
    const wrong = encodeBatch(records(3), { codec: 'lz4' });
    expect(refusal(forged(wrong, count(4)))).toBe('INVALID_RECORD');
    expect(refusal(forged(wrong, count(2)))).toBe('INVALID_RECORD');
  });
});

describe('timestamps', () => {
  test('may be anything that is a timestamp, if the topic does not say', () => {
    for (const timestamp of [0, -1, -5, 8e15, -8e15]) {
      expect(validateBatches(encodeBatch([record({ timestamp })]), limits)[0]?.maxTimestamp).toBe(timestamp);
    }
  });

  test('beyond 53 bits are refused', () => {
    const first = encodeBatch([record({ timestamp: 0 }), record({ timestamp: 1 })]);
    const shifted = forged(first, (view) => {
      view.setInt32(27, 0x1fffff);
      view.setInt32(31, -1);
    });
    expect(refusal(shifted)).toBe('INVALID_TIMESTAMP');
    expect(outcome(() => decodeBatch(shifted))).toBe('INVALID_TIMESTAMP');
  });

  test('outside of what the topic takes are refused, but for the one that means none', () => {
    const bounds = { timestampBeforeMaxMs: 1_000, timestampAfterMaxMs: 10 };
    const at = (...offsets: number[]) =>
      encodeBatch(offsets.map((ms) => record({ timestamp: limits.nowMs + ms })));
    expect(refusal(at(-1_000, 10), bounds)).toBe('accepted');
    expect(refusal(at(0, -1_001, 0), bounds)).toBe('INVALID_TIMESTAMP');
    expect(refusal(at(0, 11, 0), bounds)).toBe('INVALID_TIMESTAMP');
    expect(refusal(encodeBatch([record({ timestamp: -1 })]), bounds)).toBe('accepted');
    const mixed = [record({ timestamp: -1 }), record({ timestamp: limits.nowMs - 1_001 })];
    expect(refusal(encodeBatch(mixed), bounds)).toBe('INVALID_TIMESTAMP');
    expect(refusal(at(0, -1_001, 0), { ...bounds, timestampType: 'LogAppendTime' })).toBe('accepted');
  });

  test('of which the header names the wrong maximum are corrected, as Kafka does', () => {
    for (const codec of codecs) {
      const sent = encodeBatch(records(3), { codec });
      const wrong = forged(sent, (view) => {
        view.setInt32(39, 5);
      });
      const [valid] = validateBatches(wrong, limits);
      expect(valid?.maxTimestamp).toBe(1_700_000_000_002);
      expect(Buffer.from(valid!.bytes).equals(sent)).toBe(true);
      expect(readHeader(wrong).maxTimestamp).not.toBe(1_700_000_000_002);
    }
  });

  test('are those of the append where the topic says so, without another encoding', () => {
    for (const codec of codecs) {
      const sent = encodeBatch(records(3), { codec, producer: { id: 8n, epoch: 7, sequence: 6 } });
      const before = Buffer.from(sent);
      const [valid] = validateBatches(sent, { ...limits, timestampType: 'LogAppendTime' });
      const header = readHeader(valid!.bytes);
      expect(valid?.maxTimestamp).toBe(limits.nowMs);
      expect(header).toMatchObject({
        timestampType: 'LogAppendTime',
        maxTimestamp: limits.nowMs,
        producerId: 8n,
      });
      checkCrc(valid!.bytes, header);
      expect(Buffer.from(valid!.bytes.subarray(HEADER_BYTES)).equals(sent.subarray(HEADER_BYTES))).toBe(true);
      expect(decodeBatch(valid!.bytes).map(({ timestamp }) => timestamp)).toEqual(
        Array(3).fill(limits.nowMs),
      );
      expect(before.equals(sent)).toBe(true);
    }
  });
});

describe('compression.type', () => {
  test.each(codecs.flatMap((sent) => codecs.map((target) => [sent, target] as const)))(
    'turns %s into %s, and keeps all else',
    (sent, target) => {
      const codec = encodeBatch(records(50), { codec: sent, producer: { id: 8n, epoch: 7, sequence: 6 } });
      const compressionType = target === 'none' ? 'uncompressed' : target;
      const [valid] = validateBatches(codec, { ...limits, compressionType });
      const { bytes, crc, ...header } = readHeader(codec);
      expect(readHeader(valid!.bytes)).toMatchObject({ ...header, codec: target });
      expect(decodeBatch(valid!.bytes).map(plain)).toEqual(records(50).map(plain));
      expect(valid?.bytes.buffer === codec.buffer).toBe(sent === target);
    },
  );
});

describe('limits', () => {
  test('hold the number of batches down, since each costs time, however small', () => {
    const small = encodeBatch([record({ value: null })]);
    expect(refusal(Buffer.concat(Array(MAX_BATCHES).fill(small)))).toBe('accepted');
    expect(refusal(Buffer.concat(Array(MAX_BATCHES + 1).fill(small)))).toBe('INVALID_RECORD');
  });

  test('max.message.bytes holds for one batch, not for all', () => {
    expect(refusal(Buffer.concat([batch, batch]), { maxMessageBytes: batch.length })).toBe('accepted');
    expect(refusal(batch, { maxMessageBytes: batch.length - 1 })).toBe('MESSAGE_TOO_LARGE');
  });

  test('max.message.bytes holds for what is stored as well', () => {
    const sent = encodeBatch([record({ value: new Uint8Array(5_000) })], { codec: 'gzip' });
    expect(refusal(sent, { maxMessageBytes: 1_000 })).toBe('accepted');
    expect(refusal(sent, { maxMessageBytes: 1_000, compressionType: 'uncompressed' })).toBe(
      'MESSAGE_TOO_LARGE',
    );
  });

  test('the bound on decompression holds for all batches together', () => {
    for (const codec of codecs.slice(1)) {
      const bomb = encodeBatch([record({ value: new Uint8Array(400_000) })], { codec });
      const maxDecompressedBytes = 1_000_000;
      expect(refusal(Buffer.concat([bomb, bomb]), { maxDecompressedBytes })).toBe('accepted');
      expect(refusal(Buffer.concat([bomb, bomb, bomb]), { maxDecompressedBytes })).toBe('MESSAGE_TOO_LARGE');
    }
  });
});
