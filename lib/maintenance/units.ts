import {
  dueItem,
  garbageDueAt,
  headUnit,
  marksAreDue,
  marksDueAt,
  parseDueKey,
  parseUnit,
  roundUpDue,
  topicUnit,
  type Unit,
} from '../log/due.ts';
import type { LogTopic } from '../log/log.ts';
import { type RejoinCursor, rejoin } from '../replication/rejoin.ts';
import type { Item } from '../storage/ports.ts';
import { abandonCreation } from '../topic/abandonCreation.ts';
import { finishDeletion } from '../topic/deleteTopic.ts';
import { deletedAtMs, forgetTopic } from '../topic/forgetTopic.ts';
import { readNameHolder } from '../topic/readTopic.ts';
import type { StoredTopic } from '../topic/topicItem.ts';
import type { Wadi } from '../wadi.ts';
import { ensureDue } from './dueItems.ts';
import type { GarbageCursor } from './garbage.ts';
import type { Counts, JobContext } from './job.ts';
import { beforeWork, type Lease } from './lease.ts';
import { type HeadCursor, type Maintained, type MaintainOptions, maintainHead } from './maintainHead.ts';
import { collectTopic, maintainTopic, type TopicCursor, WHOLE_TOPIC } from './maintainTopic.ts';
import { deleteHeadMarks, type PurgeCursor, purgeTopic } from './purgeTopic.ts';
import { type SweepCursor, sweep } from './sweep.ts';

/** A due item, read. */
export interface DueUnit {
  readonly sk: string;
  readonly dueAtMs: number;
  readonly unit: Unit;
  readonly topic: LogTopic;
  /** What an earlier run handed on. */
  readonly cursor: unknown;
  /** What was done before that. */
  readonly counts: Counts;
  readonly runId: string | undefined;
}

export function parseDue(item: Item): DueUnit {
  const { dueAtMs, unit } = parseDueKey(item);
  const { sk, name, partitions, partitionsPerHead, cursor, counts, runId } = item as Item &
    LogTopic & { cursor?: string; counts?: string };
  const topic = { id: parseUnit(unit).topicId, name, partitions, partitionsPerHead };
  return {
    ...{ sk, dueAtMs, unit, topic },
    cursor: cursor === undefined ? undefined : JSON.parse(cursor),
    counts: counts === undefined ? {} : (JSON.parse(counts) as Counts),
    runId: runId as string | undefined,
  };
}

/** What a worker has done of a unit. */
export interface UnitWork {
  readonly counts: Counts;
  /** There is more to do at once, with this cursor. */
  readonly more?: boolean;
  readonly cursor?: unknown;
  /** The due item stays: it is too early to tell. */
  readonly wait?: boolean;
  /** When the unit is to be looked at again. */
  readonly nextDueAtMs?: number | undefined;
  readonly gauges?: Gauges;
}

/** How far maintenance of a head, or of a topic's garbage, lags behind. */
export interface Gauges {
  readonly unmergedBytes?: number;
  readonly oldestUnmergedAgeMs?: number;
  /** How long the garbage has been due. */
  readonly floorLagMs?: number;
}

export interface UnitContext {
  readonly wadi: Wadi;
  /** Its stores are under the lease. */
  readonly job: JobContext;
  readonly lease: Lease;
  /** Told of what failed beside. */
  readonly warn: (error: unknown) => void;
}

const NOTHING: UnitWork = { counts: {} };

/** Does what a due item asks for, as far as there is time. It may have been done, and may be done again. */
export async function doUnit(context: UnitContext, due: DueUnit): Promise<UnitWork> {
  const { kind, head } = parseUnit(due.unit);
  // Made of the others: doAllDue.ts.
  if (kind === 'due') return NOTHING;
  if (kind === 'sweep') {
    const { counts, cursor } = await sweep(
      context,
      due.cursor as SweepCursor | undefined,
      afterHead(context),
    );
    return { counts, more: cursor !== undefined, cursor };
  }
  if (kind === 'replication') return doReplication(context, due);
  const { metadata } = context.wadi.storage;
  const holder = await readNameHolder(metadata, due.topic.name);
  const topic = holder?.id === due.topic.id ? holder : undefined;
  if (kind === 'purge') return purge(context, due, topic);
  if (kind === 'creation') return checkCreation(context, due, topic);
  if (topic === undefined || topic.deletingAtMs !== undefined) return NOTHING;
  switch (kind) {
    case 'head':
      return doHead(context, topic, head, due.cursor as HeadCursor | undefined);
    case 'garbage':
      return doGarbage(context, topic, due);
    case 'configs':
      return doTopic(context, noting(context, topic), topic, due, { force: false });
    case 'all':
      return doTopic(context, context.job, topic, due, { force: true });
  }
}

async function doReplication({ wadi, job, lease }: UnitContext, due: DueUnit): Promise<UnitWork> {
  const { replication, storage } = wadi;
  // The cluster had several regions when that was noted.
  if (replication === undefined) return NOTHING;
  await lease.take();
  const { log: items, metadata } = storage;
  const { clock, isOver } = job;
  const context = { replication, items, metadata, clock, isOver, dueAtMs: due.dueAtMs };
  const { counts, cursor } = await rejoin(context, (due.cursor as RejoinCursor | undefined) ?? {});
  return { counts, more: cursor !== undefined, cursor };
}

