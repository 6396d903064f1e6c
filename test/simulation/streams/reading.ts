import type { Log } from '../../../lib/log/log.ts';
import { decodeBatches } from '../../../lib/record/decode.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import type { Wadi } from '../../../lib/wadi.ts';

export interface Read {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly timestamp: number;
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null;
}

/** '' of a tombstone. */
export const textOf = ({ value }: Read): string => (value === null ? '' : Serdes.string.deserialize(value));

export function isReadable(one: Read): boolean {
  try {
    textOf(one);
    return true;
  } catch {
    return false;
  }
}

/** All of a topic, partition by partition. */
export async function readTopic(
  { log, topics }: Pick<Wadi, 'log' | 'topics'>,
  name: string,
): Promise<Read[]> {
  const topic = await topics.describe(name);
  const found: Read[] = [];
  for (let partition = 0; partition < topic.partitions; partition++)
    found.push(...(await readPartition(log, topic, partition)));
  return found;
}

async function readPartition(
  log: Pick<Log, 'fetch'>,
  topic: Parameters<Log['fetch']>[0],
  partition: number,
): Promise<Read[]> {
  const found: Read[] = [];
  for (let offset = 0; ; ) {
    const request = { partition, offset, maxBytes: 1 << 20, minBytes: 0, maxWaitMs: 0 };
    const { bytes, nextOffset } = await log.fetch(topic, request);
    if (nextOffset === offset) return found;
    for (const { key, value, timestamp, offset: at } of decodeBatches(bytes, { fromOffset: offset }))
      found.push({ partition, offset: at, key: Serdes.string.deserialize(key!), timestamp, value });
    offset = nextOffset;
  }
}
