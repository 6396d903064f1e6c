import { atOnce } from '../../atOnce.ts';
import type { ResetSpec } from '../../group/groups.ts';
import { offsetTo } from '../../group/offsetTo.ts';
import type { TaskId } from '../processor/processor.ts';
import type { ApplicationDescription } from '../registry/describeApplication.ts';
import { sourceTopicsOf } from '../registry/topicsOf.ts';
import { taskName } from '../runtime/application.ts';
import type { KnownTask } from '../runtime/readTasks.ts';
import { positionIn } from '../runtime/taskItem.ts';
import { type AdminContext, AT_ONCE } from './context.ts';
import { inputsOf } from './tasks.ts';

/** Where a task is to go on in a topic of others. */
export interface ResetPosition {
  readonly task: TaskId;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** -1: there was none. */
  readonly before: number;
  readonly offset: number;
}

/** Of topics that are there, in the order of topics and partitions. */
export async function planReset(
  context: AdminContext,
  application: ApplicationDescription,
  known: readonly KnownTask[],
  to: ResetSpec,
): Promise<readonly ResetPosition[]> {
  const sources = new Set(sourceTopicsOf(application));
  const states = new Map(known.map(({ id, state }) => [taskName(id), state]));
  const inputs = (await inputsOf(context, application)).filter(({ topic }) => sources.has(topic.name));
  const positions = await atOnce(inputs, AT_ONCE, async ({ task, topic }): Promise<ResetPosition> => {
    const { partition } = task;
    const state = states.get(taskName(task));
    const before = (state && positionIn(state, topic)) ?? -1;
    const offset = await offsetTo(context.log, topic, partition, { from: before, to });
    return { task, topic: topic.name, topicId: topic.id, partition, before, offset };
  });
  return positions.toSorted(byPartition);
}

const byPartition = (a: ResetPosition, b: ResetPosition): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
