import { randomFillSync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/** Time and chance, as the only way in which Wadi's code sees them: the simulation replaces both. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch. Clocks of different processes may be minutes apart. */
  now(): number;
  /** Milliseconds that only go forward, from wherever they began: as `now`, unless given. They may stand still while the machine sleeps. */
  monotonicMs?(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. `sleep(0)` lets waiting work run. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** `length` bytes that nobody else will ever draw. */
  random(length: number): Uint8Array;
}

/** The operating system is asked for this much at a time: asking costs more than the bytes. Each byte is given once. */
const POOL_BYTES = 4096;
let pool = new Uint8Array(0);
let drawn = 0;

export const systemClock: Clock = {
  now: Date.now,
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    if (ms === 0) return new Promise((resolve) => setImmediate(resolve));
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
  random(length) {
    if (drawn + length > pool.length) {
      pool = randomFillSync(new Uint8Array(Math.max(POOL_BYTES, length)));
      drawn = 0;
    }
    drawn += length;
    return pool.subarray(drawn - length, drawn);
  },
};
