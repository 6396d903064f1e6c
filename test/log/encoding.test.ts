import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../lib/log/bytes.ts';
import { decodeEntry, decodeSlices, encodeEntry, encodeSlices } from '../../lib/log/entry.ts';
import { decodeProducer, encodeProducer } from '../../lib/log/producers.ts';

const uint = fc.maxSafeNat();
const time = fc.integer({ min: 0, max: 2 ** 45 });
const run = fc.record({
  delta: fc.nat(),
  id: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  epoch: fc.nat(32767),
  sequence: fc.nat(2 ** 31 - 1),
  recordCount: fc.integer({ min: 1, max: 10_000 }),
});
const slice = fc.record({
  partition: fc.integer({ min: 32, max: 47 }),
  gap: fc.nat(5_000),
  bytes: fc.integer({ min: 61, max: 5_000_000 }),
  recordCount: fc.integer({ min: 1, max: 100_000 }),
  maxTimestamp: fc.oneof(time, fc.constant(-1), fc.constant(Number.MAX_SAFE_INTEGER)),
  runs: fc.array(run, { maxLength: 3 }),
});

function blobId(uploadedAt: number, random: Uint8Array): Uint8Array {
  const id = Buffer.alloc(14);
  id.writeUIntBE(uploadedAt, 0, 6);
  id.set(random, 6);
  return new Uint8Array(id);
}

const entry = fc
  .tuple(time, fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.boolean(), fc.nat(100), fc.nat(10 ** 9))
  .chain(([uploadedAt, random, inline, attempt, later]) =>
    fc.array(slice, { minLength: 1, maxLength: 20 }).map((drafts) => {
      const blob = { id: blobId(uploadedAt, random), inline };
      let end = 0;
      const slices = drafts.map(({ gap, ...rest }) => {
        const position = end + gap;
        end = position + rest.bytes;
        return { blob, position, ...rest };
      });
      return { blob, attempt, at: uploadedAt + later, slices };
    }),
  );

test('an entry comes back from its bytes as it was', () => {
  fc.assert(fc.property(entry, (value) => expect(decodeEntry(encodeEntry(value, 32), 32)).toEqual(value)));
});

test('the slices of an index row come back from their bytes as they were', () => {
  fc.assert(
    fc.property(entry, ({ slices }) => {
      const ofOne = slices.map((each) => ({ ...each, partition: 40 }));
      expect(decodeSlices(encodeSlices(ofOne), 40)).toEqual(ofOne);
    }),
  );
});

test('two attempts of one append have different bytes', () => {
  fc.assert(
    fc.property(entry, (value) => {
      const again = { ...value, attempt: value.attempt + 1 };
      expect(Buffer.compare(encodeEntry(value, 32), encodeEntry(again, 32))).not.toBe(0);
    }),
  );
});

test('an entry of one small batch takes less than 40 bytes', () => {
  const blob = { id: blobId(1_800_000_000_000, new Uint8Array(8)), inline: true };
  const only = {
    blob,
    partition: 3,
    position: 0,
    bytes: 1_100,
    recordCount: 1,
    maxTimestamp: 1_800_000_000_000,
    runs: [],
  };
  const bytes = encodeEntry({ blob, attempt: 0, at: 1_800_000_000_020, slices: [only] }, 0);
  expect(bytes.length).toBeLessThan(40);
});

test('numbers of every size come back', () => {
  fc.assert(
    fc.property(
      fc.array(uint),
      fc.array(fc.integer()),
      fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n })),
      (a, b, c) => {
        const out = new ByteWriter();
        for (const value of a) out.uint(value);
        for (const value of b) out.int(value);
        for (const value of c) out.bigUint(value);
        const input = new ByteReader(out.finish());
        expect(a.map(() => input.uint())).toEqual(a);
        expect(b.map(() => input.int())).toEqual(b);
        expect(c.map(() => input.bigUint())).toEqual(c);
        expect(input.done).toBe(true);
      },
    ),
  );
});

test('bytes that end early are an error, not a wrong number', () => {
  expect(() => new ByteReader(new Uint8Array([0x80])).uint()).toThrow(RangeError);
  expect(() => new ByteReader(new Uint8Array([1, 2])).raw(3)).toThrow(RangeError);
});

test('the state of a producer comes back', () => {
  const state = { batches: 10 ** 12, epoch: 32767, lastSequence: 2 ** 31 - 1 };
  expect(decodeProducer(encodeProducer(state))).toEqual(state);
});
