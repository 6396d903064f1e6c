import { ALL_DUE_UNIT, DUE_PK } from '../log/due.ts';
import { LIMITS, type LogLimits } from '../log/limits.ts';
import { withRetries } from '../log/retry.ts';
import type { Wadi } from '../wadi.ts';
import { doAllDue } from './doAllDue.ts';
import { addCounts, type Counts, type JobContext } from './job.ts';
import { beforeWork, createLease, LeaseHeld } from './lease.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';
import { isGone, noteProgress, type Settled, settle } from './settle.ts';
import { doUnit, type Gauges, parseDue } from './units.ts';

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
  /** `more`: the rest was handed on; `held`: nothing was done, for another is at work on it. */
  readonly outcome: Settled | 'held';
  readonly tookMs: number;
  readonly counts: Counts;
  readonly gauges?: Gauges;
}

/**
 * Does what one message of the planner says, the key of a due item, as far as it comes until its deadline; `undefined` if that
 * was done already. What is left is handed on: the due item stays, with a cursor, and the message is sent again. Whoever dies, at
 * any time, leaves it due, and the next plan sends it again; it may be done twice, at once even, and late.
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
  const { unit, runId } = due;
  const { name } = due.topic;
  const startedAtMs = clock.now();
  const deadlineMs = startedAtMs + limits.runMs;
  const leased = { unit, name, ...(runId !== undefined && { dueSk }) };
  const lease = createLease(items, clock, leased, limits.leaseMs);
  const job: JobContext = {
    ...beforeWork({ objects: storage.objects, items }, lease.take),
    ...{ clock, limits, logLimits, deadlineMs },
    isOver: () => isStopping() || clock.now() >= deadlineMs,
    ...(wadi.arrived && { arrived: wadi.arrived }),
  };
  const tookMs = () => clock.now() - startedAtMs;
  const lastRun = (counts: Counts, more: boolean) => ({
    ...{ endedAtMs: clock.now(), tookMs: tookMs(), counts, more },
  });
  try {
    const context = { wadi, job, lease, warn: options.warn ?? (() => undefined) };
    const done = await (unit === ALL_DUE_UNIT ? doAllDue : doUnit)(context, due);
    const outcome = await settle(wadi, due, done);
    await lease.giveBack(lastRun(addCounts(due.counts, done.counts), outcome === 'more'));
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
    // Who asked for the run was told long ago, and what is due without it is so by items of its own.
    const isGivenUp = runId !== undefined && clock.now() > due.dueAtMs + limits.failedRunMs;
    const progress = { done: false, counts: due.counts, error: message };
    await noteProgress(wadi, due, progress, isGivenUp)
      .then(() => (isGivenUp ? items.delete({ pk: DUE_PK, sk: dueSk }) : undefined))
      .catch(() => undefined);
    await lease.giveBack(failed, Math.max(0, deadlineMs - clock.now())).catch(() => undefined);
    throw error;
  }
}