async function doHead(
  context: UnitContext,
  topic: StoredTopic,
  index: number,
  from: HeadCursor | undefined,
): Promise<UnitWork> {
  const { job } = context;
  const done = await maintainHead(noting(context, topic), topic, index, { force: false }, from);
  const { counts, cursor, nextDueAtMs, unmergedBytes } = done;
  const now = job.clock.now();
  const oldestUnmergedAgeMs = Math.max(0, now - (done.unmergedSinceMs ?? now));
  const gauges = { unmergedBytes, oldestUnmergedAgeMs };
  return { counts, more: cursor !== undefined, cursor, nextDueAtMs, gauges };
}

/** What is done leaves garbage, of which nobody else would tell if the worker died behind it: so it is due before. */
function noting(context: UnitContext, topic: StoredTopic): JobContext {
  const { job, lease } = context;
  let noted: Promise<void> | undefined;
  const garbageIsDue = async () => {
    await lease.take();
    noted ??= noteGarbage(context, topic);
    await noted;
  };
  return { ...job, ...beforeWork(job, garbageIsDue) };
}

async function doGarbage({ job }: UnitContext, topic: StoredTopic, due: DueUnit): Promise<UnitWork> {
  const from = due.cursor as GarbageCursor | undefined;
  const options = { graceMs: job.limits.graceMs, marks: marksAreDue(due.dueAtMs) };
  const { counts, cursor } = await collectTopic(job, topic, options, from);
  const gauges = { floorLagMs: Math.max(0, job.clock.now() - due.dueAtMs) };
  return { counts, more: cursor !== undefined, cursor, gauges };
}

async function doTopic(
  context: UnitContext,
  job: JobContext,
  topic: StoredTopic,
  due: DueUnit,
  options: MaintainOptions,
): Promise<UnitWork> {
  const onHead = afterHead(context);
  const from = (due.cursor as TopicCursor | undefined) ?? WHOLE_TOPIC;
  const { counts, cursor } = await maintainTopic(job, topic, from, options, (index, head) =>
    onHead(topic, index, head),
  );
  return { counts, more: cursor !== undefined, cursor };
}

export type AfterHead = (topic: StoredTopic, index: number, head: Maintained) => Promise<void>;

/** Of a head that was not due: what is to be done of it later is due then. Where that is known already it costs a read. */
function afterHead(context: UnitContext): AfterHead {
  return async (topic, index, { nextDueAtMs }) => {
    if (nextDueAtMs === undefined) return;
    const { items, clock } = itemsOf(context);
    const later = Math.max(nextDueAtMs, clock.now());
    await ensureDue(items, dueItem(topic, headUnit(topic.id, index), roundUpDue(later)));
  };
}

/** What was left by this run is collected within the hour or so; its marks when they are old. */
async function noteGarbage(context: UnitContext, topic: LogTopic): Promise<void> {
  const { items, clock } = itemsOf(context);
  const unit = topicUnit(topic.id, 'garbage');
  const now = clock.now();
  await ensureDue(items, dueItem(topic, unit, garbageDueAt(now)));
  await ensureDue(items, dueItem(topic, unit, marksDueAt(now)));
}

/** Not under the lease. */
function itemsOf({ wadi }: UnitContext) {
  return { items: wadi.storage.log, clock: wadi.clock };
}

/**
 * A topic that was deleted is purged at once, and again when what was under way then must have come; then its marks go
 * too, for nothing that could bring a part of it back is still to come.
 */
async function purge(context: UnitContext, due: DueUnit, holder: StoredTopic | undefined): Promise<UnitWork> {
  const { wadi, job, lease } = context;
  const { clock, limits } = job;
  const { storage, log } = wadi;
  if (holder !== undefined && holder.deletingAtMs === undefined) {
    // The deletion is about to begin, unless it never will.
    return { counts: {}, wait: clock.now() < due.dueAtMs + limits.lateMs };
  }
  if (holder !== undefined) await finishDeletion({ metadata: storage.metadata, log, clock }, holder);
  const deletedMs = await deletedAtMs(storage.metadata, due.topic.id);
  // All of it is gone, and no lease is to be left.
  if (deletedMs === undefined) return NOTHING;
  await lease.take();
  const begunMs = clock.now();
  const purged = await purgeTopic(job, due.topic, due.cursor as PurgeCursor | undefined);
  if (purged.cursor !== undefined) return { ...purged, more: true };
  const againAtMs = deletedMs + limits.purgeAgainMs;
  // Whoever slept on the way, or goes on with what another began, has looked before what came late.
  const isLast = begunMs >= againAtMs && due.cursor === undefined;
  if (!isLast) return { ...purged, nextDueAtMs: Math.max(againAtMs, clock.now()) };
  await deleteHeadMarks(job, due.topic);
  await forgetTopic(storage.metadata, due.topic);
  return purged;
}

/** A creation that has not ended by now never will: what it has made goes. */
async function checkCreation(
  { wadi, lease }: UnitContext,
  { topic }: DueUnit,
  holder: StoredTopic | undefined,
): Promise<UnitWork> {
  if (holder !== undefined) return NOTHING;
  const { storage, log, clock } = wadi;
  await lease.take();
  // One that was deleted is to be purged, no more: the purge may be at its end, after which nothing takes new marks away.
  const isDeleted = (await deletedAtMs(storage.metadata, topic.id)) !== undefined;
  const store = { metadata: storage.metadata, log, clock };
  if (!isDeleted && !(await abandonCreation(store, topic))) return NOTHING;
  await log.schedule(topic, 'purge', clock.now());
  return { counts: isDeleted ? {} : { creationsAbandoned: 1 } };
}
