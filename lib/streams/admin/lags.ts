import { atOnce } from '../../atOnce.ts';
import type { TaskId } from '../processor/processor.ts';
import type { ApplicationDescription } from '../registry/describeApplication.ts';
import { taskName } from '../runtime/application.ts';
import { readTasks } from '../runtime/readTasks.ts';
import { positionIn } from '../runtime/taskItem.ts';
import { unlessGone } from '../runtime/unlessGone.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { inputsOf } from './tasks.ts';

/** How far a task is with a partition that it reads. */
export interface TaskLag {
  readonly task: TaskId;
  readonly topic: string;
  readonly partition: number;
  /** -1: it has not begun to read it. */
  readonly position: number;
  readonly logEndOffset: number;
  /** To the end from the position, or from the log start if there is none. */
  readonly lag: number;
}

/** Of all partitions that the application is to read, of topics that are there: in the order of topics and partitions. */
export async function lagsOf(context: AdminContext, application: ApplicationDescription): Promise<TaskLag[]> {
  const [known, inputs] = await Promise.all([
    readTasks(context, application.applicationId),
    inputsOf(context, application),
  ]);
  const tasks = new Map(known.map(({ id, state }) => [taskName(id), state]));
  const byTopic = [...Map.groupBy(inputs, ({ topic }) => topic)];
  const found = await atOnce(byTopic, AT_ONCE, async ([topic, some]) => {
    const partitions = some.map(({ task }) => task.partition);
    const bounds = await unlessGone(context.log.boundsOf(topic, partitions));
    if (bounds === undefined) return [];
    return some.map(({ task }, i): TaskLag => {
      const { logStartOffset, highWatermark } = bounds[i]!;
      const state = tasks.get(taskName(task));
      const position = (state && positionIn(state, topic)) ?? -1;
      return {
        ...{ task, topic: topic.name, partition: task.partition, position },
        logEndOffset: highWatermark,
        lag: Math.max(0, highWatermark - Math.max(position, logStartOffset)),
      };
    });
  });
  return found.flat().toSorted(byPartition);
}

const byPartition = (a: TaskLag, b: TaskLag): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
