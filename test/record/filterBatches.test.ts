import fc from 'fast-check';
import { decodeBatch } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { filterBatches, type RecordFilter } from '../../lib/record/filterBatches.ts';
import { assignOffset, checkCrc, DELETE_HORIZON, readHeader } from '../../lib/record/header.ts';
import type { BatchHeader, RecordInput } from '../../lib/record/record.ts';
import { codecs, plain, record } from './support.ts';

const ALL = { from: 0, to: Number.POSITIVE_INFINITY };
const NOW = 1_800_000_000_000;
const DAY = 24 * 3600 * 1000;

/** `[key, value]`: null is null. */
type Short = readonly [key: string | null, value: string | null, timestamp?: number];

const bytesOf = (text: string | null) => (text === null ? null : Buffer.from(text));

function batchAt(
  baseOffset: number,
  shorts: readonly Short[],
  options: Parameters<typeof encodeBatch>[1] = {},
) {
  const records = shorts.map(([key, value, timestamp = 1_700_000_000_000]) =>
    record({ key: bytesOf(key), value: bytesOf(value), timestamp }),
  );
  const bytes = encodeBatch(records, options);
  assignOffset(bytes, 0, baseOffset);
  return bytes;
}

function filter(last: Record<string, number>, options: Partial<RecordFilter> = {}): RecordFilter {
  return {
    lastOffset: (bytes, start, length) =>
      last[Buffer.from(bytes.subarray(start, start + length)).toString()] ?? -1,
    endOffset: 1_000,
    tombstonesGoBelow: 0,
    now: NOW,
    deleteHorizonMs: NOW + DAY,
    ...options,
  };
}

/** Offset, key and value of each record, every CRC checked. */
function show(bytes: Uint8Array): string[] {
  return decodeBatch(bytes).map(
    ({ offset, key, value }) => `${offset} ${key && Buffer.from(key)}=${value && Buffer.from(value)}`,
  );
}

function headersOf(bytes: Uint8Array): BatchHeader[] {
  const headers: BatchHeader[] = [];
  for (let position = 0; position < bytes.length; position += headers.at(-1)!.bytes) {
    headers.push(readHeader(bytes, position));
    checkCrc(bytes, headers.at(-1)!, position);
  }
  return headers;
}

test('of each key the last record stays, at its offset', () => {
  const batches = Buffer.concat([
    batchAt(10, [
      ['a', '1'],
      ['b', '1'],
      ['a', '2'],
    ]),
    batchAt(13, [['b', '2']]),
    batchAt(20, [['c', '1']]),
  ]);
  const filtered = filterBatches(batches, filter({ a: 12, b: 30 }), ALL);
  expect(show(filtered.bytes)).toEqual(['12 a=2', '20 c=1']);
  expect(filtered).toMatchObject({ recordsRemoved: 3, tombstonesRemoved: 0, deleteHorizonMs: Infinity });
});

test('what has not changed is the same array; a batch that has not, the same bytes', () => {
  const first = batchAt(0, [['a', '1']], { codec: 'gzip' });
  const second = batchAt(1, [
    ['b', '1'],
    ['c', '1'],
  ]);
  const batches = Buffer.concat([first, second]);
  expect(filterBatches(batches, filter({ a: 0, b: 1 }), ALL).bytes).toBe(batches);
  const { bytes } = filterBatches(batches, filter({ b: 9 }), ALL);
  expect(bytes.subarray(0, first.length)).toEqual(first);
  expect(show(bytes)).toEqual(['0 a=1', '2 c=1']);
});

test('a batch keeps all that its header says of others', () => {
  const producer = { id: 77n, epoch: 3, sequence: 500 };
  const before = batchAt(
    40,
    [
      ['a', '1', 5_000],
      ['b', '1', 9_000],
      ['a', '2', 7_000],
    ],
    { producer, codec: 'zstd' },
  );
  const [header] = headersOf(filterBatches(before, filter({ b: 90 }), ALL).bytes);
  const { bytes: _, crc: __, ...old } = readHeader(before);
  expect(header).toMatchObject({ ...old, recordCount: 2, maxTimestamp: 7_000 });
  expect(header).toMatchObject({ baseOffset: 40, lastOffsetDelta: 2, baseSequence: 500, codec: 'zstd' });
});

test('the time of an append stays that of its batch', () => {
  const before = batchAt(
    0,
    [
      ['a', '1', 5_000],
      ['b', '1', 5_000],
    ],
    { timestampType: 'LogAppendTime' },
  );
  const { bytes } = filterBatches(before, filter({ a: 9 }), ALL);
  expect(decodeBatch(bytes)).toMatchObject([{ offset: 1, timestamp: 5_000 }]);
});

test('records without a key go, as in Kafka', () => {
  const batches = batchAt(0, [
    [null, 'old'],
    ['a', '1'],
  ]);
  expect(show(filterBatches(batches, filter({}), ALL).bytes)).toEqual(['1 a=1']);
});

test('batches at or behind the end stay as they are, and those beside the range are left out', () => {
  const batches = Buffer.concat([
    batchAt(0, [['a', '1']]),
    batchAt(1, [['a', '2']]),
    batchAt(2, [[null, '3']]),
    batchAt(3, [['a', '4']]),
  ]);
  const { bytes, recordsRemoved } = filterBatches(batches, filter({ a: 9 }, { endOffset: 2 }), {
    from: 1,
    to: 3,
  });
  expect(show(bytes)).toEqual(['2 null=3']);
  expect(recordsRemoved).toBe(1);
});

