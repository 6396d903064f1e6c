/**
 * Work that is done once at a time, and for many at once: whoever comes while it is under way waits for the next time, which is one for all of them, and
 * begins after they came. It is given what the first of them has brought.
 */
export function inTurns<A, T>(work: (brought: A) => Promise<T>): (brought: A) => Promise<T> {
  let underWay: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  return (brought) => {
    next ??= underWay.then(() => {
      next = undefined;
      const working = work(brought);
      underWay = working.catch(() => undefined);
      return working;
    });
    return next;
  };
}
