import { WadiError } from '../errors.ts';
import type { InSync } from '../replication/inSync.ts';
import type { Condition } from '../storage/ports.ts';
import { randomUuid } from '../uuid.ts';
import { checkOverrides, parseConfigs } from './configs.ts';
import { finishDeletion } from './deleteTopic.ts';
import { checkPartitions } from './partitions.ts';
import { placeReplicas } from './placeReplicas.ts';
import type { NewTopic, Topic, TopicStore } from './topic.ts';
import { freeNameItem, newTopicItem, parseTopicItem, stillFree, topicKey } from './topicItem.ts';
import { topicNameProblem } from './topicName.ts';

const ATTEMPTS = 10;
/** A creation that has not ended by then never will: see lib/maintenance/purgeTopic.ts. */
const CREATION_MS = 3_600_000;

/**
 * Heads first, then the topic's item, then the answer: whoever sees the item finds the heads. A crash in between
 * leaves heads that nothing names; the name stays free, and maintenance takes them away.
 */
export async function createTopic(
  store: TopicStore,
  wanted: NewTopic,
  validateOnly: boolean,
): Promise<Topic> {
  // Of a cluster that has no topics yet, all regions are in sync: said before there is one.
  const inSync = await store.replication?.inSync();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    // With an id of its own: an attempt that was refused must not come to life by a later one.
    const topic = newTopic(store, wanted, inSync);
    const free = await freeName(store, topic, validateOnly);
    if (validateOnly) return topic;
    await store.log.schedule(topic, 'creation', topic.createdAtMs + CREATION_MS);
    await store.log.createHeads(topic, 0, topic.partitions);
    const { applied, item } = await store.metadata.put(newTopicItem(topic), free);
    // Refused, but by our own id: it was sent twice because the first answer was lost.
    if (applied || item?.id === topic.id || item?.lastId === topic.id) return topic;
    // The heads that were made for it are deleted as those of a topic that was.
    const vain = { ...topic, deletingAtMs: store.clock.now() };
    await finishDeletion(store, vain).catch(() => undefined);
    const holder = parseTopicItem(item);
    if (holder !== undefined && holder.deletingAtMs === undefined) throw nameTaken(topic.name, holder.name);
  }
  throw new WadiError('REQUEST_TIMED_OUT', `Others keep creating and deleting '${wanted.name}'; try again.`);
}

/** The condition on which the topic may be put under its name. Finishes the deletion of one that has it still. */
async function freeName(store: TopicStore, topic: Topic, validateOnly: boolean): Promise<Condition> {
  const item = await store.metadata.get(topicKey(topic.name));
  const holder = parseTopicItem(item);
  if (holder === undefined) return stillFree(item);
  if (holder.deletingAtMs === undefined) throw nameTaken(topic.name, holder.name);
  if (!validateOnly) await finishDeletion(store, holder);
  return stillFree(freeNameItem(holder));
}

function newTopic(
  { clock, replication }: TopicStore,
  { name, partitions = 1, configs = {}, replicationFactor }: NewTopic,
  inSync: InSync | undefined,
): Topic {
  const problem = topicNameProblem(name);
  if (problem !== undefined) {
    throw new WadiError('INVALID_TOPIC_EXCEPTION', `Topic name is invalid: ${problem}`, {
      field: 'topic_name',
    });
  }
  checkPartitions(partitions);
  const { replicas, minInsyncReplicas } = placeReplicas(replication, replicationFactor, inSync);
  const overrides = checkOverrides({
    ...(minInsyncReplicas > 1 && { 'min.insync.replicas': String(minInsyncReplicas) }),
    ...configs,
  });
  const parsed = parseConfigs(overrides);
  const { partitionsPerHead } = parsed;
  const createdAtMs = clock.now();
  return {
    id: randomUuid(clock),
    name,
    partitions,
    partitionsPerHead,
    ...(replicas && { replicas }),
    overrides,
    configs: parsed,
    createdAtMs,
  };
}

function nameTaken(name: string, holder: string): WadiError {
  if (holder === name) {
    return new WadiError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`, { field: 'topic_name' });
  }
  return new WadiError(
    'INVALID_TOPIC_EXCEPTION',
    `Topic '${name}' collides with existing topic '${holder}': the names differ only in '.' and '_'`,
    { field: 'topic_name' },
  );
}
