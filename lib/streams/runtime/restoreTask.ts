import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Task } from '../task/task.ts';
import { loadSnapshot } from './loadSnapshot.ts';
import { type Restore, restoreStore } from './restore.ts';
import { isFresh, type Snapshot, storedIn } from './snapshot.ts';

interface RestoreContext {
  readonly log: Pick<Log, 'fetch' | 'bounds'>;
  readonly objects: Pick<ObjectStore, 'get'>;
  readonly clock: Clock;
}

/**
 * Brings a new task's stores to what their changelogs say, those that the snapshot has from there on. Returns how many records of changelogs that
 * were, and is told after each read, which it waits for; `undefined` if the snapshot turned out to be of no use, and the task with it.
 */
export async function restoreTask(
  context: RestoreContext,
  task: Task,
  changelogs: ReadonlyMap<string, Topic>,
  snapshot: Snapshot | undefined,
  onRead: () => Promise<void> = async () => undefined,
): Promise<number | undefined> {
  const { log, clock } = context;
  let records = 0;
  for (const [name, changelog] of changelogs) {
    const stored = storedIn(snapshot, name, changelog, clock.now());
    const restore: Restore = (key, value) => task.restore({ store: name, key, value });
    if (stored && !(await loadSnapshot(context, snapshot!, stored, restore, { onRead }))) return undefined;
    const { partition } = task.id;
    const from = stored && { from: stored.offset };
    const read = await restoreStore(log, changelog, partition, restore, { ...from, onRead });
    if (read === undefined || (stored && !isFresh(snapshot!, changelog, clock.now()))) return undefined;
    records += read.records;
  }
  return records;
}
