import { atOnce } from '../../atOnce.ts';
import { WadiError } from '../../errors.ts';
import type { TaskId } from '../processor/processor.ts';
import type { ApplicationDescription } from '../registry/describeApplication.ts';
import { taskName } from '../runtime/application.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { type KnownTask, readTasks } from './tasks.ts';

/** How far a task is with a partition that it reads. */
export interface TaskLag {
  readonly task: TaskId;
  readonly topic: string;
  readonly partition: number;
  /** -1: it has not begun to read it. */
  readonly position: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** To the end from the position, or from the log start if there is none. */
  readonly lag: number;
}

/** Of all partitions that the application is to read, of topics that are there: in the order of topics and partitions. */
export async function lagsOf(
  context: AdminContext,
  { applicationId, subtopologies }: ApplicationDescription,
): Promise<TaskLag[]> {
  const tasks = new Map((await readTasks(context, applicationId)).map((each) => [taskName(each.id), each]));
  const inputs = subtopologies.flatMap(({ id, topics }) => topics.map((topic) => ({ id, topic })));
  const found = await atOnce(inputs, AT_ONCE, ({ id, topic }) => lagsOfTopic(context, tasks, id, topic));
  return found.flat().toSorted(byPartition);
}

const byPartition = (a: TaskLag, b: TaskLag): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;

async function lagsOfTopic(
  { topics, log }: AdminContext,
  tasks: ReadonlyMap<string, KnownTask>,
  subtopology: number,
  name: string,
): Promise<TaskLag[]> {
  try {
    const topic = await topics.describe(name);
    const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
    const bounds = await log.boundsOf(topic, partitions);
    return bounds.map(({ logStartOffset, highWatermark }, partition): TaskLag => {
      const task = { subtopology, partition };
      const position = tasks.get(taskName(task))?.state.positions[name] ?? -1;
      const lag = Math.max(0, highWatermark - Math.max(position, logStartOffset));
      return {
        ...{ task, topic: name, partition, position, logStartOffset },
        logEndOffset: highWatermark,
        lag,
      };
    });
  } catch (error) {
    if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return [];
    throw error;
  }
}
