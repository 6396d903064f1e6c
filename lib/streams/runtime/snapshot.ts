import type { Topic } from '../../topic/topic.ts';

/** What a task's stores were, in objects, with the offsets from which their changelogs go on. */
export interface Snapshot {
  /** What the keys of its objects begin with. */
  readonly prefix: string;
  readonly takenMs: number;
  /** Of all stores. */
  readonly keys: number;
  readonly stores: readonly StoreSnapshot[];
}

export interface StoreSnapshot {
  readonly name: string;
  /** Offsets are those of this topic, not of another of the same name. */
  readonly topicId: string;
  /** Of the first record of the changelog that may not be in it. */
  readonly offset: number;
  readonly parts: number;
}

export const partKey = ({ prefix }: Pick<Snapshot, 'prefix'>, store: string, part: number): string =>
  `${prefix}${store}-${part}`;

/**
 * The deletion of a key that a snapshot has is in the changelog for as long as that keeps tombstones. Half of it is left for clocks that disagree, and
 * for the reading.
 */
export function isFresh({ takenMs }: Pick<Snapshot, 'takenMs'>, { configs }: Topic, nowMs: number): boolean {
  return Math.abs(nowMs - takenMs) < configs.deleteRetentionMs / 2;
}

/** What a snapshot has of a store, if it has any that is of use: of this changelog, and not too old. */
export function storedIn(
  snapshot: Snapshot | undefined,
  store: string,
  changelog: Topic,
  nowMs: number,
): StoreSnapshot | undefined {
  if (snapshot === undefined || !isFresh(snapshot, changelog, nowMs)) return undefined;
  return snapshot.stores.find(({ name, topicId }) => name === store && topicId === changelog.id);
}
