import { DUE_PK, lastDueSk, parseDueKey, REPLICATION_UNIT } from '../log/due.ts';
import { logError } from '../logError.ts';
import { MAINTENANCE_LIMITS } from '../maintenance/limits.ts';
import { ensureReplicationDue } from '../replication/rejoinDue.ts';
import { StorageError } from '../storage/ports.ts';
import type { Wadi } from '../wadi.ts';

/**
 * Has maintenance look at regions that are not in sync every `rejoinMs`: at nothing else, so that it may be a second where all of
 * maintenance is looked at once a minute, or when it is asked to run. Returns how to end it.
 */
export function watchRegions(wadi: Wadi): () => void {
  const { replication } = wadi;
  if (replication === undefined) return () => undefined;
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look(wadi)
      .catch((error) => {
        // What does not answer is asked again.
        if (!(error instanceof StorageError)) logError(error);
      })
      .finally(() => {
        isLooking = false;
      });
  }, replication.limits.rejoinMs).unref();
  return () => clearInterval(timer);
}

async function look({ replication, storage, queue, clock }: Wadi): Promise<void> {
  const { regions } = await replication!.inSync();
  const names = replication!.regions.map(({ name }) => name);
  if (names.every((name) => regions.get(name)?.state === 'in-sync')) return;
  const now = clock.now();
  const { limits } = replication!;
  const soon = lastDueSk(now + 3 * limits.rejoinMs);
  const query = { pk: DUE_PK, to: soon, limit: MAINTENANCE_LIMITS.duePerPage };
  const { items } = await storage.log.query(query);
  const found = items.map((item) => ({ ...parseDueKey(item), sk: item.sk }));
  const ofRegions = found.filter(({ unit }) => unit === REPLICATION_UNIT);
  // Of a region that the cluster did not have when it was started last nobody has noted that it is out.
  if (ofRegions.length === 0) await ensureReplicationDue(storage.log, clock, limits);
  await queue.send(ofRegions.filter(({ dueAtMs }) => dueAtMs <= now).map(({ sk }) => sk));
}
