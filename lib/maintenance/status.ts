import { parseDueKey, type Unit } from '../log/due.ts';
import { withRetries } from '../log/retry.ts';
import type { Wadi } from '../wadi.ts';
import { dueBy } from './dueItems.ts';
import { type LastRun, LEASE_PK, parseDueLease, parseLease } from './lease.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';

/** Of runs, and of units that are due, so many are told. */
const MAX_TOLD = 50;
const LEASES_PER_PAGE = 1_000;

export interface MaintenanceStatus {
  /** Units that are due now; `duePerPage` x `pagesPerPlan` means that or more. */
  readonly dueCount: number;
  /** The oldest of them first. */
  readonly due: readonly { readonly unit: Unit; readonly name: string; readonly dueAtMs: number }[];
  readonly running: readonly { readonly unit: Unit; readonly name: string; readonly untilMs: number }[];
  /** Of each unit that had something to do the last run; the youngest first. */
  readonly lastRuns: readonly ({ readonly unit: Unit; readonly name: string } & LastRun)[];
}

/** What is due, who is at work, and what was done last. Reads every lease: one per head that ever had work to do. */
export async function maintenanceStatus(
  wadi: Wadi,
  limits: MaintenanceLimits = MAINTENANCE_LIMITS,
): Promise<MaintenanceStatus> {
  const now = wadi.clock.now();
  const due: { unit: Unit; name: string; dueAtMs: number }[] = [];
  const leases = await readLeases(wadi, limits);
  let dueCount = 0;
  for await (const items of dueBy({ items: wadi.storage.log, clock: wadi.clock }, now, limits)) {
    dueCount += items.length;
    for (const item of items.slice(0, MAX_TOLD - due.length)) {
      due.push({ ...parseDueKey(item), name: item.name as string });
    }
    // Runs have their leases there.
    leases.push(...items.filter(({ untilMs }) => untilMs !== undefined).map(parseDueLease));
  }
  return {
    dueCount,
    due,
    running: leases
      .filter(({ untilMs }) => untilMs > now)
      .map(({ unit, name, untilMs }) => ({ unit, name, untilMs }))
      .slice(0, MAX_TOLD),
    lastRuns: leases
      .flatMap(({ unit, name, lastRun }) => (lastRun === undefined ? [] : [{ unit, name, ...lastRun }]))
      .sort((a, b) => b.endedAtMs - a.endedAtMs)
      .slice(0, MAX_TOLD),
  };
}

async function readLeases({ clock, storage }: Wadi, { pagesPerPlan }: MaintenanceLimits) {
  const leases: ReturnType<typeof parseLease>[] = [];
  let from = '0';
  for (let page = 0; page < pagesPerPlan; page++) {
    const query = { pk: LEASE_PK, from, limit: LEASES_PER_PAGE };
    const { items, lastSk } = await withRetries(clock, () => storage.log.query(query));
    leases.push(...items.map(parseLease));
    if (lastSk === undefined) break;
    from = `${lastSk}-`;
  }
  return leases;
}
