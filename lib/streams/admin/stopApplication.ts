import { atOnce } from '../../atOnce.ts';
import type { ApplicationDescription } from '../registry/describeApplication.ts';
import { createRegistry } from '../registry/registry.ts';
import { ownTopicsOf } from '../registry/topicsOf.ts';
import { taskName } from '../runtime/application.ts';
import { type KnownTask, readTasks } from '../runtime/readTasks.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { unknownApplication } from './findApplication.ts';
import { forgetState } from './forgetState.ts';
import { holdTasks } from './holdTasks.ts';
import { settleTask } from './settleTask.ts';
import { inputsOf } from './tasks.ts';

export interface Stopped {
  /** Of the application, for the registry. */
  readonly mark: string;
  /** All of its tasks: nobody takes them. */
  readonly held: readonly KnownTask[];
}

/**
 * Sees to it that no worker goes on, then takes the application's state away: its own topics, steps and snapshots. Each part may be done twice.
 * Throws as `resetApplication`.
 */
export async function stopApplication(
  context: AdminContext,
  application: ApplicationDescription,
): Promise<Stopped> {
  const { storage, clock } = context;
  const { applicationId } = application;
  // First: a task that nobody knows of yet looks for the mark behind its first lease.
  const mark = await createRegistry(storage.groups, clock).hold(applicationId);
  if (mark === undefined) throw unknownApplication(applicationId);
  const begun = (await readTasks(context, applicationId)).map(({ id }) => id);
  const all = [...begun, ...(await inputsOf(context, application)).map(({ task }) => task)];
  const ids = new Map(all.map((id) => [taskName(id), id]));
  const marked = await holdTasks(context, applicationId, mark, [...ids.values()]);
  const own = new Set(ownTopicsOf(application));
  const held = await atOnce(marked, AT_ONCE, (task) => settleTask(context, applicationId, own, task));
  await forgetState(context, application, held);
  return { mark, held };
}
