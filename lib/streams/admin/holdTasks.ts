import { atOnce } from '../../atOnce.ts';
import { WadiError } from '../../errors.ts';
import type { TaskId } from '../processor/processor.ts';
import { createRegistry } from '../registry/registry.ts';
import { taskName } from '../runtime/application.ts';
import { STREAMS_LIMITS } from '../runtime/limits.ts';
import { type KnownTask, readTasks } from '../runtime/readTasks.ts';
import { firstEpoch, taskKey } from '../runtime/taskItem.ts';
import { createTaskStore, type TaskStore } from '../runtime/taskStore.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { activityOf } from './tasks.ts';

/** Throws NON_EMPTY_GROUP if a worker has one of the tasks. */
export function requireFree(
  { clock }: AdminContext,
  applicationId: string,
  tasks: readonly KnownTask[],
): void {
  const now = clock.now();
  const taken = tasks.find(({ state }) => activityOf(state, now) === 'running');
  if (taken !== undefined) throw isRunning(applicationId, taken.id);
}

interface Held extends KnownTask {
  /** Somebody who resets or deletes the application had marked it before. */
  readonly wasHeld: boolean;
}

/**
 * Marks tasks, each as it is, as those of an application that is being reset: nobody takes them, and whoever had one commits nothing more.
 * Throws NON_EMPTY_GROUP if a worker has taken one meanwhile: then the marks, and that of the application, are taken back, but for what somebody else may
 * have begun. Whoever dies of that leaves them to the next call.
 */
export async function holdTasks(
  context: AdminContext,
  applicationId: string,
  mark: string,
  ids: readonly TaskId[],
): Promise<readonly KnownTask[]> {
  const found = await atOnce(ids, AT_ONCE, (id) => hold(context, applicationId, id));
  const held = found.filter((each) => each !== undefined);
  const taken = ids.find((_, i) => found[i] === undefined);
  if (taken === undefined) return held;
  const isAsBefore = await atOnce(held, AT_ONCE, (each) => letGo(context, applicationId, each));
  const { storage, clock } = context;
  if (isAsBefore.every(Boolean)) await createRegistry(storage.groups, clock).release(applicationId, mark);
  throw isRunning(applicationId, taken);
}

const storeOf = ({ storage, clock }: AdminContext, applicationId: string, id: TaskId): TaskStore =>
  createTaskStore(storage.groups, taskKey(applicationId, id), clock, STREAMS_LIMITS);

/** `undefined`: a worker has it. */
async function hold(context: AdminContext, applicationId: string, id: TaskId): Promise<Held | undefined> {
  const { clock } = context;
  const store = storeOf(context, applicationId, id);
  const seen = await store.read();
  if (activityOf(seen, clock.now()) === 'running') return undefined;
  const holder = Buffer.from(clock.random(8)).toString('hex');
  const epoch = seen.epoch === 0 ? firstEpoch(clock) : seen.epoch + 1;
  const state = await store.put(seen, { ...seen, epoch, holder, untilMs: 0, isResetting: true });
  return state && { id, state, wasHeld: seen.isResetting === true };
}

/** Whether it is nobody's by now who resets or deletes the application. */
async function letGo(
  context: AdminContext,
  applicationId: string,
  { id, state, wasHeld }: Held,
): Promise<boolean> {
  if (wasHeld) return false;
  const { isResetting, ...free } = state;
  return (await storeOf(context, applicationId, id).put(state, free)) !== undefined;
}

/** Throws REQUEST_TIMED_OUT unless all are as they were marked. */
export async function requireHeld(
  context: AdminContext,
  applicationId: string,
  held: readonly KnownTask[],
): Promise<void> {
  const now = new Map((await readTasks(context, applicationId)).map((each) => [taskName(each.id), each]));
  const isHeld = ({ id, state }: KnownTask) => now.get(taskName(id))?.state.epoch === state.epoch;
  if (!held.every(isHeld)) throw takenOver(applicationId);
}

/** Another reset has marked a task, too, and may be through with it. */
export function takenOver(applicationId: string): WadiError {
  const message = `Somebody else resets or deletes application '${applicationId}', too. Do it again.`;
  return new WadiError('REQUEST_TIMED_OUT', message, { field: 'application_id' });
}

function isRunning(applicationId: string, id: TaskId): WadiError {
  const lease = `${STREAMS_LIMITS.leaseMs / 1_000} s`;
  return new WadiError(
    'NON_EMPTY_GROUP',
    `Application '${applicationId}' is running: somebody has task ${taskName(id)}. Stop its workers first; the task of one that died is free ${lease} later.`,
    { field: 'application_id' },
  );
}
