import { LruCache } from '../lruCache.ts';
import { type Item, type ItemStore, type Key, StorageError } from '../storage/ports.ts';
import type { LogTopic } from './log.ts';

/**
 * What maintenance has to look at, and when: so that its cost follows what happens, not the number of topics that
 * sleep. A due item says "at that time, look at this unit":
 *
 *   pk 'due'   sk `<time, 15 digits>/<unit>`
 *   name, partitions, partitionsPerHead   of the topic, as they were
 *   cursor     text   where work that was handed on goes on (JSON)
 *   counts     text   what was done before that (JSON)
 *   runId      text   of a run that somebody asked for
 *
 * It is deleted, unconditionally, when that was done: whoever works on it reads the head after that time, so sees all
 * that was appended before, and what is appended later has a later item.
 */
export const DUE_PK = 'due';

/** What is looked at as one: of a topic, or of all. */
export type UnitKind = TopicUnitKind | ClusterUnitKind;
type TopicUnitKind = 'head' | 'garbage' | 'purge' | 'creation' | 'configs' | 'all';
type ClusterUnitKind = 'sweep' | 'due' | 'replication';

/** `<topicId>/head/<n>`, `<topicId>/garbage` and so on, or `sweep`, `due`, or `replication`. */
export type Unit = string;

export const SWEEP_UNIT: Unit = 'sweep';
/** Of a run that somebody asked for: all that is due, of whatever topic. */
export const ALL_DUE_UNIT: Unit = 'due';
/** Of a cluster of several regions: what one of them lacks. */
export const REPLICATION_UNIT: Unit = 'replication';
const CLUSTER_UNITS: readonly string[] = [SWEEP_UNIT, ALL_DUE_UNIT, REPLICATION_UNIT];

export function headUnit(topicId: string, index: number): Unit {
  return `${topicId}/head/${index}`;
}

export function topicUnit(topicId: string, kind: Exclude<TopicUnitKind, 'head'>): Unit {
  return `${topicId}/${kind}`;
}

/** Throws a TypeError for what is no unit. */
export function parseUnit(unit: Unit): { kind: UnitKind; topicId: string; head: number } {
  if (CLUSTER_UNITS.includes(unit)) return { kind: unit as UnitKind, topicId: '', head: 0 };
  const [, topicId, kind, head] =
    /^([\w-]+)\/(head|garbage|purge|creation|configs|all)(?:\/(\d+))?$/.exec(unit) ?? [];
  if (topicId === undefined || (kind === 'head') !== (head !== undefined))
    throw new TypeError(`unit ${unit}`);
  return { kind: kind as UnitKind, topicId, head: Number(head ?? 0) };
}

const DIGITS = 15;
const MINUTE_MS = 60_000;
/** Times are rounded to it, so that those who say the same put the same item. */
export const DUE_BUCKET_MS = 5 * MINUTE_MS;
/** Of what is looked at once an hour at most. */
const HOUR_MS = 60 * MINUTE_MS;
/** What is garbage now is old enough to go by then: see MaintenanceLimits.graceMs. */
const GARBAGE_AGE_MS = 15 * MINUTE_MS;

export function dueKey(unit: Unit, dueAtMs: number): Key {
  return { pk: DUE_PK, sk: `${String(dueAtMs).padStart(DIGITS, '0')}/${unit}` };
}

export function parseDueKey({ sk }: Pick<Key, 'sk'>): { dueAtMs: number; unit: Unit } {
  return { dueAtMs: Number(sk.slice(0, DIGITS)), unit: sk.slice(DIGITS + 1) };
}

/** All items of up to that time are at or below it. */
export function lastDueSk(ms: number): string {
  return `${String(ms).padStart(DIGITS, '0')}/~`;
}

export function dueItem(topic: LogTopic, unit: Unit, dueAtMs: number): Item {
  const { name, partitions, partitionsPerHead } = topic;
  return { ...dueKey(unit, dueAtMs), name, partitions, partitionsPerHead };
}

/**
 * When what an append, or a change of configs, is under way to is to be looked at: 5 to 10 minutes from now, for it may take
 * its time, and clocks may be as far apart.
 */
export function headDueAt(now: number): number {
  return (Math.floor(now / DUE_BUCKET_MS) + 2) * DUE_BUCKET_MS;
}

/** When a topic's garbage is to be collected of which there is more from now on: once an hour and topic. */
export function garbageDueAt(now: number): number {
  return Math.ceil((now + GARBAGE_AGE_MS) / HOUR_MS) * HOUR_MS;
}

/** What is due later than this, 30,000 years from now, never will be. */
const LAST_DUE_MS = 10 ** DIGITS - 1;

const DAY_MS = 24 * HOUR_MS;

/** When the marks of rows that are absorbed now are old enough to go, a day or two from now: once a day and topic. */
export function marksDueAt(now: number): number {
  return (Math.floor(now / DAY_MS) + 2) * DAY_MS;
}

/** Whether garbage that is due then is to be collected together with old marks. */
export function marksAreDue(dueAtMs: number): boolean {
  return dueAtMs % DAY_MS === 0;
}

/** The first time at or after `ms` at which something may be due. */
export function roundUpDue(ms: number): number {
  return Math.min(Math.ceil(ms / DUE_BUCKET_MS) * DUE_BUCKET_MS, LAST_DUE_MS);
}

/** Units that a process remembers to have noted. */
const MAX_NOTED = 10_000;

export interface Due {
  /**
   * Resolves when the item is there, put by this process once per unit and time. Never rejects: without it, the daily
   * sweep finds the unit.
   */
  note(topic: LogTopic, unit: Unit, dueAtMs: number): Promise<void>;
}

/** `warn` is told of what will not go away by itself. */
export function createDue(items: ItemStore, warn: (error: unknown) => void): Due {
  const noted = new LruCache<Unit, { dueAtMs: number; put: Promise<void> }>(MAX_NOTED);
  return {
    note(topic, unit, dueAtMs) {
      const known = noted.get(unit);
      if (known?.dueAtMs === dueAtMs) return known.put;
      const put = items.put(dueItem(topic, unit, dueAtMs)).then(
        () => undefined,
        (error) => {
          if (noted.peek(unit) === entry) noted.delete(unit);
          if (!(error instanceof StorageError)) warn(error);
        },
      );
      const entry = { dueAtMs, put };
      noted.set(unit, entry);
      return put;
    },
  };
}
