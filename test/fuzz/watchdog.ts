import { Worker } from 'node:worker_threads';
import { MAX_WAIT_MS } from './property.ts';

/** A case that blocks its thread for so long will never end. */
const HANG_MS = MAX_WAIT_MS + 5_000;

export interface Watchdog {
  /** Tells what is about to run: a round of which property. */
  watch(property: string, seed: number): void;
  /** Tells that one of its cases is about to run. */
  beat(index: number): void;
  /** Nothing is to be watched until the next beat. */
  rest(): void;
  stop(): Promise<void>;
}

/** What the watchdog's thread is given. `state` holds a count of beats, 0 at rest, and the case of the last one. */
export interface Watched {
  readonly hangMs: number;
  readonly state: Int32Array<SharedArrayBuffer>;
}

/**
 * Ends the process with 1, and says by what command it is repeated and where it stands, when a case has not ended for
 * 65 s: on a thread of its own, since no timer fires while a loop without end runs.
 */
export function startWatchdog(): Watchdog {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const workerData: Watched = { hangMs: HANG_MS, state };
  const worker = new Worker(new URL('./watchdogThread.ts', import.meta.url), { workerData });
  worker.unref();
  let beats = 0;
  return {
    watch(property, seed) {
      worker.postMessage({ property, seed });
    },
    // A message for each case would cost more than the case.
    beat(index) {
      beats = (beats % (2 ** 31 - 1)) + 1;
      state[1] = index;
      Atomics.store(state, 0, beats);
    },
    rest() {
      Atomics.store(state, 0, 0);
    },
    async stop() {
      await worker.terminate();
    },
  };
}
