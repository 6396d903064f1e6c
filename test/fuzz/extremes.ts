import fc from 'fast-check';
import { encodeBatch } from '../../lib/record/encode.ts';
import { HEADER_BYTES } from '../../lib/record/header.ts';
import { withHeaderRoom } from '../../lib/record/plainBatch.ts';
import { forged } from '../record/support.ts';

/** Batches that are right but for an integer or two, which are as large, or as small, as any may be. */

export const EXTREMES: readonly bigint[] = [
  ...[0n, -1n, 1n, -2n, 63n, 64n, -65n, 2n ** 15n - 1n, -(2n ** 15n), 2n ** 32n, 2n ** 32n - 1n],
  ...[31n, 53n, 63n].flatMap((bits) => [2n ** bits - 1n, -(2n ** bits), 2n ** bits, -(2n ** bits) - 1n]),
];

interface Place {
  readonly position: number;
  readonly bits: 16 | 32 | 64;
}

/** All integers of a batch's header but the CRC, which is made right. */
const HEADER_FIELDS: readonly Place[] = [
  ...[0, 27, 35, 43].map((position): Place => ({ position, bits: 64 })),
  ...[8, 12, 23, 53, 57].map((position): Place => ({ position, bits: 32 })),
  ...[21, 51].map((position): Place => ({ position, bits: 16 })),
];

/** What the CRC does not cover, the length among it. */
const CRC_START = 21;

const RECORD_FIELDS = [
  ...['length', 'timestampDelta', 'offsetDelta', 'keyLength', 'valueLength'],
  ...['headerCount', 'headerKeyLength', 'headerValueLength'],
] as const;
type RecordField = (typeof RECORD_FIELDS)[number];

interface Change {
  readonly at: Place | { readonly record: number; readonly field: RecordField };
  readonly value: bigint;
}

/** Zigzag, in as many bytes as it takes. */
export function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

/** Key `k`, value `v`, a header `h: w`. */
function recordBytes(offsetDelta: number, changes: Partial<Record<RecordField, bigint>>): number[] {
  const field = (name: RecordField, usual: number) => varint(changes[name] ?? BigInt(usual));
  const body = [
    ...[0, ...field('timestampDelta', offsetDelta), ...field('offsetDelta', offsetDelta)],
    ...[...field('keyLength', 1), 0x6b, ...field('valueLength', 1), 0x76],
    ...field('headerCount', 1),
    ...[...field('headerKeyLength', 1), 0x68, ...field('headerValueLength', 1), 0x77],
  ];
  return [...field('length', body.length), ...body];
}

const RECORDS = 2;
const HEADER = encodeBatch(
  Array.from({ length: RECORDS }, (_, timestamp) => ({ timestamp, key: null, value: null, headers: [] })),
  { producer: { id: 1n, epoch: 0, sequence: 0 } },
).subarray(0, HEADER_BYTES);

function build(changes: readonly Change[]): Uint8Array {
  const records = Array.from({ length: RECORDS }, (_, i) => {
    const own = changes.flatMap(({ at, value }) =>
      'record' in at && at.record === i ? [[at.field, value] as const] : [],
    );
    return recordBytes(i, Object.fromEntries(own));
  });
  const batch = withHeaderRoom(Uint8Array.from(records.flat()));
  batch.set(HEADER);
  const set = (bytes: Uint8Array, covered: boolean) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const { at, value } of changes) {
      if ('record' in at || at.position >= CRC_START !== covered) continue;
      if (at.bits === 64) view.setBigInt64(at.position, value);
      else if (at.bits === 32) view.setInt32(at.position, Number(BigInt.asIntN(32, value)));
      else view.setInt16(at.position, Number(BigInt.asIntN(16, value)));
    }
  };
  set(batch, true);
  const whole = forged(batch);
  set(whole, false);
  return whole;
}

const anyPlace: fc.Arbitrary<Change['at']> = fc.oneof(
  fc.constantFrom(...HEADER_FIELDS),
  fc.record({ record: fc.nat(RECORDS - 1), field: fc.constantFrom(...RECORD_FIELDS) }),
);

export const anyExtreme: fc.Arbitrary<Uint8Array> = fc
  .array(fc.record({ at: anyPlace, value: fc.constantFrom(...EXTREMES) }), { minLength: 1, maxLength: 2 })
  .map(build);
