/**
 * What a processor, or a callback, has returned. Throws TypeError for a promise: its step would be committed before it is kept. That it may be
 * broken later is nobody's then.
 */
export function requireSync<T>(returned: T): T {
  if (!isPromise(returned)) return returned;
  returned.then(undefined, () => undefined);
  throw new TypeError('a promise was returned: processors and callbacks of a topology must be synchronous');
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Partial<PromiseLike<unknown>>).then === 'function';
