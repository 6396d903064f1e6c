import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Task } from '../task/task.ts';
import { forgetSnapshots } from './forgetSnapshots.ts';
import type { StreamsLimits } from './limits.ts';
import type { Snapshot } from './snapshot.ts';
import type { TaskState } from './taskItem.ts';
import type { TaskStore } from './taskStore.ts';
import { type SnapshotOptions, writeSnapshot } from './writeSnapshot.ts';

interface SnapshotContext {
  readonly log: Pick<Log, 'bounds'>;
  readonly objects: Pick<ObjectStore, 'put' | 'list' | 'delete'>;
  readonly clock: Clock;
  readonly limits: Pick<StreamsLimits, 'leaseMs' | 'snapshotPartBytes'>;
}

/**
 * Writes a snapshot, below `prefix`, and names it in the item: on the condition that nobody has taken the task, and so put more into the changelogs, since. The
 * state is as it was if it took too long. `undefined`: another has the task.
 */
export async function takeSnapshot(
  { limits, ...context }: SnapshotContext,
  store: Pick<TaskStore, 'put'>,
  mine: TaskState,
  task: Task,
  { prefix, ...options }: SnapshotOptions,
): Promise<TaskState | undefined> {
  const forgetOthers = (named: Snapshot | undefined) =>
    forgetSnapshots(context, prefix, named, mine.epoch).catch(() => undefined);
  // Before as well: whoever dies each time leaves no more than one.
  await forgetOthers(mine.snapshot);
  const snapshot = await writeSnapshot({ ...context, partBytes: limits.snapshotPartBytes }, task, {
    ...options,
    prefix: `${prefix}${mine.epoch}-${mine.step}/`,
  });
  if (snapshot === undefined) return mine;
  const untilMs = context.clock.now() + limits.leaseMs;
  const next = await store.put(mine, { ...mine, untilMs, snapshot });
  if (next !== undefined) await forgetOthers(snapshot);
  return next;
}
