import { LruCache } from '../lruCache.ts';
import { addPartitions } from './addPartitions.ts';
import { alterConfigs } from './alterConfigs.ts';
import { createTopic } from './createTopic.ts';
import { deleteTopic } from './deleteTopic.ts';
import { listTopics } from './listTopics.ts';
import { readTopic } from './readTopic.ts';
import type { ConfigChange, NewTopic, Topic, TopicStore } from './topic.ts';

/** Every method throws WadiError: UNKNOWN_TOPIC_OR_PARTITION, TOPIC_ALREADY_EXISTS, INVALID_CONFIG and so on. */
export interface Topics {
  create(topic: NewTopic, options?: { validateOnly?: boolean }): Promise<Topic>;
  /** All topics, in the order of their names' bytes. */
  list(): Promise<Topic[]>;
  /** As it stands now. */
  describe(name: string): Promise<Topic>;
  /** As `describe`, but may be up to a few seconds old; for the paths where every request needs the topic. */
  lookup(name: string): Promise<Topic>;
  /** `id`: that topic alone, and none that has its name by now. */
  delete(name: string, options?: { id?: string }): Promise<void>;
  /** `partitions` is the new total; there is no way back. */
  addPartitions(name: string, partitions: number): Promise<Topic>;
  alterConfigs(
    name: string,
    changes: readonly ConfigChange[],
    options?: { validateOnly?: boolean },
  ): Promise<void>;
}

/** How old an answer of `lookup` may be: as long, another process's change of a topic goes unnoticed. */
const LOOKUP_MAX_AGE_MS = 3_000;
const LOOKUP_MAX_TOPICS = 10_000;

export function createTopics(store: TopicStore): Topics {
  const known = new LruCache<string, { topic: Promise<Topic>; readAtMs: number }>(LOOKUP_MAX_TOPICS);

  /** Those who ask while the read is under way share it; one that failed is not kept. */
  function read(name: string): Promise<Topic> {
    const entry = { topic: readTopic(store.metadata, name), readAtMs: store.clock.now() };
    known.set(name, entry);
    entry.topic.catch(() => {
      if (known.peek(name) === entry) known.delete(name);
    });
    return entry.topic;
  }

  /** Forgets the topic whatever came of the change: one that failed may have been made all the same. */
  async function change<T>(name: string, made: Promise<T>): Promise<T> {
    return made.finally(() => known.delete(name));
  }

  return {
    create: (topic, { validateOnly = false } = {}) =>
      change(topic.name, createTopic(store, topic, validateOnly)),
    list: () => listTopics(store.metadata),
    describe: read,
    lookup(name) {
      const entry = known.get(name);
      // A clock may be set back.
      const isFresh = entry && Math.abs(store.clock.now() - entry.readAtMs) < LOOKUP_MAX_AGE_MS;
      return isFresh ? entry.topic : read(name);
    },
    delete: (name, { id } = {}) => change(name, deleteTopic(store, name, id)),
    addPartitions: (name, partitions) => change(name, addPartitions(store, name, partitions)),
    alterConfigs: (name, changes, { validateOnly = false } = {}) =>
      change(name, alterConfigs(store, name, changes, validateOnly)),
  };
}
