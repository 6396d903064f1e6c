import { withRetries } from '../../log/retry.ts';
import { applyStep } from '../runtime/applyStep.ts';
import { STREAMS_LIMITS } from '../runtime/limits.ts';
import type { KnownTask } from '../runtime/readTasks.ts';
import { storedStep } from '../runtime/storedStep.ts';
import { taskKey } from '../runtime/taskItem.ts';
import { createTaskStore } from '../runtime/taskStore.ts';
import { unlessGone } from '../runtime/unlessGone.ts';
import type { AdminContext } from './context.ts';
import { takenOver } from './holdTasks.ts';

/**
 * Of a task that is marked, applies the last step if it is not known that it was: what was committed has happened, and what others read of it
 * is to be whole. What is for the application's own topics goes with these, and what is for topics that are gone is of no use.
 */
export async function settleTask(
  context: AdminContext,
  applicationId: string,
  own: ReadonlySet<string>,
  { id, state }: KnownTask,
): Promise<KnownTask> {
  if (state.applied === state.step) return { id, state };
  const { storage, clock, log } = context;
  const { groups, objects } = storage;
  // A new home may find an item of before the step's object was deleted: nobody will ever see that again.
  const isGone =
    context.arrived !== undefined && state.blob !== undefined && !(await isThere(context, state.blob));
  const appends = isGone ? [] : await storedStep({ objects, clock }, state);
  await applyStep(
    log,
    async (name) => (own.has(name) ? undefined : unlessGone(context.topics.describe(name))),
    appends,
  );
  const done = { applied: state.step, pending: undefined, blob: undefined };
  const next = { ...state, ...done, epoch: state.epoch + 1 };
  const store = createTaskStore(groups, taskKey(applicationId, id), clock, STREAMS_LIMITS);
  const settled = await store.put(state, next);
  if (settled === undefined) throw takenOver(applicationId);
  return { id, state: settled };
}

async function isThere({ storage, clock }: AdminContext, key: string): Promise<boolean> {
  return (await withRetries(clock, () => storage.objects.get(key))) !== undefined;
}
