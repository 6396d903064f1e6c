import { WadiError } from '../errors.ts';
import { DUE_BUCKET_MS, DUE_PK, dueItem, roundUpDue } from '../log/due.ts';
import { LIMITS, type LogLimits } from '../log/limits.ts';
import { withRetries } from '../log/retry.ts';
import type { Wadi } from '../wadi.ts';
import { addCounts, type Counts, type JobContext } from './job.ts';
import { beforeWork, createLease, LeaseHeld } from './lease.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';
import { noteRun } from './runs.ts';
import { type DueUnit, doUnit, type Gauges, parseDue, type UnitWork } from './units.ts';

export interface WorkerOptions {
  readonly limits?: MaintenanceLimits;
  readonly logLimits?: LogLimits;
  /** The process is to end: hand on what is left. */
  readonly isStopping?: () => boolean;
  /** Told of what failed beside. */
  readonly warn?: (error: unknown) => void;
}

/** The account of one message. */
export interface Worked {
  readonly unit: string;
  /** Of the topic. */
  readonly name: string;
  /**
   * `done`: the due item is gone; `more`: the rest was handed on; `wait`: it stays due, for it is too early; `held`: another
   * is at work on it.
   */
  readonly outcome: 'done' | 'more' | 'wait' | 'held';
  readonly tookMs: number;
  readonly counts: Counts;
  readonly gauges?: Gauges;
}

/**
 * Does what one message of the planner says, the key of a due item, as far as it comes until its deadline; `undefined` if that
 * was done already. What is left is handed on: the due item stays, with a cursor, and the message is sent again. When all is
 * done, what is to be done later is made due first, then the due item goes. So whoever dies, at any time, leaves it due, and the
 * next plan sends it again; it may be done twice, at once even, and late.
 *
 * Throws StorageError, or KAFKA_STORAGE_ERROR for a log that is damaged; then the unit rests until its lease ends.
 */
export async function work(
  wadi: Wadi,
  dueSk: string,
  options: WorkerOptions = {},
): Promise<Worked | undefined> {
  const { limits = MAINTENANCE_LIMITS, logLimits = LIMITS, isStopping = () => false } = options;
  const { storage, clock } = wadi;
  const items = storage.log;
  const item = await withRetries(clock, () => items.get({ pk: DUE_PK, sk: dueSk }));
  if (item === undefined) return undefined;
  const due = parseDue(item);
  const { unit } = due;
  const { name } = due.topic;
  const startedAtMs = clock.now();
  const deadlineMs = startedAtMs + limits.runMs;
  const lease = createLease(items, clock, unit, name, limits.leaseMs);
  const job: JobContext = {
    ...beforeWork({ objects: storage.objects, items }, lease.take),
    ...{ clock, limits, logLimits, deadlineMs },
    isOver: () => isStopping() || clock.now() >= deadlineMs,
  };
  const tookMs = () => clock.now() - startedAtMs;
  const lastRun = (counts: Counts, more: boolean) => ({
    ...{ endedAtMs: clock.now(), tookMs: tookMs(), counts, more },
  });
  try {
    const done = await doUnit({ wadi, job, lease, warn: options.warn ?? (() => undefined) }, due);
    const outcome = await settle(wadi, due, done);
    await lease.giveBack(lastRun(done.counts, outcome === 'more'));
    if (outcome === 'more') await wadi.queue.send([dueSk]);
    const { counts, gauges } = done;
    return { unit, name, outcome, tookMs: tookMs(), counts, ...(gauges && { gauges }) };
  } catch (error) {
    if (error instanceof LeaseHeld) return { unit, name, outcome: 'held', tookMs: tookMs(), counts: {} };
    if (isGone(error)) {
      await settle(wadi, due, { counts: {} });
      return { unit, name, outcome: 'done', tookMs: tookMs(), counts: {} };
    }
    const { message } = error as Error;
    const failed = { ...lastRun({}, true), error: message };
    await noteProgress(wadi, due, { done: false, counts: due.counts, error: message }).catch(() => undefined);
    await lease.giveBack(failed, Math.max(0, deadlineMs - clock.now())).catch(() => undefined);
    throw error;
  }
}

/** The topic was deleted meanwhile. */
function isGone(error: unknown): boolean {
  return error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION';
}

async function settle(wadi: Wadi, due: DueUnit, work: UnitWork): Promise<'done' | 'more' | 'wait'> {
  const { clock, storage } = wadi;
  const items = storage.log;
  const key = { pk: DUE_PK, sk: due.sk };
  const counts = addCounts(due.counts, work.counts);
  if (work.wait) return 'wait';
  if (work.more) {
    if (work.cursor === undefined) return 'more';
    const actions = [
      { set: ['cursor'], to: JSON.stringify(work.cursor) },
      { set: ['counts'], to: JSON.stringify(counts) },
    ] as const;
    await withRetries(clock, () => items.update(key, actions, { exists: ['pk'] }));
    await noteProgress(wadi, due, { done: false, counts });
    return 'more';
  }
  if (work.nextDueAtMs !== undefined) {
    // Later than this one, also by the clock that planned it.
    const soonest = Math.max(clock.now(), due.dueAtMs + DUE_BUCKET_MS);
    const next = dueItem(due.topic, due.unit, roundUpDue(Math.max(work.nextDueAtMs, soonest)));
    await withRetries(clock, () => items.put(next));
  }
  await noteProgress(wadi, due, { done: true, counts });
  await withRetries(clock, () => items.delete(key));
  return 'done';
}

/** For who asked for it. */
async function noteProgress(
  { clock, storage }: Wadi,
  { unit, runId, topic }: DueUnit,
  progress: { done: boolean; counts: Counts; error?: string },
): Promise<void> {
  if (runId === undefined) return;
  await withRetries(clock, () => noteRun(storage.log, runId, unit, { name: topic.name, ...progress }));
}
