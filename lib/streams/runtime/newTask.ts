import type { TaskId } from '../processor/processor.ts';
import { createTask, type Task, type TaskOptions, type TaskTimes } from '../task/task.ts';
import { nameIn, type StreamsApplication } from './application.ts';

/** Before its stores are restored. */
export function newTask(
  application: StreamsApplication,
  { subtopology: number, partition }: TaskId,
  times: TaskTimes,
  options: Omit<TaskOptions, 'partition' | 'subtopology' | 'times' | 'internalTopic'>,
): Task {
  const subtopology = application.topology.subtopologies[number]!;
  const internalTopic = (name: string) => nameIn(application, name);
  return createTask({ partition, subtopology, times, internalTopic, ...options });
}
