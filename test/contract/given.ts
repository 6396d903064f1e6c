import { type Item, type ItemStore, type Storage, StorageError } from '../../lib/storage/ports.ts';

/** What some emulator gets wrong; the test says so by its name and is skipped. */
export type Fault = 'inherited names' | 'remove below nothing' | 'key order';

/** What a test of the contract works with: a group of its own in the storage that is held to it. */
export interface Given {
  readonly storage: Storage;
  readonly items: ItemStore;
  readonly pk: string;
  key(sk: string): { pk: string; sk: string };
  stored(attributes: Omit<Item, 'pk' | 'sk'>, sk?: string): Promise<Item>;
  itUnless(fault: Fault, test: string, body: () => Promise<void>): void;
}

export const bytes = (...values: number[]) => Uint8Array.from(values);
export const text = (value: string) => new TextEncoder().encode(value);

/** An error of the caller's: not one that asks to try again. */
export async function expectMistake(write: Promise<unknown>): Promise<void> {
  const error = await write.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(StorageError);
}
