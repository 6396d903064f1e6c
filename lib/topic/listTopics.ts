import type { ItemStore } from '../storage/ports.ts';
import { parseTopicItem, type StoredTopic, TOPIC_PK } from './topicItem.ts';

const PAGE = 1_000;

/** All live topics in the order of their names' bytes. */
export async function listTopics(metadata: ItemStore): Promise<StoredTopic[]> {
  const topics: StoredTopic[] = [];
  let from: string | undefined;
  do {
    const page = await metadata.query({ pk: TOPIC_PK, limit: PAGE, ...(from !== undefined && { from }) });
    for (const item of page.items) {
      const topic = parseTopicItem(item);
      if (topic !== undefined && topic.deletingAtMs === undefined) topics.push(topic);
    }
    // The next key there can be: no character of a name comes before "-".
    from = page.lastSk === undefined ? undefined : `${page.lastSk}-`;
  } while (from !== undefined);
  return topics.sort((a, b) => (a.name < b.name ? -1 : 1));
}
