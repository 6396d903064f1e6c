import { WadiError } from '../errors.ts';
import type { LogTopic } from './log.ts';

/** Throws UNKNOWN_TOPIC_OR_PARTITION unless the topic has the partition. */
export function requirePartition(topic: Pick<LogTopic, 'name' | 'partitions'>, partition: number): void {
  if (partition >= 0 && partition < topic.partitions) return;
  const message = `Topic '${topic.name}' has no partition ${partition}, only 0 to ${topic.partitions - 1}.`;
  throw new WadiError('UNKNOWN_TOPIC_OR_PARTITION', message, { field: 'partition_id' });
}
