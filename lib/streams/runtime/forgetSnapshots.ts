import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * Deletes the objects of a task's other snapshots: those before the one that its item now names, and those that were never named. Of this epoch and
 * those before, for nobody has these any more; an epoch to come may have named another by the time that this is done.
 */
export async function forgetSnapshots(
  { objects, clock }: { readonly objects: Pick<ObjectStore, 'list' | 'delete'>; readonly clock: Clock },
  ofTask: string,
  named: Snapshot | undefined,
  epoch: number,
): Promise<void> {
  const { objects: found } = await withRetries(clock, () => objects.list(ofTask, { limit: 1_000 }));
  const old = found
    .map(({ key }) => key)
    .filter((key) => named === undefined || !key.startsWith(named.prefix))
    .filter((key) => Number.parseInt(key.slice(ofTask.length), 10) <= epoch);
  if (old.length > 0) await objects.delete(old);
}
