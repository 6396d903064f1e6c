import type { CreateMaintenance } from '../../functions/maintenance.ts';
import { MAINTENANCE, PLANNER } from '../../functions/manifest.ts';
import type { CreatePlanner } from '../../functions/planner.ts';
import { logError } from '../logError.ts';
import { MAINTENANCE_LIMITS } from '../maintenance/limits.ts';
import { resumeRuns } from '../maintenance/runs.ts';
import type { Worked } from '../maintenance/worker.ts';
import type { InProcessQueue } from '../queue/inProcess.ts';
import type { Wadi } from '../wadi.ts';

/** A run that does not end in time is left: the same as a process that dies, which does no harm. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface LocalMaintenance {
  /** Ends what is under way at its next step. What is left is still due. */
  close(): Promise<void>;
}

export interface LocalMaintenanceOptions {
  /** 0: no timer. */
  readonly intervalMs: number;
  readonly report?: (worked: Worked) => void;
}

/** The deployed planner and workers, on a timer instead of a schedule and with a queue in this process. */
export async function startMaintenance(
  wadi: Wadi,
  queue: InProcessQueue,
  { intervalMs, report }: LocalMaintenanceOptions,
): Promise<LocalMaintenance> {
  const planner: { createHandler: CreatePlanner } = await import(`../../functions/${PLANNER.entry}`);
  const worker: { createHandler: CreateMaintenance } = await import(`../../functions/${MAINTENANCE.entry}`);
  let stopping = false;
  const plan = planner.createHandler(wadi);
  const work = worker.createHandler(wadi, { isStopping: () => stopping, ...(report && { report }) });
  const working = new Set<Promise<unknown>>();

  /** As many at once as there are deployed workers. */
  function start(): void {
    while (!stopping && working.size < MAINTENANCE.concurrency) {
      const body = queue.take();
      if (body === undefined) return;
      const worked = work({ Records: [{ messageId: body, body }] }).finally(() => {
        working.delete(worked);
        start();
      });
      working.add(worked);
    }
  }
  const failed = (error: unknown) => {
    if (!stopping) logError(error);
  };
  queue.onSent(start);
  // What was sent before somebody listened.
  start();
  const resumed = resumeRuns(wadi, MAINTENANCE_LIMITS).catch(failed);
  const timer = intervalMs > 0 ? setInterval(() => plan().catch(failed), intervalMs).unref() : undefined;

  return {
    async close() {
      stopping = true;
      clearInterval(timer);
      await Promise.race([Promise.all([resumed, ...working]), timeout()]);
    },
  };
}

/** A line for whoever watches, if something was done. */
export function logWork(worked: Worked): void {
  const { heads: _, ...done } = worked.counts;
  if (Object.keys(done).length === 0) return;
  const { unit, name, outcome, tookMs, counts } = worked;
  console.log(JSON.stringify({ level: 'info', message: 'maintenance', unit, name, outcome, tookMs, counts }));
}

function timeout(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
}
