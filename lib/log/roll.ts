import type { Clock } from '../clock.ts';
import type { Action, Condition, ItemStore } from '../storage/ports.ts';
import type { Slice } from './entry.ts';
import { encodeBase, type Head, type PartitionBase, type Rolling, type StoredEntry } from './head.ts';
import type { Heads } from './heads.ts';
import { indexRowItem } from './indexRow.ts';
import type { LogTopic } from './log.ts';
import { encodeProducer, evictedProducerItem, producerKey } from './producers.ts';
import { withRetries } from './retry.ts';

/** With 45 bytes an entry, this many cost the least: a longer tail makes every append dearer, a shorter one every roll. */
const ENTRIES_PER_ROLL = 16;
/** An update expression holds 4 KB and 300 operators. */
const MAX_ENTRIES_PER_ROLL = 200;
/** A roll that is older than this has lost its roller. */
const ABANDONED_MS = 2_000;
/** Producers that a head keeps at hand; more than this, and those that rest are moved out. */
const MAX_PRODUCERS = 16;
/** Of one update, by the size of its expression, and of one roll. */
const EVICTIONS_PER_UPDATE = 80;
const MAX_EVICTIONS = 800;
/** What one roll moves: a partition's part of it must fit in an item of 400 KB, as must the head meanwhile. */
const MAX_BYTES_PER_ROLL = 128 * 1024;
/** An entry from so far ahead comes from a clock that is wrong, and may be years away from being old. */
const AHEAD_MS = 2_000;

/** A tail of more bytes is a danger to the head's size: neither courtesy to the slow nor to other rollers counts then. */
const LONG_TAIL_BYTES = 32 * 1024;
/** Above this every append pays for a long tail, so that it is worth refusing a few latecomers. */
const BUSY_TAIL_BYTES = 2 * 1024;

/**
 * Entries up to this time may leave the tail: those so old that no copy of an entry from then is still to come, which
 * the fence would refuse. It is a courtesy to slow appenders, and the longer the tail the less there is of it.
 */
function movableUntil(head: Head, now: number): number {
  const bytes = tailBytes(head);
  if (bytes > LONG_TAIL_BYTES) return Number.POSITIVE_INFINITY;
  return now - (bytes > BUSY_TAIL_BYTES ? 60 : 250);
}

function tailBytes(head: Head): number {
  return head.tail.reduce((sum, { stored }) => sum + stored.length, 0);
}

export interface RollPlan {
  readonly actions: readonly Action[];
  readonly condition: Condition;
}

/** Entries that may leave the tail now: the oldest ones, up to the first that must stay. */
function movable(head: Head, now: number): StoredEntry[] {
  const limit = movableUntil(head, now);
  const entries: StoredEntry[] = [];
  let bytes = 0;
  for (const entry of head.tail) {
    bytes += entry.stored.length;
    const stays = entry.at > limit && entry.at <= now + AHEAD_MS;
    const full =
      entries.length === MAX_ENTRIES_PER_ROLL || (entries.length > 0 && bytes > MAX_BYTES_PER_ROLL);
    if (stays || full) break;
    entries.push(entry);
  }
  return entries;
}

export function rollIsDue(head: Head, now: number): boolean {
  const long = tailBytes(head) > LONG_TAIL_BYTES;
  if (head.rolling !== undefined && !long) {
    const age = now - head.rolling.at;
    if (age >= 0 && age < ABANDONED_MS) return false;
  }
  return long || (head.tail.length >= ENTRIES_PER_ROLL && movable(head, now).length >= ENTRIES_PER_ROLL);
}

/** The first step: takes the oldest entries out of the tail, fixes their offsets, and fences what comes too late. */
export function planRoll(head: Head, now: number): RollPlan | undefined {
  const entries = movable(head, now);
  if (head.rolling !== undefined || entries.length === 0) return undefined;
  const base = advance(head, entries);
  const fence = entries.reduce((max, { at }) => Math.max(max, at), head.fence);
  const rolling = { at: now, base: encodeBase(head.base), entries: entries.map(({ stored }) => stored) };
  return {
    actions: [
      { set: ['base'], to: encodeBase(base) },
      { set: ['fence'], to: fence },
      { set: ['rolling'], to: rolling },
      ...entries.map((_, i): Action => ({ remove: ['tail', i] })),
    ],
    condition: { all: [{ path: ['roll'], is: '=', value: head.roll }, { missing: ['rolling'] }] },
  };
}

