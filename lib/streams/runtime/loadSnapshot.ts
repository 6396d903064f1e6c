import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Task } from '../task/task.ts';
import { partKey, type Snapshot, type StoreSnapshot } from './snapshot.ts';

/** Whether all of the store was there. If not, the task has some of it, and is of no use. */
export async function loadSnapshot(
  { objects, clock }: { readonly objects: Pick<ObjectStore, 'get'>; readonly clock: Clock },
  snapshot: Snapshot,
  { name: store, parts }: StoreSnapshot,
  task: Task,
): Promise<boolean> {
  for (let part = 0; part < parts; part++) {
    const bytes = await withRetries(clock, () => objects.get(partKey(snapshot, store, part)));
    if (bytes === undefined) return false;
    for (const { key, value } of decodeBatches(bytes)) task.restore({ store, key: key!, value });
  }
  return true;
}
