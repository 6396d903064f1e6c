import type { Clock } from '../clock.ts';

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
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done);
    });
  },
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** A name that nobody else will ever draw. */
export const randomName = (): string =>
  Array.from(webClock.random(12), (byte) => byte.toString(16).padStart(2, '0')).join('');
