/**
 * CRC-32C (Castagnoli), RFC 3720 appendix B.4, eight bytes a step ("slicing-by-8", Kounavis and Berry 2005). Node's
 * `zlib.crc32` is the other polynomial; the packages at hand are slower on small inputs or carry native code.
 */
const REVERSED_POLYNOMIAL = 0x82f63b78;

function firstTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ REVERSED_POLYNOMIAL : crc >>> 1;
    return crc;
  });
}

/** The CRC of a byte that is followed by one more zero byte than in `table`. */
function nextTable(table: Int32Array): Int32Array {
  return table.map((crc) => (crc >>> 8) ^ T0[crc & 0xff]!);
}

// One constant per table: V8 then indexes them without a further addition.
const T0 = firstTable();
const T1 = nextTable(T0);
const T2 = nextTable(T1);
const T3 = nextTable(T2);
const T4 = nextTable(T3);
const T5 = nextTable(T4);
const T6 = nextTable(T5);
const T7 = nextTable(T6);

/** The CRC-32C of `bytes` from `start` to `end`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1;
  let at = start;
  while (at < end && ((bytes.byteOffset + at) & 3) !== 0)
    crc = (crc >>> 8) ^ T0[(crc ^ bytes[at++]!) & 0xff]!;

  if (at === end) return ~crc >>> 0;

  // Words are read as the machine has them: little-endian on every platform that Node runs on but s390x.
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, ((end - at) >>> 3) * 2);
  for (let i = 0; i < words.length; i += 2) {
    const low = crc ^ words[i]!;
    const high = words[i + 1]!;
    crc =
      T7[low & 0xff]! ^
      T6[(low >>> 8) & 0xff]! ^
      T5[(low >>> 16) & 0xff]! ^
      T4[low >>> 24]! ^
      T3[high & 0xff]! ^
      T2[(high >>> 8) & 0xff]! ^
      T1[(high >>> 16) & 0xff]! ^
      T0[high >>> 24]!;
  }

  for (at += words.length * 4; at < end; at++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