describe('tombstones', () => {
  const shorts: Short[] = [
    ['a', null, 100],
    ['b', '1', 90],
    ['c', null, 80],
  ];

  test.each(codecs)('that are met first stay, and their batch says until when (%s)', (codec) => {
    const before = batchAt(5, shorts, { codec });
    const filtered = filterBatches(before, filter({ c: 9 }, { tombstonesGoBelow: 100 }), ALL);
    expect(show(filtered.bytes)).toEqual(['5 a=null', '6 b=1']);
    expect(filtered.deleteHorizonMs).toBe(NOW + DAY);
    const [header] = headersOf(filtered.bytes);
    expect(header).toMatchObject({
      unknownAttributes: DELETE_HORIZON,
      baseTimestamp: NOW + DAY,
      maxTimestamp: 100,
      codec,
    });
    expect(decodeBatch(filtered.bytes).map(({ timestamp }) => timestamp)).toEqual([100, 90]);
  });

  const marked = filterBatches(batchAt(5, shorts), filter({}), ALL).bytes;

  test('stay until then', () => {
    const now = NOW + DAY - 1;
    const options = { now, deleteHorizonMs: now + DAY, tombstonesGoBelow: 100 };
    const filtered = filterBatches(marked, filter({}, options), ALL);
    expect(filtered.bytes).toBe(marked);
    expect(filtered).toMatchObject({ recordsRemoved: 0, deleteHorizonMs: NOW + DAY });
  });

  test('then go, and times stay', () => {
    const filtered = filterBatches(marked, filter({}, { now: NOW + DAY, tombstonesGoBelow: 100 }), ALL);
    expect(show(filtered.bytes)).toEqual(['6 b=1']);
    expect(filtered).toMatchObject({ recordsRemoved: 2, tombstonesRemoved: 2, deleteHorizonMs: Infinity });
    expect(decodeBatch(filtered.bytes)[0]!.timestamp).toBe(90);
  });

  test('stay while something may be left that they delete', () => {
    const filtered = filterBatches(marked, filter({}, { now: NOW + DAY, tombstonesGoBelow: 7 }), ALL);
    expect(show(filtered.bytes)).toEqual(['6 b=1', '7 c=null']);
    expect(filtered).toMatchObject({ tombstonesRemoved: 1, deleteHorizonMs: NOW + DAY });
  });

  test('go before if they are superseded, and are not counted as tombstones', () => {
    const filtered = filterBatches(marked, filter({ a: 20, c: 21 }), ALL);
    expect(show(filtered.bytes)).toEqual(['6 b=1']);
    expect(filtered).toMatchObject({ recordsRemoved: 2, tombstonesRemoved: 0 });
  });

  test('never go when delete.retention.ms never ends', () => {
    const before = batchAt(5, shorts);
    const never = filter({}, { deleteHorizonMs: NOW + 2 ** 63 });
    expect(filterBatches(before, never, ALL)).toMatchObject({ bytes: before, deleteHorizonMs: Infinity });
    const early = batchAt(5, [['a', null, Number.MIN_SAFE_INTEGER]]);
    expect(filterBatches(early, filter({}), ALL).bytes).toBe(early);
  });

  test('whose batch has none left set no horizon', () => {
    const before = batchAt(5, shorts);
    const { bytes } = filterBatches(before, filter({ a: 90, c: 91 }), ALL);
    expect(headersOf(bytes)).toMatchObject([{ unknownAttributes: 0 }]);
  });
});

test('bytes that are corrupt get no new CRC', () => {
  const before = batchAt(0, [
    ['a', 'value'],
    ['b', 'value'],
  ]);
  before[before.length - 2]! ^= 1;
  expect(() => filterBatches(before, filter({ a: 9 }), ALL)).toThrow('CRC');
});

const anyRecord = fc.record({
  timestamp: fc.oneof(
    fc.integer(),
    fc.maxSafeInteger().map((n) => n / 4 - ((n / 4) % 1)),
  ),
  key: fc.oneof(fc.constantFrom('a', 'b', 'c').map(bytesOf), fc.constant(null)),
  value: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(null)),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.uint8Array() }), { maxLength: 2 }),
});

test('whatever is in a batch, what stays is what it was', () => {
  const property = fc.property(
    fc.array(anyRecord, { minLength: 1, maxLength: 20 }),
    fc.constantFrom(...codecs),
    fc.nat(20),
    (records, codec, cut) => {
      const sane = records.map((each): RecordInput => ({ ...each, headers: each.headers }));
      const batch = encodeBatch(sane, { codec });
      const last = { a: cut, b: 2, c: 100 };
      const kept = sane
        .map((each, offset) => ({ ...plain(each), offset }))
        .filter(({ key, offset }) => {
          const name = key === null ? undefined : (Buffer.from(key, 'hex').toString() as keyof typeof last);
          return name !== undefined && last[name] <= offset;
        });
      const { bytes, recordsRemoved } = filterBatches(batch, filter(last), ALL);
      headersOf(bytes);
      expect(decodeBatch(bytes).map((each) => ({ ...plain(each), offset: each.offset }))).toEqual(kept);
      expect(recordsRemoved).toBe(records.length - kept.length);
    },
  );
  fc.assert(property, { numRuns: 300 });
});
