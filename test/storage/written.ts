import type { Item } from '../../lib/storage/ports.ts';

/** What the writer writes: known to the test by its number. */
export function itemOf(pk: string, n: number): Item {
  return { pk, sk: `item-${n}`, n, text: `${n},`.repeat(n % 500) };
}

/** The sizes of the objects of each kind; those of `mixed` are of the one and the other in turn. */
const BYTES = {
  small: (n: number) => (n * 7919) % 60_000,
  large: (n: number) => 70_000 + ((n * 7919) % 300_000),
  mixed: (n: number): number => (n % 2 === 0 ? BYTES.small(n) : BYTES.large(n)),
};

export function contentOf(kind: keyof typeof BYTES, n: number): Uint8Array[] {
  return [new Uint8Array(BYTES[kind](n)).fill(n), Uint8Array.of(1, n >> 8, n)];
}
