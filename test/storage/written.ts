import type { Item } from '../../lib/storage/ports.ts';

/** What the writer writes: known to the test by its number. */
export function itemOf(pk: string, n: number): Item {
  return { pk, sk: `item-${n}`, n, text: `${n},`.repeat(n % 500) };
}

export function contentOf(n: number): Uint8Array[] {
  return [new Uint8Array((n * 7919) % 300_000).fill(n), Uint8Array.of(1, 2, 3)];
}
