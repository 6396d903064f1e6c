import { atOnce } from '../../atOnce.ts';
import type { Topic } from '../../topic/topic.ts';
import type { TaskId } from '../processor/processor.ts';
import type { ApplicationDescription } from '../registry/describeApplication.ts';
import { STREAMS_LIMITS } from '../runtime/limits.ts';
import { isLeased, type TaskState } from '../runtime/taskItem.ts';
import { unlessGone } from '../runtime/unlessGone.ts';
import { type AdminContext, AT_ONCE } from './context.ts';

/** `running`: a worker has it at this moment, or has died within the last minute. */
export type Activity = 'running' | 'idle' | 'resetting';

export function activityOf(state: TaskState, nowMs: number): Activity {
  if (state.isResetting) return 'resetting';
  return isLeased(state, nowMs, STREAMS_LIMITS) ? 'running' : 'idle';
}

/** What a task reads, or is to read. */
export interface TaskInput {
  readonly task: TaskId;
  /** Of it, the task's partition. */
  readonly topic: Topic;
}

/** Of topics that are there. */
export async function inputsOf(
  context: AdminContext,
  { subtopologies }: ApplicationDescription,
): Promise<TaskInput[]> {
  const names = subtopologies.flatMap(({ id, topics }) => topics.map((name) => ({ id, name })));
  const found = await atOnce(names, AT_ONCE, async ({ id, name }) => {
    const topic = await unlessGone(context.topics.describe(name));
    return Array.from({ length: topic?.partitions ?? 0 }, (_, partition) => ({
      task: { subtopology: id, partition },
      topic: topic!,
    }));
  });
  return found.flat();
}
