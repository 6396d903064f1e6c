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
  let v0 = key0 | 0;
  let v1 = key1 ^ 0xee;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const words = start + (length & ~3);
  let last = length << 24;
  for (let i = length & 3; i > 0; i--) last |= bytes[words + i - 1]! << (8 * (i - 1));

  for (let position = start; position <= words; position += 4) {
    const word =
      position === words
        ? last
        : bytes[position]! |
          (bytes[position + 1]! << 8) |
          (bytes[position + 2]! << 16) |
          (bytes[position + 3]! << 24);
    v3 ^= word;
    for (let round = 0; round < 2; round++) {
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
    }
    v0 ^= word;
  }
  v2 ^= 0xee;
  for (let half = 0; half < 2; half++) {
    // The same round: in a function of its own it would have to return four words.
    for (let round = 0; round < 4; round++) {
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
    }
    out[at + half] = v1 ^ v3;
    v1 ^= 0xdd;
  }
}
