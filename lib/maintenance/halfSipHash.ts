/**
 * HalfSipHash-2-4 with 64 bits of key and of hash (https://github.com/veorq/SipHash; "SipHash: a fast short-input PRF",
 * Aumasson and Bernstein 2012): who does not know the key cannot make inputs collide. It is made of 32-bit words, as V8 has
 * them, and allocates nothing; `node:crypto` takes a microsecond and two objects an input. Writes two words to `out`.
 */
export function halfSipHash(
  bytes: Uint8Array,
  start: number,
  length: number,
  key0: number,
  key1: number,
  out: Uint32Array,
  at: number,
): void {
  let v0 = key0;
  let v1 = key1 ^ 0xee;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const words = start + (length & ~3);
  let last = length << 24;
  for (let i = length & 3; i > 0; i--) last |= bytes[words + i - 1]! << (8 * (i - 1));

  // Two rounds a word, of which the last holds what is left and the length; then twice four, one for each word of the hash.
  const absorbing = (length >>> 2) + 1;
  const steps = 2 * absorbing + 8;
  let word = 0;
  for (let step = 0, position = start; step < steps; step++) {
    if (step < 2 * absorbing) {
      if ((step & 1) === 0) {
        word = last;
        if (position < words) {
          word =
            bytes[position]! |
            (bytes[position + 1]! << 8) |
            (bytes[position + 2]! << 16) |
            (bytes[position + 3]! << 24);
        }
        position += 4;
        v3 ^= word;
      }
    } else if (step === 2 * absorbing) {
      v2 ^= 0xee;
    } else if (step === 2 * absorbing + 4) {
      out[at] = v1 ^ v3;
      v1 ^= 0xdd;
    }
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (step < 2 * absorbing && (step & 1) === 1) v0 ^= word;
  }
  out[at + 1] = v1 ^ v3;
}
