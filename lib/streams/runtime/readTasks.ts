import type { Clock } from '../../clock.ts';
import { allItems } from '../../storage/allItems.ts';
import type { Storage } from '../../storage/ports.ts';
import type { TaskId } from '../processor/processor.ts';
import { parseTask, type TaskState, taskKey, taskOf } from './taskItem.ts';

/** A task that has begun, as its item says. */
export interface KnownTask {
  readonly id: TaskId;
  readonly state: TaskState;
}

const ITEMS_PER_READ = 100;

/** In the order of sub-topologies and partitions. One query, of a page for each 100 of them. Throws StorageError. */
export async function readTasks(
  { storage, clock }: { readonly storage: Pick<Storage, 'groups'>; readonly clock: Clock },
  applicationId: string,
): Promise<KnownTask[]> {
  const { pk } = taskKey(applicationId, { subtopology: 0, partition: 0 });
  const found = await allItems(storage.groups, clock, { pk, limit: ITEMS_PER_READ });
  return found.map((item) => ({ id: taskOf(item), state: parseTask(item) })).toSorted(byId);
}

const byId = ({ id: a }: KnownTask, { id: b }: KnownTask): number =>
  a.subtopology - b.subtopology || a.partition - b.partition;
