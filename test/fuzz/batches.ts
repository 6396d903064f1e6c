import fc from 'fast-check';
import { compress } from '../../lib/record/compression.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { HEADER_BYTES } from '../../lib/record/header.ts';
import { withHeaderRoom } from '../../lib/record/plainBatch.ts';
import type { CompressionCodec, RecordInput } from '../../lib/record/record.ts';
import type { BatchLimits } from '../../lib/record/validate.ts';
import { anyCodec, anyRecords, codecs, forged, limits } from '../record/support.ts';

/** Record batches that are right, nearly right, and wrong, made of small parts so that a failing one shrinks well. */

export type Edit = (bytes: Uint8Array) => Uint8Array;

const at = fc.nat();
const INT32S = [0, -1, 1, 127, 128, 32_767, 65_536, 2 ** 24, 2 ** 30, 2 ** 31 - 1, -(2 ** 30), -(2 ** 31)];
const INT64S = [0n, -1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)];

/** Varints that are too long, too large, negative, or longer than they need to be. */
const VARINTS =
  '00 01 03 ff 8000 81808000 ffffffff0f feffffff0f ffffffffffffffffff01 feffffffffffffffff01 ffffffffffffffffffff'
    .split(' ')
    .map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

function place(bytes: Uint8Array, at: number): number {
  return bytes.length === 0 ? 0 : at % bytes.length;
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array, view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(bytes);
  change(copy, new DataView(copy.buffer));
  return copy;
}

function spliced(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const start = place(bytes, at);
  const end = Math.min(bytes.length, start + remove);
  return new Uint8Array(Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(end)]));
}

/** Anywhere. */
export const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(at, fc.nat(7)).map(
    ([at, bit]): Edit =>
      (bytes) =>
        changed(bytes, (copy) => {
          if (copy.length > 0) copy[place(copy, at)]! ^= 1 << bit;
        }),
  ),
  fc.tuple(at, fc.nat(255)).map(
    ([at, byte]): Edit =>
      (bytes) =>
        changed(bytes, (copy) => {
          if (copy.length > 0) copy[place(copy, at)] = byte;
        }),
  ),
  at.map(
    (at): Edit =>
      (bytes) =>
        bytes.slice(0, place(bytes, at)),
  ),
  fc.tuple(at, fc.nat(12), fc.oneof(fc.constantFrom(...VARINTS), fc.uint8Array({ maxLength: 12 }))).map(
    ([at, remove, insert]): Edit =>
      (bytes) =>
        spliced(bytes, at, remove, insert),
  ),
  fc.tuple(at, at, fc.nat(200)).map(
    ([from, to, length]): Edit =>
      (bytes) =>
        spliced(bytes, to, 0, bytes.slice(place(bytes, from), place(bytes, from) + length)),
  ),
);

/** A header field set to something that it may, hardly may, or may not be. */
const headerEdit: fc.Arbitrary<Edit> = fc.oneof(
  int32Of(23, 53, 57),
  int64Of(27, 35, 43),
  // Transactional, control, LogAppendTime, a delete horizon, codecs that are none.
  byteOf(21, 22, 51),
);

/** The same for the fields that no CRC covers. */
const framingEdit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 3, arbitrary: int32Of(8, 12) },
  { weight: 3, arbitrary: int64Of(0) },
  { weight: 1, arbitrary: byteOf(16) },
);

function int32Of(...fields: number[]): fc.Arbitrary<Edit> {
  return fc
    .tuple(fc.constantFrom(...fields), fc.constantFrom(...INT32S))
    .map(([field, value]) => withHeader((view) => view.setInt32(field, value)));
}

function int64Of(...fields: number[]): fc.Arbitrary<Edit> {
  return fc
    .tuple(fc.constantFrom(...fields), fc.constantFrom(...INT64S))
    .map(([field, value]) => withHeader((view) => view.setBigInt64(field, value)));
}

function byteOf(...fields: number[]): fc.Arbitrary<Edit> {
  return fc
    .tuple(fc.constantFrom(...fields), fc.nat(255))
    .map(([field, value]) => withHeader((view) => view.setUint8(field, value)));
}

function withHeader(change: (view: DataView) => void): Edit {
  return (bytes) => (bytes.length < HEADER_BYTES ? bytes : changed(bytes, (_, view) => change(view)));
}

const anyProducer = fc.option(
  fc.record({
    id: fc.bigInt(0n, 2n ** 63n - 1n),
    epoch: fc.integer({ min: 0, max: 32_767 }),
    sequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  }),
  { nil: undefined },
);

interface BatchParts {
  readonly records: readonly RecordInput[];
  readonly codec: CompressionCodec;
  readonly producer: { id: bigint; epoch: number; sequence: number } | undefined;
  /** Of the records before they are compressed. */
  readonly inner: readonly Edit[];
  readonly header: readonly Edit[];
  /** Of the whole, as it would be sent. */
  readonly outer: readonly Edit[];
  /** Gives it the length and the CRC that it then needs, so that what is inside is looked at. */
  readonly repaired: boolean;
  readonly framing: readonly Edit[];
}

