import { isDeepStrictEqual } from 'node:util';
import { EVERYONE } from '../acl/binding.ts';
import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { withRetries } from '../log/retry.ts';
import { LruCache } from '../lruCache.ts';
import { allItems } from '../storage/allItems.ts';
import type { Condition, ItemStore } from '../storage/ports.ts';
import { randomUuid } from '../uuid.ts';
import { newBucket, take } from './bucket.ts';
import {
  bucketKey,
  type Direction,
  decodeBucket,
  decodeQuota,
  encodeBucket,
  encodeMark,
  encodeQuota,
  isLimit,
  QUOTA_PK,
  type Quota,
} from './quotaItem.ts';

/** What each principal may send and read a second. */
export interface Quotas {
  /**
   * Lets a principal's request through, or throws THROTTLING_QUOTA_EXCEEDED: it has sent or read too much of late. Of what has no quota
   * nothing is read or written.
   */
  admit(principal: string, direction: Direction): Promise<void>;
  /** What a request that was let through has come to. */
  spend(principal: string, direction: Direction, bytes: number): void;
  /** As they stand, in the order of the principals. */
  list(): Promise<Quota[]>;
  /**
   * Puts each in the place of the principal's; one without rates is none. A principal is given once. Throws POLICY_VIOLATION above
   * MAX_QUOTAS, and changes nothing then.
   */
  alter(quotas: readonly Quota[]): Promise<void>;
}

/** All of them are read at once, by every process that has to do with records: 1,000 are some 100 KB, 13 read units. */
export const MAX_QUOTAS = 1_000;

/** How long a change may go unnoticed by other processes, as of ACLs. */
const MAX_AGE_MS = 5_000;
const QUOTAS_PER_READ = 1_000;
const WRITES_AT_ONCE = 16;
/** No copy of a call is on its way for longer. */
const MARK_SECONDS = 86_400;
/** How much a process takes at a time, in seconds' worth: so often it writes, and so much may be lost with it. */
const SHARE_MS = 500;
const MAX_ATTEMPTS = 10;
/** Of principals that call one process. */
const MAX_SHARES = 1_000;

export interface QuotaContext {
  readonly metadata: ItemStore;
  readonly log: ItemStore;
  readonly clock: Clock;
}

/** What this process has taken of a bucket and not spent yet; below 0: it has spent more. */
interface Share {
  bytes: number;
  takenAtMs: number;
  taking: Promise<void> | undefined;
}

