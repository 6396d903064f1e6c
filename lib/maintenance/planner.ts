import { DUE_PK, dueItem, lastDueSk, parseDueKey, SWEEP_UNIT, type Unit } from '../log/due.ts';
import { withRetries } from '../log/retry.ts';
import type { Item } from '../storage/ports.ts';
import type { Wadi } from '../wadi.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';
import { ensureDue } from './units.ts';

const DAY_MS = 24 * 3600 * 1000;
/** All topics are swept as if they were one. */
const ALL_TOPICS = { id: '', name: '', partitions: 0, partitionsPerHead: 0 };

export interface Planned {
  readonly sent: number;
  /** Of what was due and sent; `undefined` if nothing is, or if enough messages wait as it is. */
  readonly oldestDueAtMs?: number;
}

/**
 * Sends a message for each unit that is due, the oldest first. It may be sent more than once: whoever receives it finds the due
 * item gone, or its lease held. Costs reads alone, but for one item a day, that of the daily sweep. Throws StorageError, and
 * what the queue throws.
 */
export async function plan(
  { clock, storage, queue }: Wadi,
  limits: MaintenanceLimits = MAINTENANCE_LIMITS,
): Promise<Planned> {
  const now = clock.now();
  const sweepAtMs = Math.ceil((now + 1) / DAY_MS) * DAY_MS;
  await withRetries(clock, () => ensureDue(storage.log, dueItem(ALL_TOPICS, SWEEP_UNIT, sweepAtMs)));
  if ((await queue.waiting()) >= limits.waitingMessages) return { sent: 0 };
  const units = new Set<Unit>();
  let oldestDueAtMs: number | undefined;
  for await (const items of dueBy({ clock, storage }, now, limits)) {
    const messages: string[] = [];
    for (const item of items) {
      const { unit, dueAtMs } = parseDueKey(item);
      oldestDueAtMs ??= dueAtMs;
      // What is due several times is sent once: when that is done, there is mostly nothing left to do.
      if (!units.has(unit)) messages.push(item.sk);
      units.add(unit);
    }
    await queue.send(messages);
  }
  return { sent: units.size, ...(oldestDueAtMs !== undefined && { oldestDueAtMs }) };
}

/** The items that are due, page by page, the oldest first; `pagesPerPlan` at most. */
export async function* dueBy(
  { clock, storage }: Pick<Wadi, 'clock' | 'storage'>,
  now: number,
  { duePerPage, pagesPerPlan }: MaintenanceLimits,
): AsyncGenerator<Item[]> {
  let from = '0';
  for (let page = 0; page < pagesPerPlan; page++) {
    const query = { pk: DUE_PK, from, to: lastDueSk(now), limit: duePerPage };
    const { items, lastSk } = await withRetries(clock, () => storage.log.query(query));
    yield items;
    if (lastSk === undefined) return;
    // The next key there can be: no character of a unit comes before '-'.
    from = `${lastSk}-`;
  }
}
