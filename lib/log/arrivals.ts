/** Wakes fetches that wait in the process in which an append was committed, so that they need not poll for it. */
export interface Arrivals {
  /** Aborted by the next append to the head from now on. */
  next(topicId: string, headIndex: number): AbortSignal;
  announce(topicId: string, headIndex: number): void;
}

export function createArrivals(): Arrivals {
  const waiting = new Map<string, AbortController>();
  return {
    next(topicId, headIndex) {
      const key = `${topicId}/${headIndex}`;
      const controller = waiting.get(key) ?? new AbortController();
      waiting.set(key, controller);
      return controller.signal;
    },
    announce(topicId, headIndex) {
      const key = `${topicId}/${headIndex}`;
      const controller = waiting.get(key);
      waiting.delete(key);
      controller?.abort();
    },
  };
}
