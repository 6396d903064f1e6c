import { WadiError } from '../errors.ts';
import { withRetries } from '../log/retry.ts';
import type { Item } from '../storage/ports.ts';
import { listTopics } from '../topic/listTopics.ts';
import { DELETED_TOPIC_PK, type StoredTopic } from '../topic/topicItem.ts';
import { addCounts, type Counts } from './job.ts';
import { LeaseHeld } from './lease.ts';
import type { Maintained } from './maintainHead.ts';
import { maintainTopic, type TopicCursor, WHOLE_TOPIC } from './maintainTopic.ts';
import { forgetRuns } from './runs.ts';
import type { UnitContext } from './units.ts';

/** The topic to go on with, and where in it: plain JSON. */
export interface SweepCursor {
  readonly name: string;
  readonly at: TopicCursor;
}

const DELETED_TOPICS_PER_SWEEP = 1_000;

/**
 * Looks at every head of every topic, and collects the garbage of each: what was missed, because a due item could not be put or
 * an append was frozen for long, is found within a day. Where nothing is due it costs reads alone. A topic that fails does
 * not keep it from the others.
 */
export async function sweep(
  context: UnitContext,
  cursor: SweepCursor | undefined,
  onHead: (topic: StoredTopic, index: number, head: Maintained) => Promise<void>,
): Promise<{ counts: Counts; cursor?: SweepCursor }> {
  const { wadi, job, warn } = context;
  let counts: Counts = {};
  if (cursor === undefined) await tidyUp(context);
  for (const topic of await listTopics(wadi.storage.metadata)) {
    const { name } = topic;
    if (cursor !== undefined && name < cursor.name) continue;
    const at = cursor?.name === name ? cursor.at : WHOLE_TOPIC;
    if (job.isOver()) return { counts, cursor: { name, at } };
    try {
      const work = await maintainTopic(job, topic, at, { force: false }, (index, head) =>
        onHead(topic, index, head),
      );
      counts = addCounts(counts, work.counts);
      if (work.cursor !== undefined) return { counts, cursor: { name, at: work.cursor } };
    } catch (error) {
      if (error instanceof LeaseHeld) throw error;
      // Deleted since it was listed.
      if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') continue;
      counts = addCounts(counts, { topicsFailed: 1 });
      warn(error);
    }
  }
  return { counts };
}

/** Accounts of old runs go; deleted topics that should long be purged are looked at again. */
async function tidyUp({ wadi, job }: UnitContext): Promise<void> {
  const { storage, log, clock } = wadi;
  const { limits } = job;
  const now = clock.now();
  await forgetRuns(storage.log, now - limits.runAgeMs, limits);
  const query = { pk: DELETED_TOPIC_PK, limit: DELETED_TOPICS_PER_SWEEP };
  const { items } = await withRetries(clock, () => storage.metadata.query(query));
  for (const item of items) {
    const { sk: id, name, partitions, partitionsPerHead, deletedAtMs } = item as Item & DeletedTopic;
    if (deletedAtMs > now - 2 * limits.purgeAgainMs) continue;
    await log.schedule({ id, name, partitions, partitionsPerHead }, 'purge', now);
  }
}

interface DeletedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly partitionsPerHead: number;
  readonly deletedAtMs: number;
}
