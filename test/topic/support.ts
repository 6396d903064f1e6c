import { systemClock } from '../../lib/clock.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { headKey, isDeleted } from '../../lib/log/head.ts';
import type { ItemStore, Storage } from '../../lib/storage/ports.ts';
import { createTopics, type Topics } from '../../lib/topic/topics.ts';

/** Waits before a storage call, or throws instead of it. */
export type Interfere = (call: string) => Promise<void>;

/** The topics as one process sees them. Processes that share a storage share nothing else. */
export function topicsProcess(
  storage: Storage,
  interfere: Interfere = async () => {},
  clock = systemClock,
): Topics {
  const log = createLog({ storage: { ...storage, log: interfered(storage.log, interfere) }, clock });
  return createTopics({ metadata: interfered(storage.metadata, interfere), log, clock });
}

function interfered(items: ItemStore, interfere: Interfere): ItemStore {
  const before =
    <Args extends unknown[], Result>(name: string, call: (...args: Args) => Promise<Result>) =>
    async (...args: Args) => {
      await interfere(name);
      return call(...args);
    };
  return {
    get: before('get', items.get),
    getMany: before('getMany', items.getMany),
    query: before('query', items.query),
    put: before('put', items.put),
    update: before('update', items.update),
    delete: before('delete', items.delete),
  };
}

/** How many live heads there are of a topic, of at most `limit` possible ones. */
export async function headCount(storage: Storage, topicId: string, limit = 20): Promise<number> {
  const heads = await storage.log.getMany(Array.from({ length: limit }, (_, i) => headKey(topicId, i)));
  return heads.filter((head) => head !== undefined && !isDeleted(head)).length;
}

/** The ids of the topics that were left to the garbage collector. */
export async function deletedTopicIds(storage: Storage): Promise<string[]> {
  const { items } = await storage.metadata.query({ pk: 'deleted-topic', limit: 1_000 });
  return items.map((item) => item.sk);
}
