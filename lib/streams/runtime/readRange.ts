import type { Log } from '../../log/log.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { DecodedRecord } from '../../record/record.ts';
import type { Topic } from '../../topic/topic.ts';

const FETCH_BYTES = 4 * 1024 * 1024;

export interface Range {
  readonly partition: number;
  readonly from: number;
  /** Exclusive: a high watermark that was seen. */
  readonly to: number;
}

/** Gives all records of a range, which compaction may have left gaps in, and tells after each read where the next begins. Throws what `fetch` does. */
export async function readRange(
  log: Pick<Log, 'fetch'>,
  topic: Topic,
  { partition, from, to }: Range,
  each: (record: DecodedRecord) => void,
  onRead: (nextOffset: number) => void | Promise<void> = () => undefined,
): Promise<void> {
  for (let offset = from; offset < to; ) {
    const fetched = await log.fetch(topic, {
      ...{ partition, offset, maxBytes: FETCH_BYTES, minBytes: 0, maxWaitMs: 0 },
    });
    for (const record of decodeBatches(fetched.bytes, { fromOffset: offset })) {
      // What was appended since may be a part of a step, of which the rest is behind what was fetched.
      if (record.offset >= to) break;
      each(record);
    }
    if (fetched.nextOffset === offset) break;
    offset = Math.min(fetched.nextOffset, to);
    await onRead(offset);
  }
}
