import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import type { Condition, ItemStore, Key } from '../../storage/ports.ts';
import { applicationKey } from '../registry/applicationItem.ts';
import type { StreamsLimits } from './limits.ts';
import { applicationIdOf, firstEpoch, isLeased, parseTask, type TaskState, taskItem } from './taskItem.ts';

/** A task's item, changed only on the condition that nobody else has taken the task, and nothing was committed, since it was read. */
export interface TaskStore {
  read(): Promise<TaskState>;
  /** The task, for `leaseMs`, as it was read; `undefined` if another has it, or has had it since, or its application is being reset. */
  take(seen: TaskState): Promise<TaskState | undefined>;
  /** `undefined`: another has taken it. */
  put(seen: TaskState, next: TaskState): Promise<TaskState | undefined>;
  /** Whether the item is gone; not if another has changed it. */
  delete(seen: TaskState): Promise<boolean>;
  /** Ends the lease: whatever is known of the rest stays. False: it is another's by now. */
  release(mine: TaskState): Promise<boolean>;
}

export function createTaskStore(
  items: ItemStore,
  key: Key,
  clock: Clock,
  { leaseMs }: Pick<StreamsLimits, 'leaseMs'>,
): TaskStore {
  const isApplicationResetting = async () => {
    const application = await withRetries(clock, () => items.get(applicationKey(applicationIdOf(key))));
    return application?.resetting !== undefined;
  };
  const read = async () => parseTask(await withRetries(clock, () => items.get(key)));

  const store: TaskStore = {
    read,

    async take(seen) {
      const now = clock.now();
      if (seen.isResetting || isLeased(seen, now, { leaseMs })) return undefined;
      const isNew = seen.step === 0;
      if (isNew && (await isApplicationResetting())) return undefined;
      const holder = Buffer.from(clock.random(8)).toString('hex');
      const epoch = seen.epoch === 0 ? firstEpoch(clock) : seen.epoch + 1;
      const taken = await store.put(seen, { ...seen, epoch, holder, untilMs: now + leaseMs });
      // Whoever resets an application may not know of a task that has done nothing yet. So it is looked for behind the put, too: one of the two sees the other.
      if (taken === undefined || !isNew || !(await isApplicationResetting())) return taken;
      if (seen.epoch === 0) await store.delete(taken);
      else await store.release(taken);
      return undefined;
    },

    async put(seen, next) {
      const { applied, item } = await withRetries(clock, () =>
        items.put(taskItem(key, next), unchanged(seen)),
      );
      if (applied) return next;
      // Refused, but by our own call, of which the answer was lost.
      const there = parseTask(item);
      const isOurs = there.epoch === next.epoch && there.step === next.step && there.holder === next.holder;
      return isOurs ? next : undefined;
    },

    async delete(seen) {
      const { applied, item } = await withRetries(clock, () => items.delete(key, unchanged(seen)));
      return applied || item === undefined;
    },

    async release(mine) {
      const now = await read();
      if (now.epoch !== mine.epoch) return false;
      return (await store.put(now, { ...now, untilMs: 0 })) !== undefined;
    },
  };
  return store;
}

function unchanged({ epoch, step }: TaskState): Condition {
  if (epoch === 0) return { missing: ['pk'] };
  return {
    all: [
      { path: ['epoch'], is: '=', value: epoch },
      { path: ['step'], is: '=', value: step },
    ],
  };
}
