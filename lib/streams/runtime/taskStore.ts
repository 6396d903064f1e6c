import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import type { Condition, ItemStore, Key } from '../../storage/ports.ts';
import type { StreamsLimits } from './limits.ts';
import { isLeased, parseTask, type TaskState, taskItem } from './taskItem.ts';

/** A task's item, changed only on the condition that nobody else has taken the task, and nothing was committed, since it was read. */
export interface TaskStore {
  read(): Promise<TaskState>;
  /** The task, for `leaseMs`, as it was read; `undefined` if another has it, or has had it since. */
  take(seen: TaskState): Promise<TaskState | undefined>;
  /** `undefined`: another has taken it. */
  put(seen: TaskState, next: TaskState): Promise<TaskState | undefined>;
  /** Ends the lease: whatever is known of the rest stays. False: it is another's by now. */
  release(mine: TaskState): Promise<boolean>;
}

export function createTaskStore(
  items: ItemStore,
  key: Key,
  clock: Clock,
  { leaseMs }: Pick<StreamsLimits, 'leaseMs'>,
): TaskStore {
  const read = async () => parseTask(await withRetries(clock, () => items.get(key)));

  const store: TaskStore = {
    read,

    async take(seen) {
      const now = clock.now();
      if (isLeased(seen, now, { leaseMs })) return undefined;
      const holder = Buffer.from(clock.random(8)).toString('hex');
      return store.put(seen, { ...seen, epoch: seen.epoch + 1, holder, untilMs: now + leaseMs });
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