function build({
  records,
  codec,
  producer,
  inner,
  header,
  outer,
  repaired,
  framing,
}: BatchParts): Uint8Array {
  const plain = encodeBatch(records, producer ? { producer } : {});
  const payload = inner.reduce((bytes, edit) => edit(bytes), plain.subarray(HEADER_BYTES));
  let batch: Uint8Array = withHeaderRoom(compress(codec, payload));
  batch.set(plain.subarray(0, HEADER_BYTES));
  batch[22] = codecs.indexOf(codec);
  batch = forged(batch);
  for (const edit of [...header, ...outer]) batch = edit(batch);
  if (repaired && batch.length >= HEADER_BYTES) batch = forged(batch);
  return framing.reduce((bytes, edit) => edit(bytes), batch);
}

const few = fc.option(fc.uint8Array({ maxLength: 4 }));
const repetitive = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 3 }), fc.integer({ min: 10, max: 80 }))
  .map(([bytes, times]) =>
    Uint8Array.from({ length: bytes.length * times }, (_, i) => bytes[i % bytes.length]!),
  );

/** Little but lengths, so that an edit seldom falls into a value, and matches for a codec to find. */
const smallRecords: fc.Arbitrary<readonly RecordInput[]> = fc.array(
  fc.record({
    timestamp: fc.constantFrom(0, 1, -1, 1_700_000_000_000, 1_700_000_000_001),
    key: few,
    value: fc.oneof({ weight: 3, arbitrary: few }, { weight: 1, arbitrary: repetitive }),
    headers: fc.array(fc.record({ key: fc.constantFrom('', 'h', 'é'), value: few }), { maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 4 },
);

const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(arbitrary, { maxLength: 4 }) },
  );

/** One batch, whole or broken. */
export const anyBatch: fc.Arbitrary<Uint8Array> = fc
  .record<BatchParts>({
    records: fc.oneof({ weight: 3, arbitrary: smallRecords }, { weight: 1, arbitrary: anyRecords }),
    codec: anyCodec,
    producer: anyProducer,
    inner: rarely(anyEdit),
    header: rarely(headerEdit),
    outer: rarely(anyEdit),
    repaired: fc.oneof(
      { weight: 4, arbitrary: fc.constant(true) },
      { weight: 1, arbitrary: fc.constant(false) },
    ),
    framing: rarely(framingEdit),
  })
  .map(build);

/** What may come as the body of a produce request. */
export const anyBatches: fc.Arbitrary<Uint8Array> = fc
  .array(anyBatch, { minLength: 1, maxLength: 3 })
  .map((batches) => new Uint8Array(Buffer.concat(batches)));

export const anyLimits: fc.Arbitrary<BatchLimits> = fc.record({
  maxMessageBytes: fc.constantFrom(1_048_588, 1_048_588, 2_000),
  maxDecompressedBytes: fc.constantFrom(32 * 1024 * 1024, 32 * 1024 * 1024, 1_000, 0),
  compressionType: fc.constantFrom('producer', 'producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
  timestampType: fc.constantFrom('CreateTime', 'LogAppendTime'),
  keysRequired: fc.constantFrom(false, false, true),
  nowMs: fc.constant(limits.nowMs),
});

// ---------------------------------------------------------------- bombs

export interface Bomb {
  readonly codec: Exclude<CompressionCodec, 'none'>;
  /** How many frames, members or chunks the payload has, each of which decompresses to `BOMB_BYTES`. */
  readonly copies: number;
  readonly maxDecompressedBytes: number;
}

/** What each copy would decompress to. */
export const BOMB_BYTES = 24 * 1024 * 1024;

const bombs = new Map<CompressionCodec, Uint8Array>();

/** One batch of a kilobyte or a megabyte, as the codec has it, that claims to hold what nobody can take. */
export function bombBytes({ codec, copies }: Bomb): Uint8Array {
  const payload = bombs.get(codec) ?? compress(codec, new Uint8Array(BOMB_BYTES));
  bombs.set(codec, payload);
  const batch = withHeaderRoom(new Uint8Array(Buffer.concat(Array.from({ length: copies }, () => payload))));
  batch.set(encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }]).subarray(0, HEADER_BYTES));
  batch[22] = codecs.indexOf(codec);
  return forged(batch);
}

export const anyBomb: fc.Arbitrary<Bomb> = fc.record({
  codec: fc.constantFrom('gzip', 'snappy', 'lz4', 'zstd'),
  copies: fc.integer({ min: 1, max: 4 }),
  maxDecompressedBytes: fc.integer({ min: 0, max: 1_000_000 }),
});
