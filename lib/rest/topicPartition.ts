import { WadiError } from '../errors.ts';
import type { Topic } from '../topic/topics.ts';
import type { Wadi } from '../wadi.ts';

/** The topic as it stands, if it has the partition; UNKNOWN_TOPIC_OR_PARTITION otherwise. */
export async function describePartition(wadi: Wadi, topicName: string, partition: number): Promise<Topic> {
  const topic = await wadi.topics.describe(topicName);
  requirePartition(topic, partition);
  return topic;
}

export function requirePartition(topic: Pick<Topic, 'partitions'>, partition: number): void {
  if (partition >= topic.partitions) {
    throw new WadiError('UNKNOWN_TOPIC_OR_PARTITION', 'This server does not host this topic-partition.', {
      field: 'partition_id',
    });
  }
}
