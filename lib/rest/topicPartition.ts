import { WadiError } from '../errors.ts';
import type { Topic } from '../topic/topic.ts';
import type { Wadi } from '../wadi.ts';

/** The topic as it stands, if it has the partition; UNKNOWN_TOPIC_OR_PARTITION otherwise. */
export async function describePartition(wadi: Wadi, topicName: string, partition: number): Promise<Topic> {
  const topic = await wadi.topics.describe(topicName);
  requirePartition(topic, partition);
  return topic;
}

export function requirePartition(topic: Pick<Topic, 'name' | 'partitions'>, partition: number): void {
  if (partition < topic.partitions) return;
  const message = `Topic '${topic.name}' has no partition ${partition}, only 0 to ${topic.partitions - 1}.`;
  throw new WadiError('UNKNOWN_TOPIC_OR_PARTITION', message, { field: 'partition_id' });
}
