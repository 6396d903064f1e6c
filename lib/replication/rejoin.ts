import type { Clock } from '../clock.ts';
import { withRetries } from '../log/retry.ts';
import { type ItemStore, StorageError } from '../storage/ports.ts';
import { listTopics } from '../topic/listTopics.ts';
import { DELETED_TOPIC_PK, type StoredTopic } from '../topic/topicItem.ts';
import { copyMissing, type TopicReplicas } from './copyMissing.ts';
import { beginJoin, completeJoin, isGiven, type RegionStanding, stateOf } from './inSync.ts';
import type { ReplicationLimits } from './limits.ts';
import { raiseHeads } from './raiseHeads.ts';
import type { Region } from './region.ts';
import { ensureReplicationDue } from './rejoinDue.ts';
import type { Replication } from './replication.ts';

/** Where work on the regions goes on: plain JSON. */
export interface RejoinCursor {
  /** Regions that are in sync are compared with the others, too: what acks=1 left to the bucket's replication may be missing. */
  readonly scrub?: boolean;
  readonly region?: string;
  /** Of a region that joins. */
  readonly sinceEpoch?: number;
  /** Heads up to this topic are raised; missing: all are. */
  readonly raiseFrom?: string;
  /** Objects up to this key are compared, */
  readonly after?: string;
  /** which was begun as of this epoch. */
  readonly comparedSince?: number;
}

export interface RejoinContext {
  readonly replication: Replication;
  readonly items: ItemStore;
  readonly metadata: ItemStore;
  readonly clock: Clock;
  readonly isOver: () => boolean;
  /** When this was due: what is left is due later. */
  readonly dueAtMs: number;
}

export interface Rejoined {
  readonly counts: {
    readonly regionsJoined: number;
    readonly regionsOut: number;
    readonly objectsCopied: number;
    readonly bytesCopied: number;
  };
  readonly cursor?: RejoinCursor;
}

/** Of no topic: written to see whether a bucket answers. */
export const PROBE_KEY = 'probe';

/**
 * Brings regions that are out back in sync, one after the other:
 *
 * 1. It takes an object, and gives it back: so it is there again. Else it is looked at later.
 * 2. It joins: from this epoch on, whoever knows of it uploads to it, too.
 * 3. Every head is raised to that epoch: from then on they take nothing of those who do not know of it.
 * 4. What the others have and it lacks is copied.
 * 5. It is in sync, unless it has left again meanwhile, or those that it was compared with may lack something: where topics are in some
 *    regions only, all that were in sync of one topic may be out, while others are not.
 *
 * It may die, freeze, or run twice between any two calls. 3 before 4: an append of one who did not know has landed before its head was
 * raised, with its object in the others, so the comparison finds it. 4 before 5: whoever counts on a region that is in sync finds
 * all there that was acknowledged with acks=all.
 */
export async function rejoin(context: RejoinContext, from: RejoinCursor): Promise<Rejoined> {
  const { replication, items, clock, isOver } = context;
  const counts = { regionsJoined: 0, regionsOut: 0, objectsCopied: 0, bytesCopied: 0 };
  const { regions, membership, limits } = replication;
  const first = Math.max(
    0,
    regions.findIndex(({ name }) => name === from.region),
  );
  const scrub = from.scrub && { scrub: true };
  for (const [i, region] of regions.entries()) {
    if (i < first) continue;
    let cursor: RejoinCursor = region.name === from.region ? from : { ...scrub, region: region.name };
    try {
      const standing = await joining(context, region);
      if (standing === undefined) {
        counts.regionsOut++;
        continue;
      }
      if (standing.state === 'in-sync' && !scrub) continue;
      // It has left, and joined again, since that was handed on.
      if (cursor.sinceEpoch !== undefined && cursor.sinceEpoch !== standing.sinceEpoch)
        cursor = { ...scrub, region: region.name };
      cursor = { ...cursor, sinceEpoch: standing.sinceEpoch };
      const topics = await listTopics(context.metadata);
      if (standing.state === 'joining' && cursor.after === undefined) {
        for (const topic of topics) {
          if (topic.name < (cursor.raiseFrom ?? '')) continue;
          cursor = { ...cursor, raiseFrom: topic.name };
          if (isOver()) return { counts, cursor };
          await raiseHeads(items, clock, topic, standing.sinceEpoch, limits.headsAtOnce);
        }
      }
      const known = await replicasIn(context, region, topics);
      const { sources, epoch } = await others(context, region);
      const comparedSince = cursor.comparedSince ?? epoch;
      cursor = { ...cursor, comparedSince };
      for (let after: string | undefined = cursor.after ?? ''; after !== undefined; ) {
        cursor = { ...cursor, after };
        if (isOver()) return { counts, cursor };
        const copied = await copyMissing(clock, region, sources, known, after, limits);
        counts.objectsCopied += copied.objects;
        counts.bytesCopied += copied.bytes;
        after = copied.after;
      }
      if (standing.state !== 'joining') continue;
      const shared = sharedWith(context, region, topics);
      const after = await membership.change((inSync, now) =>
        shared.every((others) => isGiven(inSync, others, comparedSince))
          ? completeJoin(inSync, region.name, standing.sinceEpoch, now)
          : undefined,
      );
      if (stateOf(after, region.name) === 'in-sync') counts.regionsJoined++;
      else counts.regionsOut++;
    } catch (error) {
      // It was lost again, or one that it was compared with was: that is not to rest as long as a worker that died does.
      if (!(error instanceof StorageError) || scrub) throw error;
      counts.regionsOut++;
    }
  }
  if (counts.regionsOut > 0) await ensureReplicationDue(items, clock, limits, context.dueAtMs);
  return { counts };
}

