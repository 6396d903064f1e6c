import { WadiError } from '../errors.ts';
import { DUE_BUCKET_MS, DUE_PK, dueItem, roundUpDue } from '../log/due.ts';
import { withRetries } from '../log/retry.ts';
import type { Wadi } from '../wadi.ts';
import { addCounts, type Counts } from './job.ts';
import { noteRun } from './runs.ts';
import type { DueUnit, UnitWork } from './units.ts';

/** `done`: the due item is gone; `more`: it stays for the rest; `wait`: it stays, for it is too early. */
export type Settled = 'done' | 'more' | 'wait';

/**
 * What work on a unit has come to, for whoever goes on with it: what is to be done later is made due first, then the due item
 * goes. So whoever dies, at any time, leaves it due.
 */
export async function settle(wadi: Wadi, due: DueUnit, work: UnitWork): Promise<Settled> {
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
export async function noteProgress(
  { clock, storage }: Wadi,
  { unit, runId, topic }: DueUnit,
  progress: { done: boolean; counts: Counts; error?: string },
  isGivenUp = false,
): Promise<void> {
  if (runId === undefined) return;
  const noted = { name: topic.name, ...progress };
  await withRetries(clock, () => noteRun(storage.log, runId, unit, noted, isGivenUp));
}

/** The topic was deleted meanwhile. */
export function isGone(error: unknown): boolean {
  return error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION';
}
