import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import { isBlobName, nameUploadedAt } from '../log/blob.ts';
import { withRetries } from '../log/retry.ts';
import type { ObjectPage } from '../storage/ports.ts';
import type { ReplicationLimits } from './limits.ts';
import { union } from './objects.ts';
import type { Region } from './region.ts';

/** Older objects of a topic that is not known are of one that is gone; a younger one's may be about to be made. */
const GONE_AFTER_MS = 86_400_000;

/** What is known of a topic, by its id. */
export interface TopicReplicas {
  /** Whether the region is to have its records. */
  has(topicId: string): boolean;
  /** Whether there is such a topic, or something is left of it that a purge is to find. */
  isKnown(topicId: string): boolean;
}

export interface Copied {
  readonly objects: number;
  readonly bytes: number;
  /** Objects of topics that are gone. */
  readonly deleted: number;
  /** Where to go on; `undefined` when all was compared. */
  readonly after: string | undefined;
}

/**
 * Compares one page of what a region has with what the others have, and copies what it lacks. What it alone has stays, since it may
 * be the only copy; what is left of topics that were purged while it was away goes, though others that were away have it, too.
 */
export async function copyMissing(
  clock: Clock,
  target: Region,
  sources: readonly Region[],
  topics: TopicReplicas,
  after: string,
  limits: ReplicationLimits,
): Promise<Copied> {
  const page = (region: Region, from: string): Promise<ObjectPage> =>
    withRetries(clock, () =>
      region.objects.list('', { limit: limits.objectsPerPage, ...(from !== '' && { after: from }) }),
    );
  const [own, ...others] = await Promise.all([target, ...sources].map((region) => page(region, after)));
  // Up to where every region was looked at.
  const all = union([own!, ...others], Number.POSITIVE_INFINITY);
  const has = new Map(own!.objects.map(({ key, bytes }) => [key, bytes]));
  const elsewhere = new Set(others.flatMap(({ objects }) => objects.map(({ key }) => key)));
  const lacking = all.objects.filter(
    ({ key, bytes }) => elsewhere.has(key) && has.get(key) !== bytes && topics.has(topicOf(key)),
  );
  let copied = 0;
  let bytes = 0;
  await atOnce(lacking, limits.copiesAtOnce, async ({ key }) => {
    const found = await readFrom(clock, sources, key);
    // Deleted since it was listed.
    if (found === undefined) return;
    await withRetries(clock, () => target.objects.put(key, [found]));
    copied++;
    bytes += found.length;
  });
  const gone = all.objects.filter(
    ({ key }) => has.has(key) && !topics.isKnown(topicOf(key)) && isOld(key, clock.now()),
  );
  if (gone.length > 0) await withRetries(clock, () => target.objects.delete(gone.map(({ key }) => key)));
  return { objects: copied, bytes, deleted: gone.length, after: all.next };
}

const topicOf = (key: string): string => key.slice(0, Math.max(0, key.indexOf('/')));

function isOld(key: string, now: number): boolean {
  const name = key.slice(-28);
  return isBlobName(name) && nameUploadedAt(name) < now - GONE_AFTER_MS;
}

/** Throws StorageError when it is nowhere to be found, and one of them could not be asked. */
async function readFrom(
  clock: Clock,
  sources: readonly Region[],
  key: string,
): Promise<Uint8Array | undefined> {
  let failure: unknown;
  for (const { objects } of sources) {
    try {
      const bytes = await withRetries(clock, () => objects.get(key));
      if (bytes !== undefined) return bytes;
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}
