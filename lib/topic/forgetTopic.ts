import type { LogTopic } from '../log/log.ts';
import type { ItemStore } from '../storage/ports.ts';
import { deletedTopicKey, topicKey } from './topicItem.ts';

/** When a topic was deleted: `undefined` if it was not, or has been forgotten. */
export async function deletedAtMs(metadata: ItemStore, topicId: string): Promise<number | undefined> {
  const item = await metadata.get(deletedTopicKey(topicId));
  return item?.deletedAtMs as number | undefined;
}

/** Takes away what a deleted topic has left in the metadata: for when nothing of its time can be late any more. */
export async function forgetTopic(metadata: ItemStore, topic: LogTopic): Promise<void> {
  await metadata.delete(topicKey(topic.name), { path: ['lastId'], is: '=', value: topic.id });
  await metadata.delete(deletedTopicKey(topic.id));
}
