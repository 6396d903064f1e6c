import { WadiError } from '../errors.ts';
import type { LogTopic } from '../log/log.ts';
import { finishDeletion } from './deleteTopic.ts';
import type { TopicStore } from './topic.ts';
import { freeNameItem, parseTopicItem, stillFree, topicKey } from './topicItem.ts';

const ATTEMPTS = 10;

/**
 * Of a topic whose creation began long ago: if it has not come to be, it never will, and is left as one that was deleted.
 * Tells whether that is so. Whoever creates it may only sleep: so the name is marked, which his last step, should it come, finds
 * changed. (If another topic has the name he finds that, and later the mark of that one.)
 */
export async function abandonCreation(store: TopicStore, topic: LogTopic): Promise<boolean> {
  const { metadata, clock } = store;
  const vain = { ...topic, deletingAtMs: clock.now() };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const item = await metadata.get(topicKey(topic.name));
    const holder = parseTopicItem(item);
    if (holder?.id === topic.id) return false;
    if (holder !== undefined || (await metadata.put(freeNameItem(vain), stillFree(item))).applied) {
      await finishDeletion(store, vain);
      return true;
    }
  }
  throw new WadiError('REQUEST_TIMED_OUT', `Others keep creating and deleting '${topic.name}'.`);
}
