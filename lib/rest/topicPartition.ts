import { requirePartition } from '../log/requirePartition.ts';
import type { Topic } from '../topic/topic.ts';
import type { Wadi } from '../wadi.ts';

/** The topic as it stands, if it has the partition; UNKNOWN_TOPIC_OR_PARTITION otherwise. */
export async function describePartition(wadi: Wadi, topicName: string, partition: number): Promise<Topic> {
  const topic = await wadi.topics.describe(topicName);
  requirePartition(topic, partition);
  return topic;
}
