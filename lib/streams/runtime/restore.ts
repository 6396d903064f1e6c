import type { Log } from '../../log/log.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Task } from '../task/task.ts';

const FETCH_BYTES = 4 * 1024 * 1024;

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
  const { logStartOffset, highWatermark } = await log.bounds(changelog, partition);
  if (from !== undefined && from < logStartOffset) return undefined;
  let records = 0;
  for (let offset = from ?? logStartOffset; offset < highWatermark; ) {
    const fetched = await log.fetch(changelog, {
      ...{ partition, offset, maxBytes: FETCH_BYTES, minBytes: 0, maxWaitMs: 0 },
    });
    for (const { key, value } of decodeBatches(fetched.bytes, { fromOffset: offset })) {
      if (key !== null) task.restore({ store, key, value });
      records++;
    }
    if (fetched.nextOffset === offset) break;
    offset = fetched.nextOffset;
  }
  return records;
}