export function createQuotas({ metadata, log, clock }: QuotaContext): Quotas {
  let known: { readonly quotas: Promise<Map<string, Quota>>; readonly readAtMs: number } | undefined;
  const shares = new LruCache<string, Share>(MAX_SHARES);

  async function readAll(): Promise<Quota[]> {
    const items = await allItems(metadata, clock, { pk: QUOTA_PK, limit: QUOTAS_PER_READ });
    return items.map(decodeQuota).filter(isLimit);
  }

  /** Writes in the place of what is there. */
  async function change(quota: Quota): Promise<void> {
    const key = { pk: QUOTA_PK, sk: quota.principal };
    const expiresAt = Math.floor(clock.now() / 1_000) + MARK_SECONDS;
    let item = await withRetries(clock, () => metadata.get(key));
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const stored = item as { version: number } | undefined;
      const version = (stored?.version ?? 0) + 1;
      const written = isLimit(quota) ? encodeQuota(quota, version) : encodeMark(quota, version, expiresAt);
      const outcome = await withRetries(clock, () => metadata.put(written, unchanged(stored)));
      if (outcome.applied || isDeepStrictEqual(outcome.item, written)) return;
      item = outcome.item;
    }
    throw new WadiError('REQUEST_TIMED_OUT', 'Too many changes of one quota at once. Try again.');
  }

  function current(): Promise<Map<string, Quota>> {
    const now = clock.now();
    if (known !== undefined && Math.abs(now - known.readAtMs) < MAX_AGE_MS) return known.quotas;
    const quotas = readAll().then((all) => new Map(all.map((quota) => [quota.principal, quota])));
    const read = { quotas, readAtMs: now };
    known = read;
    quotas.catch(() => {
      if (known === read) known = undefined;
    });
    return quotas;
  }

  async function rateOf(principal: string, direction: Direction): Promise<number | undefined> {
    const quotas = await current();
    const quota = quotas.get(principal) ?? quotas.get(EVERYONE);
    return direction === 'produce' ? quota?.producerByteRate : quota?.consumerByteRate;
  }

  /**
   * Pays and takes a share out of the bucket that all processes have in common. `waitMs` if it is empty then; `isPaid` unless too many
   * were at it at once.
   */
  async function takeShare(
    principal: string,
    direction: Direction,
    byteRate: number,
    taken: { owed: number; bytes: number },
  ): Promise<{ isPaid: boolean; waitMs: number }> {
    const key = bucketKey(direction, principal);
    const stamp = randomUuid(clock);
    let item = await withRetries(clock, () => log.get(key));
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const stored = item && decodeBucket(item);
      const now = clock.now();
      const { bucket, waitMs } = take(stored ?? newBucket(byteRate, now), byteRate, taken, now);
      if (waitMs > 0 && taken.owed === 0) return { isPaid: true, waitMs };
      const written = encodeBucket(key, bucket, (stored?.version ?? 0) + 1, stamp);
      const outcome = await withRetries(clock, () => log.put(written, unchanged(stored)));
      // One that was sent again finds its own.
      if (outcome.applied || outcome.item?.stamp === stamp) return { isPaid: true, waitMs };
      item = outcome.item;
    }
    return { isPaid: false, waitMs: SHARE_MS };
  }

  async function refill(
    share: Share,
    principal: string,
    direction: Direction,
    byteRate: number,
  ): Promise<void> {
    const before = share.bytes;
    const bytes = Math.ceil((byteRate * SHARE_MS) / 1_000);
    const { isPaid, waitMs } = await takeShare(principal, direction, byteRate, {
      owed: Math.max(0, -before),
      bytes,
    });
    // What was owed is paid, and what was not spent in time is gone; what was spent meanwhile counts.
    if (isPaid) share.bytes -= before;
    if (waitMs > 0) throw throttled(principal, direction, byteRate, waitMs);
    share.bytes += bytes;
    share.takenAtMs = clock.now();
  }

  return {
    async admit(principal, direction) {
      const byteRate = await rateOf(principal, direction);
      if (byteRate === undefined) return;
      const id = `${direction} ${principal}`;
      const share = shares.get(id) ?? { bytes: 0, takenAtMs: Number.NEGATIVE_INFINITY, taking: undefined };
      shares.set(id, share);
      const isFresh = Math.abs(clock.now() - share.takenAtMs) < SHARE_MS;
      if (isFresh && share.bytes > 0) return;
      // Those who come meanwhile wait for the same.
      share.taking ??= refill(share, principal, direction, byteRate).finally(() => {
        share.taking = undefined;
      });
      await share.taking;
    },

    spend(principal, direction, bytes) {
      const share = shares.get(`${direction} ${principal}`);
      if (share !== undefined) share.bytes -= bytes;
    },

    list: readAll,

    async alter(quotas) {
      const before = new Set((await readAll()).map(({ principal }) => principal));
      const after = new Set(before);
      for (const quota of quotas) {
        if (isLimit(quota)) after.add(quota.principal);
        else after.delete(quota.principal);
      }
      if (after.size > MAX_QUOTAS && after.size > before.size) {
        throw new WadiError(
          'POLICY_VIOLATION',
          `There may be ${MAX_QUOTAS} quotas; User:* is for all others.`,
        );
      }
      try {
        await atOnce(quotas, WRITES_AT_ONCE, change);
      } finally {
        known = undefined;
      }
    },
  };
}

function unchanged(stored: { readonly version: number } | undefined): Condition {
  return stored === undefined ? { missing: ['pk'] } : { path: ['version'], is: '=', value: stored.version };
}

function throttled(principal: string, direction: Direction, byteRate: number, waitMs: number): WadiError {
  const name = direction === 'produce' ? 'producer_byte_rate' : 'consumer_byte_rate';
  const message = `${principal} is above its ${name} of ${byteRate} bytes a second: try again in ${waitMs} ms.`;
  return new WadiError('THROTTLING_QUOTA_EXCEEDED', message, { retryAfterMs: waitMs });
}
