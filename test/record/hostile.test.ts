import fc from 'fast-check';
import { decodeBatch } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { HEADER_BYTES } from '../../lib/record/header.ts';
import { validateBatches } from '../../lib/record/validate.ts';
import { anyCodec, anyRecords, forged, limits, outcome } from './support.ts';

/** `outcome` lets every error through that is no WadiError, so these fail on a RangeError and its like. */
const anyBatch = fc.tuple(anyRecords, anyCodec).map(([records, codec]) => encodeBatch(records, { codec }));
const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });

function mutated(batch: Uint8Array, from: number, changes: [number, number][]): Uint8Array {
  const copy = Uint8Array.from(batch);
  for (const [at, byte] of changes) copy[from + (at % (copy.length - from))] = byte;
  return copy;
}

describe('hostile bytes', () => {
  test('that are no batch are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof outcome(() => validateBatches(bytes, limits))).toBe('string');
        outcome(() => decodeBatch(bytes));
      }),
      { numRuns: 500 },
    );
  });

  test('in any place of a batch are refused or read, also behind a right CRC', () => {
    fc.assert(
      fc.property(anyBatch, changes, (batch, changes) => {
        const changed = forged(mutated(batch, 0, changes));
        outcome(() => validateBatches(changed, limits));
        outcome(() => decodeBatch(changed, { maxDecompressedBytes: 100_000 }));
      }),
      { numRuns: 700 },
    );
  });

  test('in the records are refused or read the same by validation and by decoding', () => {
    fc.assert(
      fc.property(anyBatch, changes, (batch, changes) => {
        const changed = forged(mutated(batch, HEADER_BYTES, changes));
        const validated = outcome(() => validateBatches(changed, limits));
        const decoded = outcome(() => decodeBatch(changed));
        if (typeof validated === 'string' || typeof decoded === 'string') return;
        expect(validated[0]?.recordCount).toBe(decoded.length);
        expect(validated[0]?.maxTimestamp).toBe(Math.max(...decoded.map(({ timestamp }) => timestamp)));
      }),
      { numRuns: 700 },
    );
  });

  test('never make a valid batch that cannot be read', () => {
    fc.assert(
      fc.property(anyBatch, changes, (batch, changes) => {
        const changed = forged(mutated(batch, 12, changes));
        const validated = outcome(() => validateBatches(changed, limits));
        if (typeof validated !== 'string')
          expect(Array.isArray(outcome(() => decodeBatch(validated[0]!.bytes)))).toBe(true);
      }),
      { numRuns: 700 },
    );
  });
});
