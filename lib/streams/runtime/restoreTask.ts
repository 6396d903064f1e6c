import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Task } from '../task/task.ts';
import { loadSnapshot } from './loadSnapshot.ts';
import { restoreStore } from './restore.ts';
import { isFresh, type Snapshot } from './snapshot.ts';

interface RestoreContext {
  readonly log: Pick<Log, 'fetch' | 'bounds'>;
  readonly objects: Pick<ObjectStore, 'get'>;
  readonly clock: Clock;
}

/**
 * Brings a new task's stores to what their changelogs say, those that the snapshot has from there on. Returns how many records of changelogs that
 * were; `undefined` if the snapshot turned out to be of no use, and the task with it.
 */
export async function restoreTask(
  context: RestoreContext,
  task: Task,
  changelogs: ReadonlyMap<string, Topic>,
  snapshot: Snapshot | undefined,
): Promise<number | undefined> {
  const { log, clock } = context;
  let records = 0;
  for (const [name, changelog] of changelogs) {
    const stored =
      snapshot !== undefined && isFresh(snapshot, changelog, clock.now())
        ? snapshot.stores.find((store) => store.name === name && store.topicId === changelog.id)
        : undefined;
    if (stored && !(await loadSnapshot(context, snapshot!, stored, task))) return undefined;
    const read = await restoreStore(log, changelog, name, task, stored?.offset);
    if (read === undefined || (stored && !isFresh(snapshot!, changelog, clock.now()))) return undefined;
    records += read;
  }
  return records;
}
