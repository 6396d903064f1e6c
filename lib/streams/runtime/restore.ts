import type { Log } from '../../log/log.ts';
import type { Topic } from '../../topic/topic.ts';
import { readRange } from './readRange.ts';

/** Takes in what a store has of a key; `null`: nothing. */
export type Restore = (key: Uint8Array, value: Uint8Array | null) => void;

export interface RestoreOptions {
  /** The log start unless given. */
  readonly from?: number;
  /** Told how far it is, after each read; what it throws ends it there. */
  readonly onRead?: (nextOffset: number) => void | Promise<void>;
}

export interface Restored {
  readonly records: number;
  readonly nextOffset: number;
}

/**
 * Brings a store to what its changelog says, from the log start, or an offset, to the end as it is now. `undefined` if the log start has gone past
 * the offset: then what the store has from before may have been deleted.
 */
export async function restoreStore(
  log: Pick<Log, 'fetch' | 'bounds'>,
  changelog: Topic,
  partition: number,
  restore: Restore,
  { from, onRead = () => undefined }: RestoreOptions = {},
): Promise<Restored | undefined> {
  const { logStartOffset, highWatermark: to } = await log.bounds(changelog, partition);
  if (from !== undefined && from < logStartOffset) return undefined;
  let records = 0;
  let nextOffset = from ?? logStartOffset;
  const range = { partition, from: nextOffset, to };
  await readRange(
    log,
    changelog,
    range,
    ({ key, value }) => {
      // Copied, so that a row does not keep all that was fetched with it.
      if (key !== null) restore(key.slice(), value?.slice() ?? null);
      records++;
    },
    (offset) => {
      nextOffset = offset;
      return onRead(offset);
    },
  );
  return { records, nextOffset };
}
