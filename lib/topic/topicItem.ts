import type { Condition, Item, Key } from '../storage/ports.ts';
import { type ConfigOverrides, parseConfigs } from './configs.ts';
import type { Topic } from './topic.ts';
import { collisionName } from './topicName.ts';

/**
 * A topic in the metadata store:
 *
 *     pk 'topic'   sk the name with '_' for '.', so that of names that collide only one can be put
 *     name, id, partitions, partitionsPerHead, overrides, createdAtMs
 *     configsVersion   counts the changes of `overrides`
 *     deletingAtMs     set from when the deletion begins: to everyone else the topic is gone
 *
 * and what the garbage collector has to know of a topic that was deleted:
 *
 *     pk 'deleted-topic'   sk the topic id
 *     name, partitions, partitionsPerHead, deletedAtMs
 */
export interface StoredTopic extends Topic {
  readonly configsVersion: number;
  readonly deletingAtMs: number | undefined;
}

export const TOPIC_PK = 'topic';

export function topicKey(name: string): Key {
  return { pk: TOPIC_PK, sk: collisionName(name) };
}

export function newTopicItem(topic: Topic): Item {
  const { name, id, partitions, partitionsPerHead, overrides, createdAtMs } = topic;
  return {
    ...topicKey(name),
    name,
    id,
    partitions,
    partitionsPerHead,
    overrides,
    createdAtMs,
    configsVersion: 0,
  };
}

/** `topic` has been marked as being deleted. */
export function deletedTopicItem({
  id,
  name,
  partitions,
  partitionsPerHead,
  deletingAtMs,
}: StoredTopic): Item {
  return { pk: 'deleted-topic', sk: id, name, partitions, partitionsPerHead, deletedAtMs: deletingAtMs! };
}

export function parseTopicItem(item: Item): StoredTopic {
  const overrides = item.overrides as ConfigOverrides;
  return {
    id: item.id as string,
    name: item.name as string,
    partitions: item.partitions as number,
    partitionsPerHead: item.partitionsPerHead as number,
    overrides,
    configs: parseConfigs(overrides),
    createdAtMs: item.createdAtMs as number,
    configsVersion: item.configsVersion as number,
    deletingAtMs: item.deletingAtMs as number | undefined,
  };
}

/** The topic is there, is this one and not a later one of its name, and is not being deleted. */
export function stillLive(topic: Topic): Condition {
  return { all: [{ path: ['id'], is: '=', value: topic.id }, { missing: ['deletingAtMs'] }] };
}
