import type { Clock } from '../clock.ts';

/** Longer timers would fire at once (WHATWG HTML, 8.6): whoever asks for more, or for ever, gets 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export function startTimer(run: () => void, ms: number): ReturnType<typeof setTimeout> {
  return setTimeout(run, Math.min(ms, MAX_TIMER_MS));
}

/** Time and chance by what browsers have as well. */
export const webClock: Clock = {
  now: Date.now,
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = startTimer(done, ms);
      signal?.addEventListener('abort', done);
    });
  },
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** A name that nobody else will ever draw. */
export const randomName = (): string =>
  Array.from(webClock.random(12), (byte) => byte.toString(16).padStart(2, '0')).join('');
