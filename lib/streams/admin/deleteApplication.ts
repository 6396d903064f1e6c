import { atOnce } from '../../atOnce.ts';
import { createRegistry } from '../registry/registry.ts';
import { STREAMS_LIMITS } from '../runtime/limits.ts';
import { readTasks } from '../runtime/readTasks.ts';
import { taskKey } from '../runtime/taskItem.ts';
import { createTaskStore } from '../runtime/taskStore.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { findApplication } from './findApplication.ts';
import { requireFree, takenOver } from './holdTasks.ts';
import { stopApplication } from './stopApplication.ts';

/**
 * Takes away all that there is of an application, but for what it has put into topics of others. A worker of it that comes later begins anew. Throws as
 * `resetApplication`.
 */
export async function deleteApplication(context: AdminContext, applicationId: string): Promise<void> {
  const application = await findApplication(context, applicationId);
  requireFree(context, applicationId, await readTasks(context, applicationId));
  const { mark, held } = await stopApplication(context, application);
  const { storage, clock } = context;
  await atOnce(held, AT_ONCE, async ({ id, state }) => {
    const store = createTaskStore(storage.groups, taskKey(applicationId, id), clock, STREAMS_LIMITS);
    if (!(await store.delete(state))) throw takenOver(applicationId);
  });
  // Last, so that whoever dies before finds it again.
  await createRegistry(storage.groups, clock).forget(applicationId, mark);
}
