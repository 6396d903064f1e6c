import { readNameHolder, unknownTopic } from './readTopic.ts';
import type { TopicStore } from './topic.ts';
import {
  type DyingTopic,
  deletedTopicItem,
  freeNameItem,
  parseTopicItem,
  stillLive,
  topicKey,
} from './topicItem.ts';

/**
 * The topic is gone for everyone from the mark on. Whoever next deletes or creates the name, or purges the topic, finishes what
 * a crash left; so to delete a topic that is being deleted is no error.
 */
export async function deleteTopic(store: TopicStore, name: string, id?: string): Promise<void> {
  const topic = await readNameHolder(store.metadata, name);
  if (topic?.name !== name || (id !== undefined && topic.id !== id)) throw unknownTopic(name);
  if (topic.deletingAtMs !== undefined) return finishDeletion(store, topic);
  const deletingAtMs = store.clock.now();
  await store.log.schedule(topic, 'purge', deletingAtMs);
  const { item } = await store.metadata.update(
    topicKey(name),
    [{ set: ['deletingAtMs'], to: deletingAtMs }],
    stillLive(topic),
  );
  const marked = parseTopicItem(item);
  if (marked?.id !== topic.id) throw unknownTopic(name);
  await finishDeletion(store, marked);
}

/** Each step may be repeated, by anyone and at any time: none of them touches a later topic of the same name. */
export async function finishDeletion(store: TopicStore, topic: DyingTopic): Promise<void> {
  await store.metadata.put(deletedTopicItem(topic));
  await store.log.deleteHeads(topic);
  await store.metadata.put(freeNameItem(topic), {
    all: [{ path: ['id'], is: '=', value: topic.id }, { exists: ['deletingAtMs'] }],
  });
}
