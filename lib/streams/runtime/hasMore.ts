import type { Bounds, Log, LogTopic } from '../../log/log.ts';
import type { Topics } from '../../topic/topics.ts';
import type { TaskId } from '../processor/processor.ts';
import { type StreamsApplication, sourceTopics } from './application.ts';
import { positionIn, type TaskState } from './taskItem.ts';

interface Context {
  readonly application: StreamsApplication;
  readonly log: Pick<Log, 'boundsOf'>;
  readonly topics: Pick<Topics, 'lookup'>;
}

/** Whether a task's inputs have anything behind where it is: a read of one item for each, and none of S3. */
export async function hasMore(context: Context, id: TaskId, state: TaskState): Promise<boolean> {
  const { application, log, topics } = context;
  const names = sourceTopics(application, application.topology.subtopologies[id.subtopology]!);
  const looks = names.map(async (name) => {
    const topic = await topics.lookup(name);
    if (id.partition >= topic.partitions) return false;
    const [bounds] = await log.boundsOf(topic, [id.partition]);
    return isMore(state, topic, bounds!);
  });
  return (await Promise.all(looks)).includes(true);
}

/** The same of many: those that have more, or cannot be looked at, which they will tell. A read for each head that their inputs are in. */
export async function whichHaveMore(
  { application, log, topics }: Context,
  tasks: readonly TaskId[],
  stateOf: (id: TaskId) => TaskState,
): Promise<Set<TaskId>> {
  const found = new Set<TaskId>();
  const bySubtopology = Map.groupBy(tasks, ({ subtopology }) => subtopology);
  async function look(name: string, readers: readonly TaskId[]): Promise<void> {
    const topic = await topics.lookup(name);
    const some = readers.filter(({ partition }) => partition < topic.partitions);
    const bounds = await log.boundsOf(
      topic,
      some.map(({ partition }) => partition),
    );
    for (const [i, task] of some.entries()) if (isMore(stateOf(task), topic, bounds[i]!)) found.add(task);
  }
  await Promise.all(
    [...bySubtopology].flatMap(([subtopology, readers]) =>
      sourceTopics(application, application.topology.subtopologies[subtopology]!).map((name) =>
        look(name, readers).catch(() => {
          for (const task of readers) found.add(task);
        }),
      ),
    ),
  );
  return found;
}

const isMore = (state: TaskState, topic: LogTopic, { logStartOffset, highWatermark }: Bounds): boolean =>
  highWatermark !== (positionIn(state, topic) ?? logStartOffset);
