import { TopologyError } from '../topology/topologyError.ts';

/** Throws TopologyError unless it is a whole number of ms, and at least that. */
export function requireDuration(what: string, ms: number, leastMs: number): number {
  if (Number.isSafeInteger(ms) && ms >= leastMs) return ms;
  throw new TopologyError(`${what} is ${ms} ms: a whole number from ${leastMs} is needed`);
}
