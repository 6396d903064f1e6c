import { Worker } from 'node:worker_threads';

/** A case that blocks its thread for so long will never end. */
const HANG_MS = 60_000;

export interface Watchdog {
  /** Tells what is about to run. */
  beat(what: string): void;
  stop(): Promise<void>;
}

/**
 * Ends the process, and says what it was doing, when nothing has been told for a minute: on a thread of its own, since
 * no timer fires while a loop without end runs.
 */
export function startWatchdog(): Watchdog {
  const worker = new Worker(new URL('./watchdogThread.ts', import.meta.url), { workerData: HANG_MS });
  worker.unref();
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    beat(what) {
      // A message for each case would cost more than the case.
      if (performance.now() - toldAt < 100) return;
      toldAt = performance.now();
      worker.postMessage(what);
    },
    async stop() {
      await worker.terminate();
    },
  };
}
