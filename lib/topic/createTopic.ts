import { WadiError } from '../errors.ts';
import { randomUuid } from '../uuid.ts';
import { checkOverrides, parseConfigs } from './configs.ts';
import { finishDeletion } from './deleteTopic.ts';
import { checkPartitions } from './partitions.ts';
import { readNameHolder } from './readTopic.ts';
import type { NewTopic, Topic, TopicStore } from './topic.ts';
import { newTopicItem } from './topicItem.ts';
import { topicNameProblem } from './topicName.ts';

/**
 * Heads first, then the topic's item, then the answer: whoever sees the item finds the heads. A crash in between
 * leaves heads that nothing names; the name stays free.
 */
export async function createTopic(
  store: TopicStore,
  wanted: NewTopic,
  validateOnly: boolean,
): Promise<Topic> {
  const topic = newTopic(store, wanted);
  const holder = await readNameHolder(store.metadata, topic.name);
  if (holder !== undefined && holder.deletingAtMs === undefined) throw nameTaken(topic.name, holder.name);
  if (validateOnly) return topic;
  if (holder !== undefined) await finishDeletion(store, holder);

  await store.log.createHeads(topic, 0, topic.partitions);
  const put = await store.metadata.put(newTopicItem(topic), { missing: ['id'] });
  // Refused, but by our own id: it was sent twice because the first answer was lost.
  if (put.applied || put.item?.id === topic.id) return topic;
  // The heads that were made for it are deleted as those of a topic that was.
  const vain = { ...topic, configsVersion: 0, deletingAtMs: store.clock.now() };
  await finishDeletion(store, vain).catch(() => undefined);
  throw nameTaken(topic.name, put.item?.name);
}

function newTopic({ clock }: TopicStore, { name, partitions = 1, configs = {} }: NewTopic): Topic {
  const problem = topicNameProblem(name);
  if (problem !== undefined) {
    throw new WadiError('INVALID_TOPIC_EXCEPTION', `Topic name is invalid: ${problem}`, {
      field: 'topic_name',
    });
  }
  checkPartitions(partitions);
  const overrides = checkOverrides(configs);
  const parsed = parseConfigs(overrides);
  const { partitionsPerHead } = parsed;
  const createdAtMs = clock.now();
  return {
    id: randomUuid(clock),
    name,
    partitions,
    partitionsPerHead,
    overrides,
    configs: parsed,
    createdAtMs,
  };
}

function nameTaken(name: string, holder: unknown): WadiError {
  if (holder === name) {
    return new WadiError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`, { field: 'topic_name' });
  }
  return new WadiError(
    'INVALID_TOPIC_EXCEPTION',
    `Topic '${name}' collides with existing topic '${holder}': the names differ only in '.' and '_'`,
    { field: 'topic_name' },
  );
}
