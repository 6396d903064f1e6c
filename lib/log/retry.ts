import type { Clock } from '../clock.ts';
import { StorageError } from '../storage/ports.ts';

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 25;

/**
 * Repeats a storage call that may be repeated (a read, or a write that twice is the same as once) while it fails
 * with StorageError, or what is said; the adapters have retried quickly before. On the injected clock, so that simulations see it.
 */
export async function withRetries<T>(
  clock: Clock,
  call: () => Promise<T>,
  isWorthIt = (error: unknown): boolean => error instanceof StorageError,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!isWorthIt(error) || attempt === ATTEMPTS) throw error;
      await clock.sleep(pauseMs(clock, attempt));
    }
  }
}

/** Doubles with each attempt, half of it by chance, so that those who failed together do not return together. */
export function pauseMs(clock: Clock, attempt: number): number {
  const full = FIRST_PAUSE_MS * 2 ** attempt;
  return Math.round(full / 2 + (clock.random(1)[0]! / 255) * (full / 2));
}
