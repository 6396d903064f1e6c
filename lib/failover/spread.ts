import type { Clock } from '../clock.ts';
import { withRetries } from '../log/retry.ts';
import {
  type Item,
  type ItemTables,
  type Key,
  MAX_KEYS_PER_READ,
  StorageError,
  TABLES,
} from '../storage/ports.ts';
import { epochOf } from './epochItems.ts';
import type { FailoverLimits } from './limits.ts';

/**
 * Resolves when so many other regions show in their own copies all that the new home has of its epoch, as it begins with it. Until then it would be lost
 * with the new home, however old it is. Throws StorageError when they do not in time.
 */
export async function spread(
  clock: Clock,
  home: ItemTables,
  others: readonly ItemTables[],
  needed: number,
  epoch: number,
  limits: FailoverLimits,
): Promise<void> {
  const untilMs = clock.now() + limits.spreadMs;
  let there = 0;
  const isOver = () => there >= needed || clock.now() >= untilMs;
  const enough = Promise.withResolvers<void>();
  const all = Promise.allSettled(
    others.map(async (other) => {
      await follow(clock, home, other, epoch, isOver, limits);
      if (++there === needed) enough.resolve();
    }),
  );
  // Nobody can write meanwhile: so it does not wait for one that is cut off.
  await Promise.race([enough.promise, all]);
  if (there >= needed) return;
  throw new StorageError(`${there} other regions have what the new home begins with, ${needed} must`, 'no');
}

async function follow(
  clock: Clock,
  home: ItemTables,
  other: ItemTables,
  epoch: number,
  isOver: () => boolean,
  limits: FailoverLimits,
): Promise<void> {
  const untilShown = async (table: (typeof TABLES)[number], items: readonly Item[]) => {
    while (!(await shows(clock, other[table], items))) {
      if (isOver()) throw new StorageError('it does not have all yet', 'no');
      await clock.sleep(limits.spreadPollMs);
    }
  };
  for (const table of TABLES) {
    let after: Key | undefined;
    do {
      const options = { limit: limits.itemsPerPage, ...(after && { after }) };
      const page = await withRetries(clock, () => home[table].scan(options));
      const items = page.items.filter((item) => epochOf(item) === epoch && item.pk !== 'home');
      await Promise.all(inReads(items).map((some) => untilShown(table, some)));
      after = page.next;
    } while (after !== undefined);
  }
}

function inReads(items: readonly Item[]): Item[][] {
  const reads = Math.ceil(items.length / MAX_KEYS_PER_READ);
  return Array.from({ length: reads }, (_, i) =>
    items.slice(i * MAX_KEYS_PER_READ, (i + 1) * MAX_KEYS_PER_READ),
  );
}

async function shows(
  clock: Clock,
  items: Pick<ItemTables['log'], 'getMany'>,
  wanted: readonly Item[],
): Promise<boolean> {
  const keys = wanted.map(({ pk, sk }) => ({ pk, sk }));
  const found = await withRetries(clock, () => items.getMany(keys));
  return wanted.every((item, i) => textOf(item) === textOf(found[i]));
}

/** The same for items that have the same attributes, in whatever order. */
function textOf(item: Item | undefined): string {
  if (item === undefined) return '';
  const sorted = Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(sorted, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  );
}
