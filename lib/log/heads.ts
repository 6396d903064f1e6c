import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { LruCache } from '../lruCache.ts';
import type { Item, ItemStore, Key } from '../storage/ports.ts';
import { decodeHead, type Head, headKey, isDeleted, progress } from './head.ts';
import type { LogTopic } from './log.ts';
import { withRetries } from './retry.ts';

/** Heads that a process remembers: the last state that any answer showed of each. It may be old; conditions tell. */
const MAX_HEADS = 2_000;
/** Much may have been appended since: then reading it anew is cheaper than being refused. */
const MAX_AGE_MS = 30_000;

export interface Heads {
  key(head: Head): Key;
  /** As it stands now. Throws UNKNOWN_TOPIC_OR_PARTITION if it is gone. */
  read(topic: LogTopic, index: number): Promise<Head>;
  /** As it was some seconds ago at most. */
  cached(topic: LogTopic, index: number): Head | undefined;
  /** Decodes a head that an answer brought along, and remembers it; `undefined` if it is gone. */
  learn(topic: LogTopic, index: number, item: Item | undefined): Head | undefined;
}

export function createHeads(items: ItemStore, clock: Clock): Heads {
  const cache = new LruCache<string, { head: Head; learnedAtMs: number }>(MAX_HEADS);

  const heads: Heads = {
    key: (head) => headKey(head.topicId, head.index),

    async read(topic, index) {
      const key = headKey(topic.id, index);
      const head = heads.learn(topic, index, await withRetries(clock, () => items.get(key)));
      if (head === undefined) throw gone(topic);
      return head;
    },

    cached(topic, index) {
      const known = cache.get(headKey(topic.id, index).pk);
      const age = known === undefined ? 0 : clock.now() - known.learnedAtMs;
      return age >= 0 && age <= MAX_AGE_MS ? known?.head : undefined;
    },

    learn(topic, index, item) {
      const { pk } = headKey(topic.id, index);
      if (item === undefined || isDeleted(item)) {
        cache.delete(pk);
        return undefined;
      }
      const before = cache.get(pk)?.head;
      const head = decodeHead(item, topic, index, before);
      if (before === undefined || progress(before) <= progress(head)) {
        cache.set(pk, { head, learnedAtMs: clock.now() });
      }
      return head;
    },
  };
  return heads;
}

export function gone(topic: LogTopic): WadiError {
  return new WadiError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${topic.name}' does not exist (any more).`);
}
