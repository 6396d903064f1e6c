import type { Clock } from '../clock.ts';
import { decodeHead, type Head, headIndexOf, headKey, isDeleted } from '../log/head.ts';
import { gone } from '../log/heads.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Item, ItemStore, ObjectStore } from '../storage/ports.ts';
import type { GarbageCursor } from './garbage.ts';
import type { MaintenanceLimits } from './limits.ts';

/** Of ObjectStore's list and delete. */
export const MAX_OBJECTS = 1_000;

export interface GarbageContext {
  readonly objects: Pick<ObjectStore, 'list' | 'delete'>;
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits?: MaintenanceLimits;
}

export interface GarbageOptions {
  /** Blobs younger than this are left alone: their appends may be on their way. It is a courtesy, not what makes it safe. */
  readonly graceMs: number;
  /** All rows are looked at for old marks, even if there is no blob to judge. Without it, only those that are met. */
  readonly marks?: boolean;
  /** What an earlier call handed back. It keeps that pass's floor and marks, whatever is given beside it. */
  readonly cursor?: GarbageCursor;
}

export interface CollectedGarbage {
  readonly floorsRaised: number;
  readonly objects: number;
  readonly objectBytes: number;
  readonly inlineItems: number;
  readonly inlineBytes: number;
  readonly indexRows: number;
  /** Segment objects. */
  readonly segments: number;
  readonly segmentBytes: number;
  /** Marks of absorbed rows. */
  readonly marks: number;
  /** To go on with; missing when the pass is done. */
  readonly cursor?: GarbageCursor;
}

export type Counts = { -readonly [count in keyof Omit<CollectedGarbage, 'cursor'>]: number };
export type Next = GarbageCursor | 'done';

export interface Pass extends Required<GarbageContext> {
  readonly topic: LogTopic;
  readonly counts: Counts;
}

export type At<S extends GarbageCursor['step']> = Extract<GarbageCursor, { step: S }>;

/**
 * The head as it stands; `undefined` beyond the last one. Partitions may have been added since the topic was looked up:
 * heads beyond those it had then are heads too.
 */
export async function readHead({ items, clock, topic }: Pass, index: number): Promise<Head | undefined> {
  const item = await withRetries(clock, () => items.get(headKey(topic.id, index)));
  if (item === undefined && index > headIndexOf(topic, topic.partitions - 1)) return undefined;
  return decodeLive(topic, index, item);
}

export function decodeLive(topic: LogTopic, index: number, item: Item | undefined): Head {
  if (item === undefined || isDeleted(item)) throw gone(topic);
  return decodeHead(item, topic, index);
}

/** Some may be gone already, as when a batch was deleted in part before. */
export async function deleteObjects({ objects, clock }: Pass, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += MAX_OBJECTS) {
    await withRetries(clock, () => objects.delete(keys.slice(from, from + MAX_OBJECTS)));
  }
}

export async function inBatches<T>(
  all: readonly T[],
  size: number,
  work: (one: T) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < all.length; from += size) {
    await Promise.all(all.slice(from, from + size).map(work));
  }
}
