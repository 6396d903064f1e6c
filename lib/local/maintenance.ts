import type { CreateMaintenance } from '../../functions/maintenance.ts';
import { MAINTENANCE, PLANNER } from '../../functions/manifest.ts';
import type { CreatePlanner } from '../../functions/planner.ts';
import type { InProcessQueue } from '../queue/inProcess.ts';
import { logError } from '../rest/errors.ts';
import type { Wadi } from '../wadi.ts';

/** A run that does not end in time is left: the same as a process that dies, which does no harm. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface LocalMaintenance {
  /** Ends what is under way at its next step. What is left is still due. */
  close(): Promise<void>;
}

/** The deployed planner and workers, on a timer instead of a schedule and with a queue in this process. 0: no timer. */
export async function startMaintenance(
  wadi: Wadi,
  queue: InProcessQueue,
  intervalMs: number,
): Promise<LocalMaintenance> {
  const planner: { createHandler: CreatePlanner } = await import(`../../functions/${PLANNER.entry}`);
  const worker: { createHandler: CreateMaintenance } = await import(`../../functions/${MAINTENANCE.entry}`);
  let stopping = false;
  let working = false;
  let worked = Promise.resolve();
  const plan = planner.createHandler(wadi);
  const work = worker.createHandler(wadi, { isStopping: () => stopping });

  async function workAll(): Promise<void> {
    for (let body = queue.take(); body !== undefined && !stopping; body = queue.take()) {
      await work({ Records: [{ messageId: body, body }] });
    }
    working = false;
  }
  const start = () => {
    if (stopping || working) return;
    working = true;
    worked = workAll();
  };
  queue.onSent(start);
  // What was sent before somebody listened.
  start();
  const planned = () =>
    plan().catch((error) => {
      if (!stopping) logError(error);
    });
  const timer = intervalMs > 0 ? setInterval(planned, intervalMs).unref() : undefined;

  return {
    async close() {
      stopping = true;
      clearInterval(timer);
      await Promise.race([worked, timeout()]);
    },
  };
}

function timeout(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
}
