import { ACL_PK } from '../acl/aclItem.ts';
import { WadiError } from '../errors.ts';
import { evictedProducerKey } from '../log/producers.ts';
import { withRetries } from '../log/retry.ts';
import { QUOTA_PK } from '../quota/quotaItem.ts';
import { ensureScrubDue } from '../replication/rejoinDue.ts';
import type { Item } from '../storage/ports.ts';
import { listTopics } from '../topic/listTopics.ts';
import { DELETED_TOPIC_PK, type StoredTopic } from '../topic/topicItem.ts';
import { forgetExpired } from './forgetExpired.ts';
import { addCounts, type Counts } from './job.ts';
import { LeaseHeld } from './lease.ts';
import type { Maintained } from './maintainHead.ts';
import { maintainTopic, type TopicCursor, WHOLE_TOPIC } from './maintainTopic.ts';
import { forgetRuns } from './runs.ts';
import type { UnitContext } from './units.ts';

/** The topic to go on with, and where in it; or the group behind which to go on, after all topics: plain JSON. */
export type SweepCursor =
  | { readonly name: string; readonly at: TopicCursor }
  | { readonly afterGroup: string };

const DELETED_TOPICS_PER_SWEEP = 1_000;

/**
 * Looks at every head of every topic, and collects the garbage of each: what was missed, because a due item could not be put or
 * an append was frozen for long, is found within a day. Where nothing is due it costs reads alone. A topic that fails does
 * not keep it from the others. Producers that are remembered no longer go. Then it looks at every consumer group.
 */
export async function sweep(
  context: UnitContext,
  cursor: SweepCursor | undefined,
  onHead: (topic: StoredTopic, index: number, head: Maintained) => Promise<void>,
): Promise<{ counts: Counts; cursor?: SweepCursor }> {
  const { wadi, job, warn } = context;
  let counts: Counts = {};
  if (cursor === undefined) await tidyUp(context);
  if (cursor !== undefined && 'afterGroup' in cursor) return tidyGroups(context, cursor.afterGroup);
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
      const { pk } = evictedProducerKey(topic.id, '');
      counts = addCounts(counts, { producersForgotten: await forgetExpired(job, job.items, pk) });
    } catch (error) {
      if (error instanceof LeaseHeld) throw error;
      // Deleted since it was listed.
      if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') continue;
      counts = addCounts(counts, { topicsFailed: 1 });
      warn(error);
    }
  }
  const groups = await tidyGroups(context, '');
  return { ...groups, counts: addCounts(counts, groups.counts) };
}

async function tidyGroups(
  { wadi, job, warn }: UnitContext,
  from: string,
): Promise<{ counts: Counts; cursor?: SweepCursor }> {
  const { groups } = wadi;
  let counts: Counts = {};
  let after = from;
  for (;;) {
    const page = await groups.list({ ...(after && { after }) });
    if (page.length === 0) return { counts };
    for (const { groupId } of page) {
      if (job.isOver()) return { counts, cursor: { afterGroup: after } };
      try {
        counts = addCounts(counts, await groups.tidy(groupId, job.limits.offsetsRetentionMs));
      } catch (error) {
        counts = addCounts(counts, { groupsFailed: 1 });
        warn(error);
      }
      after = groupId;
    }
  }
}

/**
 * Accounts of old runs go, and marks of ACLs and quotas; deleted topics that should long be purged are looked at again; and so are regions,
 * whatever was noted of them.
 */
async function tidyUp({ wadi, job }: UnitContext): Promise<void> {
  const { storage, log, clock, replication } = wadi;
  const { limits } = job;
  const now = clock.now();
  if (replication !== undefined) await ensureScrubDue(storage.log, clock);
  await forgetRuns(storage.log, now - limits.runAgeMs, limits);
  for (const pk of [ACL_PK, QUOTA_PK]) await forgetExpired(job, storage.metadata, pk);
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
