import type { LogTopic } from '../log/log.ts';
import type { Condition, Item, Key } from '../storage/ports.ts';
import { type ConfigOverrides, parseConfigs } from './configs.ts';
import type { Topic } from './topic.ts';
import { collisionName } from './topicName.ts';

/**
 * A topic in the metadata store:
 *
 *     pk 'topic'   sk the name with '_' for '.', so that of names that collide only one can be put
 *     name, id, partitions, partitionsPerHead, overrides, createdAtMs
 *     replicas         names of the regions that are to have its records; missing: all
 *     configsVersion   counts the changes of `overrides`
 *     deletingAtMs     set from when the deletion begins: to everyone else the topic is gone
 *
 * which when it was deleted leaves a mark in its place, so that a late copy of a call that made it finds the name changed:
 *
 *     lastId, deletedAtMs
 *
 * and what has to be known of a topic that was deleted, until nothing of it is left:
 *
 *     pk 'deleted-topic'   sk the topic id
 *     name, partitions, partitionsPerHead, deletedAtMs
 */
export interface StoredTopic extends Topic {
  readonly configsVersion: number;
  readonly deletingAtMs: number | undefined;
}

/** A topic of which not more is known than that it is being deleted, since when. */
export type DyingTopic = LogTopic & Pick<StoredTopic, 'deletingAtMs'>;

export const TOPIC_PK = 'topic';
export const DELETED_TOPIC_PK = 'deleted-topic';

export function topicKey(name: string): Key {
  return { pk: TOPIC_PK, sk: collisionName(name) };
}

export function newTopicItem(topic: Topic): Item {
  const { name, id, partitions, partitionsPerHead, replicas, overrides, createdAtMs } = topic;
  return {
    ...topicKey(name),
    name,
    id,
    partitions,
    partitionsPerHead,
    ...(replicas && { replicas }),
    overrides,
    createdAtMs,
    configsVersion: 0,
  };
}

/** What is left of a name whose topic was deleted. */
export function freeNameItem({ name, id, deletingAtMs }: DyingTopic): Item {
  return { ...topicKey(name), lastId: id, deletedAtMs: deletingAtMs! };
}

/** The name is free, and has been since `item` was read: of no topic that was made, and deleted, meanwhile. */
export function stillFree(item: Item | undefined): Condition {
  return item === undefined
    ? { missing: ['pk'] }
    : { path: ['lastId'], is: '=', value: item.lastId as string };
}

/** `topic` has been marked as being deleted. */
export function deletedTopicItem({
  id,
  name,
  partitions,
  partitionsPerHead,
  deletingAtMs,
}: DyingTopic): Item {
  return { ...deletedTopicKey(id), name, partitions, partitionsPerHead, deletedAtMs: deletingAtMs! };
}

export function deletedTopicKey(id: string): Key {
  return { pk: DELETED_TOPIC_PK, sk: id };
}

/** `undefined` if the name is free. */
export function parseTopicItem(item: Item | undefined): StoredTopic | undefined {
  if (item?.id === undefined) return undefined;
  const overrides = item.overrides as ConfigOverrides;
  return {
    id: item.id as string,
    name: item.name as string,
    partitions: item.partitions as number,
    partitionsPerHead: item.partitionsPerHead as number,
    ...(item.replicas !== undefined && { replicas: item.replicas as readonly string[] }),
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
