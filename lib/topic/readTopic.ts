import { WadiError } from '../errors.ts';
import type { Item, ItemStore } from '../storage/ports.ts';
import type { Topic } from './topic.ts';
import { parseTopicItem, type StoredTopic, topicKey } from './topicItem.ts';
import { topicNameProblem } from './topicName.ts';

/** Throws UNKNOWN_TOPIC_OR_PARTITION also for a topic that is being deleted, and for a name that none can have. */
export async function readTopic(metadata: ItemStore, name: string): Promise<StoredTopic> {
  const holder = await readNameHolder(metadata, name);
  if (holder?.name !== name || holder.deletingAtMs !== undefined) throw unknownTopic(name);
  return holder;
}

/** The topic that keeps `name` from being used: of that name or of one that collides, live or being deleted. */
export async function readNameHolder(metadata: ItemStore, name: string): Promise<StoredTopic | undefined> {
  if (topicNameProblem(name) !== undefined) return undefined;
  return parseTopicItem(await metadata.get(topicKey(name)));
}

/** `topic` as a write has left it, or has found it on refusing. Throws UNKNOWN_TOPIC_OR_PARTITION if it is gone. */
export function afterWrite(topic: Topic, item: Item | undefined): StoredTopic {
  const found = parseTopicItem(item);
  if (found?.id !== topic.id || found.deletingAtMs !== undefined) throw unknownTopic(topic.name);
  return found;
}

export function unknownTopic(name: string): WadiError {
  return new WadiError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${name}' does not exist.`, {
    field: 'topic_name',
  });
}
