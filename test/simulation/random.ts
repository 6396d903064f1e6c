/** Chance that a seed decides: the same seed draws the same numbers, on every machine. */
export interface Random {
  /** From 0 up to, and without, 1. */
  real(): number;
  /** A whole number from 0 up to, and without, `limit`. */
  below(limit: number): number;
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Uint8Array;
  /** Another stream, which what is drawn from this one does not change. */
  fork(label: number): Random;
}

/** The generator is sfc32 (C. Doty-Humphrey, PractRand): 128 bits of state, no known weakness that matters here. */
export function seeded(seed: number, label = 0): Random {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = label | 0;
  let counter = 1;

  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
  for (let i = 0; i < 12; i++) next();

  const random: Random = {
    real: () => next() / 2 ** 32,
    below: (limit) => Math.floor(random.real() * limit),
    between: (least, most) => least + random.below(most - least + 1),
    chance: (probability) => random.real() < probability,
    pick: (from) => from[random.below(from.length)]!,
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = next();
      return bytes;
    },
    fork: (forkLabel) => seeded(seed, label * 1_000 + forkLabel + 1),
  };
  return random;
}
