import { atOnce } from '../../atOnce.ts';
import type { ResetSpec } from '../../group/groups.ts';
import { createRegistry } from '../registry/registry.ts';
import { taskName } from '../runtime/application.ts';
import { STREAMS_LIMITS } from '../runtime/limits.ts';
import { readTasks } from '../runtime/readTasks.ts';
import { NEW_TASK, taskKey } from '../runtime/taskItem.ts';
import { createTaskStore } from '../runtime/taskStore.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { findApplication } from './findApplication.ts';
import { requireFree, takenOver } from './holdTasks.ts';
import { planReset, type ResetPosition } from './planReset.ts';
import { stopApplication } from './stopApplication.ts';

/**
 * Kafka's application reset tool: the application begins anew, at these positions of the topics that it reads, and without state. Returns where
 * its tasks are (or, with `dryRun`, would be), in the order of topics and partitions. What it has put into topics of others stays there.
 *
 * Whoever dies of it, anywhere, leaves tasks that nobody takes until it is done again. Throws GROUP_ID_NOT_FOUND; NON_EMPTY_GROUP if a worker has
 * one of its tasks; REQUEST_TIMED_OUT if somebody else does the same.
 */
export async function resetApplication(
  context: AdminContext,
  applicationId: string,
  to: ResetSpec = 'earliest',
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<readonly ResetPosition[]> {
  const application = await findApplication(context, applicationId);
  const known = await readTasks(context, applicationId);
  const positions = await planReset(context, application, known, to);
  requireFree(context, applicationId, known);
  if (dryRun) return positions;
  const { mark, held } = await stopApplication(context, application);
  // What has no position begins at the log start, wherever that is by then.
  const byTask = Map.groupBy(to === 'earliest' ? [] : positions, ({ task }) => taskName(task));
  const { storage, clock } = context;
  await atOnce(held, AT_ONCE, async ({ id, state }) => {
    const { step, holder } = state;
    const begins = byTask.get(taskName(id)) ?? [];
    const next = {
      ...NEW_TASK,
      ...{ epoch: state.epoch + 1, holder, step, applied: step },
      positions: Object.fromEntries(begins.map(({ topic, offset }) => [topic, offset])),
      topicIds: Object.fromEntries(begins.map(({ topic, topicId }) => [topic, topicId])),
    };
    const store = createTaskStore(storage.groups, taskKey(applicationId, id), clock, STREAMS_LIMITS);
    if ((await store.put(state, next)) === undefined) throw takenOver(applicationId);
  });
  await createRegistry(storage.groups, clock).release(applicationId, mark);
  return positions;
}
