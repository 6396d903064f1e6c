import type { Log } from '../../log/log.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Task } from '../task/task.ts';
import { readRange } from './readRange.ts';

/**
 * Brings a store to what its changelog says, from the log start, or an offset, to the end as it is now. Returns how many records that were;
 * `undefined` if the log start has gone past the offset: then what the store has from before may have been deleted.
 */
export async function restoreStore(
  log: Pick<Log, 'fetch' | 'bounds'>,
  changelog: Topic,
  store: string,
  task: Task,
  from?: number,
): Promise<number | undefined> {
  const { partition } = task.id;
  const { logStartOffset, highWatermark: to } = await log.bounds(changelog, partition);
  if (from !== undefined && from < logStartOffset) return undefined;
  let records = 0;
  await readRange(log, changelog, { partition, from: from ?? logStartOffset, to }, ({ key, value }) => {
    if (key !== null) task.restore({ store, key, value });
    records++;
  });
  return records;
}
