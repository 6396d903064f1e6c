import type { Clock } from '../clock.ts';
import { dueKey, REPLICATION_UNIT } from '../log/due.ts';
import { withRetries } from '../log/retry.ts';
import type { ItemStore } from '../storage/ports.ts';
import type { ReplicationLimits } from './limits.ts';

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
  const item = {
    ...dueKey(REPLICATION_UNIT, dueAtMs),
    ...{ name: '', partitions: 0, partitionsPerHead: 0 },
  };
  await withRetries(clock, () => items.put(item));
}
