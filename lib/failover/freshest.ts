import type { Clock } from '../clock.ts';
import { headProgress } from '../log/head.ts';
import { withRetries } from '../log/retry.ts';
import { type Key, StorageError } from '../storage/ports.ts';
import { epochOf } from './epochItems.ts';
import type { FailoverRegion } from './failover.ts';
import type { FailoverLimits } from './limits.ts';

/**
 * Of the regions that answer, the one to which most of an epoch was replicated: one may have been cut off for long. Throws StorageError
 * when none answers.
 */
export async function freshest(
  regions: readonly FailoverRegion[],
  epoch: number,
  clock: Clock,
  limits: FailoverLimits,
): Promise<FailoverRegion> {
  const seen = await Promise.allSettled(regions.map((region) => look(region, epoch, clock, limits)));
  let best: { region: FailoverRegion; progress: number; items: number } | undefined;
  for (const [i, answer] of seen.entries()) {
    if (answer.status === 'rejected') continue;
    const { progress, items } = answer.value;
    const isBetter =
      best === undefined || progress > best.progress || (progress === best.progress && items > best.items);
    if (isBetter) best = { region: regions[i]!, progress, items };
  }
  if (best !== undefined) return best.region;
  throw new StorageError('no region has a copy to be had', 'no', (seen[0] as PromiseRejectedResult).reason);
}

async function look(
  { tables }: FailoverRegion,
  epoch: number,
  clock: Clock,
  limits: FailoverLimits,
): Promise<{ progress: number; items: number }> {
  let progress = 0;
  let items = 0;
  let after: Key | undefined;
  do {
    const options = { limit: limits.itemsPerPage, ...(after && { after }) };
    const page = await withRetries(clock, () => tables.log.scan(options));
    for (const item of page.items) {
      if (epochOf(item) !== epoch) continue;
      items++;
      progress += headProgress(item);
    }
    after = page.next;
  } while (after !== undefined);
  return { progress, items };
}
