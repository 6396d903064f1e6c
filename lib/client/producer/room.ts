import { ClientError } from '../clientError.ts';
import { startTimer } from '../clock.ts';
import type { CallOptions } from '../connection.ts';

/** So much of something, given out in the order in which it was asked for. */
export interface Room {
  /** Resolves when there is room for `amount`; for more than there ever is, when all is free. */
  take(amount: number, options?: CallOptions): Promise<void>;
  give(amount: number): void;
}

export function createRoom(size: number): Room {
  let taken = 0;
  const waiting = new Set<{ readonly amount: number; readonly admit: () => void }>();
  const fits = (amount: number) => taken === 0 || taken + amount <= size;

  return {
    async take(amount, { signal, timeoutMs } = {}) {
      signal?.throwIfAborted();
      if (waiting.size === 0 && fits(amount)) {
        taken += amount;
        return;
      }
      await new Promise<void>((resolve, reject) => {
        const leave = () => {
          waiting.delete(waiter);
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
        };
        const waiter = {
          amount,
          admit() {
            leave();
            resolve();
          },
        };
        const abort = () => {
          leave();
          reject(signal?.reason);
        };
        const timer = timeoutMs === undefined ? undefined : startTimer(expire, timeoutMs);
        function expire() {
          leave();
          reject(noRoom(timeoutMs));
        }
        signal?.addEventListener('abort', abort);
        waiting.add(waiter);
      });
    },

    give(amount) {
      taken -= amount;
      for (const waiter of waiting) {
        if (!fits(waiter.amount)) return;
        taken += waiter.amount;
        waiter.admit();
      }
    },
  };
}

function noRoom(timeoutMs: number | undefined): ClientError {
  return new ClientError(
    `No room in the buffer within ${timeoutMs} ms: records come faster than they can be sent`,
    {
      kafka: 'REQUEST_TIMED_OUT',
      outcome: 'refused',
    },
  );
}
