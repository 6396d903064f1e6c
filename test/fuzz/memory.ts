import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What is kept of requests when they are over. */

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Once more for what the first time only told the finalizers. */
function keptBytes(): number {
  collect();
  collect();
  // The buffers of arrays are among the external.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Compiled code, caches that fill up, indexes of what was stored. */
const MAX_KEPT_BYTES = 2_048;
const SLACK_BYTES = 512 * 1024;

/**
 * Sends all, in as many parts as said, the first of them to warm up. What is kept for ever is kept in every part, so
 * that the one that kept the least tells.
 */
export async function checkForgotten<T>(
  all: readonly T[],
  parts: number,
  send: (one: T) => Promise<void>,
): Promise<void> {
  const count = Math.floor(all.length / parts);
  let least = Number.POSITIVE_INFINITY;
  for (let part = 0; part < parts; part++) {
    const before = keptBytes();
    for (const one of all.slice(part * count, (part + 1) * count)) await send(one);
    // What the last of them left behind for the event loop.
    await new Promise(setImmediate);
    if (part > 0) least = Math.min(least, keptBytes() - before);
  }
  const most = SLACK_BYTES + count * MAX_KEPT_BYTES;
  assert(
    least <= most,
    `${least} bytes are kept after ${count} requests that are over, ${Math.round(least / count)} of each`,
  );
}