function advance(head: Head, entries: readonly StoredEntry[]): PartitionBase[] {
  const base = head.base.map((partition) => ({ ...partition }));
  for (const { slices } of entries) {
    for (const { partition, recordCount, maxTimestamp } of slices) {
      const moved = base[partition - head.firstPartition]!;
      moved.offset += recordCount;
      moved.maxTimestamp = Math.max(moved.maxTimestamp, maxTimestamp);
    }
  }
  return base;
}

/** The index rows of a roll, the same whoever makes them. */
export function indexRows(head: Head, rolling: Rolling) {
  const byPartition = new Map<number, Slice[]>();
  for (const { slices } of rolling.entries) {
    for (const slice of slices) {
      const list = byPartition.get(slice.partition);
      if (list) list.push(slice);
      else byPartition.set(slice.partition, [slice]);
    }
  }
  return [...byPartition].map(([partition, slices]) =>
    indexRowItem(head.topicId, partition, rolling.base[partition - head.firstPartition]!, slices),
  );
}

/** Producers that rest: too many are held, and no entry of the tail or the last roll is theirs. */
function evictable(head: Head, rolled: readonly StoredEntry[]): string[] {
  if (head.producers.size <= MAX_PRODUCERS) return [];
  const active = new Set<string>();
  for (const { slices } of [...rolled, ...head.tail]) {
    for (const { partition, runs } of slices)
      for (const { id } of runs) active.add(producerKey(partition, id));
  }
  return [...head.producers.keys()].filter((key) => !active.has(key)).slice(0, MAX_EVICTIONS);
}

export interface RollContext {
  readonly items: ItemStore;
  readonly heads: Heads;
  readonly clock: Clock;
}

/** Rolls a head if it is due, and finishes a roll that somebody left. Anyone may, at any time, any number of times. */
export async function roll({ items, heads, clock }: RollContext, topic: LogTopic, seen: Head): Promise<void> {
  const key = heads.key(seen);
  const update = async (head: Head, actions: readonly Action[], condition: Condition) => {
    const outcome = await withRetries(clock, () => items.update(key, actions, condition));
    return outcome.item && { applied: outcome.applied, head: heads.learn(topic, head.index, outcome.item) };
  };

  let head = seen;
  if (head.rolling === undefined) {
    const now = clock.now();
    const plan = planRoll(head, now);
    if (plan === undefined) return;
    const begun = await update(head, plan.actions, plan.condition);
    if (begun === undefined) return;
    head = begun.head;
    // Refused: another has this roll in hand, unless it is our own of which the answer was lost.
    if (!begun.applied && head.rolling?.at !== now) return;
  }
  if (head.rolling === undefined) return;

  const rows = indexRows(head, head.rolling);
  await Promise.all(rows.map((row) => withRetries(clock, () => items.put(row, { missing: ['pk'] }))));
  const done = await update(head, [{ remove: ['rolling'] }, { set: ['roll'], to: head.roll + 1 }], {
    all: [{ path: ['roll'], is: '=', value: head.roll }, { exists: ['rolling'] }],
  });
  if (!done?.applied) return;
  const resting = evictable(done.head, head.rolling.entries);
  for (let from = 0; from < resting.length; from += EVICTIONS_PER_UPDATE) {
    await evict({ items, heads, clock }, topic, done.head, resting.slice(from, from + EVICTIONS_PER_UPDATE));
  }
}

/**
 * Moves producers that rest out of the head. Their state is stored first; they leave only if it is still the same, and
 * the count of evictions tells those who have read the old place to look again.
 */
async function evict(
  { items, heads, clock }: RollContext,
  topic: LogTopic,
  head: Head,
  keys: readonly string[],
): Promise<void> {
  const now = clock.now();
  await Promise.all(
    keys.map((key) => {
      const item = evictedProducerItem(head.topicId, key, head.producers.get(key)!, now);
      const newer: Condition = {
        any: [{ missing: ['batches'] }, { path: ['batches'], is: '<', value: item.batches as number }],
      };
      return withRetries(clock, () => items.put(item, newer));
    }),
  );
  const outcome = await withRetries(clock, () =>
    items.update(
      heads.key(head),
      [...keys.map((key): Action => ({ remove: ['producers', key] })), { add: ['evictions'], value: 1 }],
      {
        all: keys.map((key): Condition => {
          const value = encodeProducer(head.producers.get(key)!);
          return { path: ['producers', key], is: '=', value };
        }),
      },
    ),
  );
  if (outcome.item !== undefined) heads.learn(topic, head.index, outcome.item);
}
