import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import { type ObjectStore, StorageError } from '../../storage/ports.ts';
import { decodeStep, type StepAppend } from './stepBlob.ts';
import type { TaskState } from './taskItem.ts';

interface StoredStepContext {
  readonly objects: Pick<ObjectStore, 'get'>;
  readonly clock: Clock;
}

/**
 * What the last step is to append, if it is not known that it was. Its object may be late in another region; or another, who has the lease by now, is
 * through with it. Neither way it may be passed over: throws StorageError.
 */
export async function storedStep(
  { objects, clock }: StoredStepContext,
  { step, applied, pending, blob }: TaskState,
): Promise<StepAppend[]> {
  if (applied === step) return [];
  if (blob === undefined) return pending === undefined ? [] : decodeStep(pending);
  return withRetries(clock, async () => {
    const stored = await objects.get(blob);
    if (stored === undefined)
      throw new StorageError(`a step that was committed is not to be seen: ${blob}`, 'no');
    return decodeStep(stored);
  });
}
