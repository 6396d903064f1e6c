import { allItems } from '../../storage/allItems.ts';
import type { TaskId } from '../processor/processor.ts';
import { STREAMS_LIMITS } from '../runtime/limits.ts';
import { isLeased, parseTask, type TaskState, taskKey, taskOf } from '../runtime/taskItem.ts';
import type { AdminContext } from './context.ts';

/** A task that has begun, as its item says. */
export interface KnownTask {
  readonly id: TaskId;
  readonly state: TaskState;
}

const ITEMS_PER_READ = 100;

/** In the order of sub-topologies and partitions. One query, of a page for each 100 of them. */
export async function readTasks(
  { storage, clock }: AdminContext,
  applicationId: string,
): Promise<KnownTask[]> {
  const { pk } = taskKey(applicationId, { subtopology: 0, partition: 0 });
  const items = await allItems(storage.groups, clock, { pk, limit: ITEMS_PER_READ });
  return items.map((item) => ({ id: taskOf(item), state: parseTask(item) })).toSorted(byId);
}

const byId = ({ id: a }: KnownTask, { id: b }: KnownTask): number =>
  a.subtopology - b.subtopology || a.partition - b.partition;

/** `running`: a worker has it at this moment, or has died within the last minute. */
export type Activity = 'running' | 'idle';

export const activityOf = (state: TaskState, nowMs: number): Activity =>
  isLeased(state, nowMs, STREAMS_LIMITS) ? 'running' : 'idle';
