import type { Log, LogTopic } from '../log/log.ts';
import type { ResetSpec } from './groups.ts';

/** Where a position goes that is at `from`, or nowhere (-1): within the records that are there, as Kafka's tool does it. */
export async function offsetTo(
  log: Pick<Log, 'bounds' | 'listOffsets'>,
  topic: LogTopic,
  partition: number,
  { from, to }: { readonly from: number; readonly to: ResetSpec },
): Promise<number> {
  const { logStartOffset, highWatermark } = await log.bounds(topic, partition);
  const wanted = async (): Promise<number> => {
    if (to === 'earliest') return logStartOffset;
    if (to === 'latest') return highWatermark;
    if ('offset' in to) return to.offset;
    if ('shift' in to) return (from < 0 ? logStartOffset : from) + to.shift;
    const found = await log.listOffsets(topic, partition, { timestamp: to.timestamp });
    return found.offset < 0 ? highWatermark : found.offset;
  };
  return Math.max(logStartOffset, Math.min(highWatermark, await wanted()));
}
