import { dueItem, parseDueKey, SWEEP_UNIT } from '../log/due.ts';
import { withRetries } from '../log/retry.ts';
import type { Wadi } from '../wadi.ts';
import { ALL_TOPICS, dueBy, ensureDue } from './dueItems.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';

const DAY_MS = 24 * 3600 * 1000;
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
  const sent = new Set<string>();
  let oldestDueAtMs: number | undefined;
  for await (const items of dueBy({ items: storage.log, clock }, now, limits)) {
    const messages: string[] = [];
    for (const item of items) {
      const { unit, dueAtMs } = parseDueKey(item);
      oldestDueAtMs ??= dueAtMs;
      // What is due several times is sent once: when that is done, there is mostly nothing left to do. But each run is waited for.
      const once = item.runId === undefined ? unit : item.sk;
      if (!sent.has(once)) messages.push(item.sk);
      sent.add(once);
    }
    await queue.send(messages);
  }
  return { sent: sent.size, ...(oldestDueAtMs !== undefined && { oldestDueAtMs }) };
}
