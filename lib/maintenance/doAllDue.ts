import { parseUnit, type Unit } from '../log/due.ts';
import { dueBy } from './dueItems.ts';
import { addCounts, type Counts } from './job.ts';
import { LeaseHeld } from './lease.ts';
import { isGone, settle } from './settle.ts';
import { type DueUnit, doUnit, parseDue, type UnitContext, type UnitWork } from './units.ts';

const NOTHING: UnitWork = { counts: {} };

/**
 * A unit of a run: does what is due by then, of whatever topic, one after another. Whoever else is at work on one of them, or has
 * died of it, holds it up no more than he does the rest of the run: to do something twice does no harm. A unit that fails does not
 * keep it from the others, but from being done.
 */
export async function doAllDue(context: UnitContext, { dueAtMs }: DueUnit): Promise<UnitWork> {
  const { wadi, job, warn } = context;
  let counts: Counts = {};
  let failed: unknown;
  const heads = new Set<Unit>();
  const limits = { ...job.limits, pagesPerPlan: Number.POSITIVE_INFINITY };

  /** Whether there was time for all of it. */
  async function finish(first: DueUnit): Promise<boolean> {
    for (let due = first; !job.isOver(); ) {
      // A head that was looked at is done, however often it was due.
      const work = heads.has(due.unit) ? NOTHING : await doUnit(context, due);
      counts = addCounts(counts, work.counts);
      if ((await settle(wadi, due, work)) !== 'more') return true;
      due = { ...due, cursor: work.cursor, counts: addCounts(due.counts, work.counts) };
    }
    return false;
  }

  const { storage, clock } = wadi;
  for await (const items of dueBy({ items: storage.log, clock }, dueAtMs, limits)) {
    for (const item of items) {
      // Another run's: who asked for it sees to it.
      if (item.runId !== undefined) continue;
      const due = parseDue(item);
      try {
        // What is done is no longer due, so the rest begins anew.
        if (!(await finish(due))) return { counts, more: true, cursor: {} };
        // One that went on with what had been begun has not looked at what came since.
        if (parseUnit(due.unit).kind === 'head' && due.cursor === undefined) heads.add(due.unit);
      } catch (error) {
        if (error instanceof LeaseHeld) throw error;
        if (isGone(error)) {
          await settle(wadi, due, NOTHING);
          continue;
        }
        failed ??= error;
        warn(error);
      }
    }
  }
  if (failed !== undefined) throw failed;
  return { counts };
}
