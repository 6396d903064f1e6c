/** What a principal may still send or read: a token bucket, in bytes. */
export interface Bucket {
  /** Below 0 while more was taken than there was. */
  readonly bytes: number;
  readonly atMs: number;
}

/** How long a principal may save up, as Kafka's quotas look back (`quota.window.num` times `quota.window.size.seconds`). */
const WINDOW_MS = 10_000;

/** Full: whoever was not here for long. */
export function newBucket(byteRate: number, nowMs: number): Bucket {
  return { bytes: (byteRate * WINDOW_MS) / 1_000, atMs: nowMs };
}

/** As it is by now. A clock that is behind the one before fills nothing; one before that was far ahead is not waited for. */
export function refilled({ bytes, ...last }: Bucket, byteRate: number, nowMs: number): Bucket {
  const atMs = last.atMs > nowMs + WINDOW_MS ? nowMs : last.atMs;
  const sinceMs = Math.max(0, nowMs - atMs);
  const most = newBucket(byteRate, nowMs).bytes;
  return { bytes: Math.min(most, bytes + (byteRate * sinceMs) / 1_000), atMs: Math.max(atMs, nowMs) };
}

/**
 * Pays what was spent too much, then takes bytes, all of them if there are any at all: as in Kafka, a request that is larger than what
 * is left goes through, and the next waits for it. `waitMs`: nothing was taken, and this is how long it takes until there is something.
 */
export function take(
  bucket: Bucket,
  byteRate: number,
  { owed, bytes }: { readonly owed: number; readonly bytes: number },
  nowMs: number,
): { readonly bucket: Bucket; readonly waitMs: number } {
  const now = refilled(bucket, byteRate, nowMs);
  const left = now.bytes - owed;
  if (left > 0) return { bucket: { ...now, bytes: left - bytes }, waitMs: 0 };
  return { bucket: { ...now, bytes: left }, waitMs: Math.max(1, Math.ceil((-left / byteRate) * 1_000)) };
}
