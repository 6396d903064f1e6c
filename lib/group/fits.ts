import { WadiError } from '../errors.ts';
import type { Item } from '../storage/ports.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../storage/value.ts';

/** Throws GROUP_MAX_SIZE_REACHED: an item of the group would be larger than the store takes. */
export function requireFits(item: Item, groupId: string): void {
  const bytes = itemBytes(item);
  if (bytes <= MAX_ITEM_BYTES) return;
  const message = `Members of group '${groupId}' are subscribed to more than can be written down: ${bytes} bytes of at most ${MAX_ITEM_BYTES}. Fewer topics, or shorter names, take less.`;
  throw new WadiError('GROUP_MAX_SIZE_REACHED', message);
}
