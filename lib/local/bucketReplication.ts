import type { Clock } from '../clock.ts';
import { logError } from '../logError.ts';
import { type ObjectStore, StorageError } from '../storage/ports.ts';
import type { Weather } from './weather.ts';

/** How long an object takes to the other regions: S3's takes seconds, this is for people who watch. */
export const REPLICATION_LAG_MS = 300;
/** Objects that wait for one region; those beyond are left to the daily scrub. */
const MAX_WAITING = 10_000;
/** Copied from one region to another at a time. */
const COPIES_AT_ONCE = 8;
/** After a copy that failed. */
const PAUSE_MS = 500;

/** A region's objects, in its weather. */
export interface Bucket {
  readonly objects: ObjectStore;
  readonly weather: Weather;
}

/** Stands in for S3's cross-region replication. */
export interface BucketReplication {
  /** The bucket's store, of which objects that are put with `replicate` go to all the others, in their own time. */
  from(bucket: Bucket): ObjectStore;
  /** What waits is lost. */
  close(): void;
}

export function createBucketReplication(buckets: readonly Bucket[], clock: Clock): BucketReplication {
  const closed = new AbortController();
  return {
    from(bucket) {
      const routes = buckets
        .filter((other) => other !== bucket)
        .map((other) => createRoute(bucket, other, clock, closed.signal));
      return {
        ...bucket.objects,
        async put(key, chunks, options) {
          await bucket.objects.put(key, chunks, options);
          if (options?.replicate) for (const route of routes) route(key);
        },
      };
    },
    close: () => closed.abort(),
  };
}

/** From one bucket to another, in about the order in which keys come. It stands still while one of them is down, or the target stale. */
function createRoute(
  source: Bucket,
  target: Bucket,
  clock: Clock,
  closed: AbortSignal,
): (key: string) => void {
  const waiting: { readonly key: string; readonly dueAtMs: number }[] = [];
  let isRunning = false;

  async function copy(key: string): Promise<void> {
    const bytes = await source.objects.get(key);
    // Deleted since.
    if (bytes !== undefined) await target.objects.put(key, [bytes]);
  }

  const isOpen = () =>
    source.weather.fault() !== 'down' && !['down', 'stale'].includes(target.weather.fault());

  async function run(): Promise<void> {
    isRunning = true;
    try {
      while (waiting.length > 0) {
        await clock.sleep(Math.max(0, waiting[0]!.dueAtMs - clock.now()), closed);
        if (closed.aborted || !isOpen()) return;
        const now = clock.now();
        const due = waiting.slice(0, COPIES_AT_ONCE).filter(({ dueAtMs }) => dueAtMs <= now);
        try {
          await Promise.all(due.map(({ key }) => copy(key)));
          waiting.splice(0, due.length);
        } catch (error) {
          if (closed.aborted) return;
          if (!(error instanceof StorageError)) throw error;
          await clock.sleep(PAUSE_MS, closed);
        }
      }
    } finally {
      isRunning = false;
    }
  }

  function start(): void {
    if (!isRunning) run().catch(logError);
  }

  for (const { weather } of [source, target]) weather.onChange(start);
  return (key) => {
    if (waiting.length === MAX_WAITING) return;
    waiting.push({ key, dueAtMs: clock.now() + REPLICATION_LAG_MS });
    start();
  };
}