/** Its standing, after it has begun to join if it was out; `undefined` if it does not answer. */
async function joining(
  { replication, clock }: RejoinContext,
  region: Region,
): Promise<RegionStanding | undefined> {
  const { membership, limits } = replication;
  const inSync = await membership.refresh();
  if (stateOf(inSync, region.name) !== 'out') return inSync.regions.get(region.name);
  if (!(await answers(region, clock, limits))) return undefined;
  const after = await membership.change((seen, now) => beginJoin(seen, region.name, now));
  return after.regions.get(region.name);
}

/** In time: one that lags would be put out again by the next append, which had to wait for that. */
async function answers(
  { objects }: Region,
  clock: Clock,
  { lagMs }: Pick<ReplicationLimits, 'lagMs'>,
): Promise<boolean> {
  const over = new AbortController();
  async function probe(): Promise<boolean> {
    try {
      await withRetries(clock, () => objects.put(PROBE_KEY, [new Uint8Array(1)]));
      return (await withRetries(clock, () => objects.get(PROBE_KEY)))?.length === 1;
    } catch (error) {
      if (error instanceof StorageError) return false;
      throw error;
    }
  }
  return Promise.race([probe(), clock.sleep(lagMs, over.signal).then(() => false)]).finally(() =>
    over.abort(),
  );
}

/** Those that may have what a region lacks: also one that joins, which may have the only copy of what acks=1 took. */
async function others(
  { replication }: RejoinContext,
  region: Region,
): Promise<{ sources: Region[]; epoch: number }> {
  const inSync = await replication.membership.refresh();
  const isThere = ({ name }: Region) => name !== region.name && stateOf(inSync, name) !== 'out';
  return { sources: replication.regions.filter(isThere), epoch: inSync.epoch };
}

/** Of each topic that the region is to have, the others that are. */
function sharedWith(
  { replication }: RejoinContext,
  region: Region,
  topics: readonly StoredTopic[],
): string[][] {
  return topics
    .map((topic) => replication.replicasOf(topic))
    .filter((replicas) => replicas.includes(region.name))
    .map((replicas) => replicas.filter((name) => name !== region.name));
}

async function replicasIn(
  { metadata, clock, replication }: RejoinContext,
  region: Region,
  topics: readonly StoredTopic[],
): Promise<TopicReplicas> {
  const here = new Set<string>();
  const known = new Set<string>();
  for (const topic of topics) {
    known.add(topic.id);
    if (replication.replicasOf(topic).includes(region.name)) here.add(topic.id);
  }
  let from: string | undefined;
  do {
    const query = { pk: DELETED_TOPIC_PK, limit: 1_000, ...(from !== undefined && { from }) };
    const page = await withRetries(clock, () => metadata.query(query));
    for (const { sk } of page.items) known.add(sk);
    from = page.lastSk && `${page.lastSk}-`;
  } while (from !== undefined);
  return { has: (id) => here.has(id), isKnown: (id) => known.has(id) };
}
