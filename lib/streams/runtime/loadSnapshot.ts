import { atOnce } from '../../atOnce.ts';
import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Restore } from './restore.ts';
import { partKey, type Snapshot, type StoreSnapshot } from './snapshot.ts';

/** Parts that are read, and wait in memory, at the same time. */
const PARTS_AT_ONCE = 4;

export interface LoadOptions {
  /** Parts before are there already. */
  readonly fromPart?: number;
  /** Told which part is next; what it throws ends it there. */
  readonly onRead?: (nextPart: number) => void | Promise<void>;
}

/** Whether all of the store was there. If not, what was restored has some of it, and is of no use. */
export async function loadSnapshot(
  { objects, clock }: { readonly objects: Pick<ObjectStore, 'get'>; readonly clock: Clock },
  snapshot: Snapshot,
  { name, parts }: StoreSnapshot,
  restore: Restore,
  { fromPart = 0, onRead = () => undefined }: LoadOptions = {},
): Promise<boolean> {
  const left = Array.from({ length: Math.max(0, parts - fromPart) }, (_, i) => fromPart + i);
  while (left.length > 0) {
    const some = left.splice(0, PARTS_AT_ONCE);
    const read = await atOnce(some, PARTS_AT_ONCE, (part) =>
      withRetries(clock, () => objects.get(partKey(snapshot, name, part))),
    );
    for (const bytes of read) {
      if (bytes === undefined) return false;
      for (const { key, value } of decodeBatches(bytes)) restore(key!, value);
    }
    await onRead(parts - left.length);
  }
  return true;
}
