import type { Clock } from '../clock.ts';
import { dueKey, REPLICATION_UNIT } from '../log/due.ts';
import { withRetries } from '../log/retry.ts';
import type { Item, ItemStore } from '../storage/ports.ts';
import type { ReplicationLimits } from './limits.ts';
import type { RejoinCursor } from './rejoin.ts';

/** When a region that is out now is to be looked at: so that those who say so at the same time say the same. */
export function rejoinDueAt(now: number, { rejoinMs }: Pick<ReplicationLimits, 'rejoinMs'>): number {
  return (Math.floor(now / rejoinMs) + 2) * rejoinMs;
}

/** Makes sure that maintenance looks at the regions soon: noted before one is put out, so that no death behind it matters. */
export async function ensureReplicationDue(
  items: ItemStore,
  clock: Clock,
  limits: ReplicationLimits,
  laterThanMs = 0,
): Promise<void> {
  const dueAtMs = Math.max(rejoinDueAt(clock.now(), limits), laterThanMs + limits.rejoinMs);
  await withRetries(clock, () => items.put(rejoinDueItem(dueAtMs)));
}

const DAY_MS = 86_400_000;

/**
 * Makes sure that maintenance compares what the regions have: once a day, of whatever missed, or was late. Not at a time at which one is
 * looked at that is out.
 */
export async function ensureScrubDue(items: ItemStore, clock: Clock): Promise<void> {
  const dueAtMs = Math.floor(clock.now() / DAY_MS) * DAY_MS + 1;
  const cursor: RejoinCursor = { scrub: true };
  const item = { ...rejoinDueItem(dueAtMs), cursor: JSON.stringify(cursor) };
  // One that is under way goes on.
  await withRetries(clock, () => items.put(item, { missing: ['pk'] }));
}

function rejoinDueItem(dueAtMs: number): Item {
  return { ...dueKey(REPLICATION_UNIT, dueAtMs), name: '', partitions: 0, partitionsPerHead: 0 };
}
