import type { Clock } from '../clock.ts';
import type { Action, Condition, ItemStore, Key } from '../storage/ports.ts';
import type { Slice } from './entry.ts';
import { encodeBase, type Head, type PartitionBase, type Rolling, type StoredEntry } from './head.ts';
import type { Heads } from './heads.ts';
import { indexRowItem } from './indexRow.ts';
import type { LogLimits } from './limits.ts';
import type { LogTopic } from './log.ts';
import { encodeProducer, evictedProducerItem, producerKey } from './producers.ts';
import { withRetries } from './retry.ts';

/**
 * Entries up to this time may leave the tail: those so old that no copy of an entry from then is still to come, which
 * the fence would refuse. It is a courtesy to slow appenders, and the longer the tail the less there is of it.
 */
function movableUntil(head: Head, now: number, limits: LogLimits): number {
  const bytes = tailBytes(head);
  if (bytes > limits.longTailBytes) return Number.POSITIVE_INFINITY;
  return now - (bytes > limits.busyTailBytes ? limits.busyHoldMs : limits.holdMs);
}

function tailBytes(head: Head): number {
  return head.tail.reduce((sum, { stored }) => sum + stored.length, 0);
}

export interface RollPlan {
  readonly actions: readonly Action[];
  readonly condition: Condition;
}

/** Entries that may leave the tail now: the oldest ones, up to the first that must stay. */
function movable(head: Head, now: number, limits: LogLimits): StoredEntry[] {
  const until = movableUntil(head, now, limits);
  const entries: StoredEntry[] = [];
  let bytes = 0;
  for (const entry of head.tail) {
    bytes += entry.stored.length;
    const stays = entry.at > until && entry.at <= now + limits.aheadMs;
    const full =
      entries.length === limits.maxEntriesPerRoll || (entries.length > 0 && bytes > limits.bytesPerRoll);
    if (stays || full) break;
    entries.push(entry);
  }
  return entries;
}

export function rollIsDue(head: Head, now: number, limits: LogLimits): boolean {
  const { entriesPerRoll } = limits;
  const long = tailBytes(head) > limits.longTailBytes;
  if (head.rolling !== undefined && !long) {
    const age = now - head.rolling.at;
    if (age >= 0 && age < limits.abandonedMs) return false;
  }
  if (isCrowded(head, limits)) return true;
  return long || (head.tail.length >= entriesPerRoll && movable(head, now, limits).length >= entriesPerRoll);
}

/** There may be no room left for the producers of one more entry. */
function isCrowded({ producers }: Head, limits: LogLimits): boolean {
  return producers.size + limits.producersPerEntry > limits.producersInHead;
}

/** The first step: takes the oldest entries out of the tail, fixes their offsets, and fences what comes too late. */
export function planRoll(head: Head, now: number, limits: LogLimits): RollPlan | undefined {
  const entries = movable(head, now, limits);
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
function evictable(head: Head, rolled: readonly StoredEntry[], limits: LogLimits): string[] {
  if (head.producers.size <= limits.producersAtHand) return [];
  const active = new Set<string>();
  for (const { slices } of [...rolled, ...head.tail]) {
    for (const { partition, runs } of slices)
      for (const { id } of runs) active.add(producerKey(partition, id));
  }
  return [...head.producers.keys()].filter((key) => !active.has(key)).slice(0, limits.evictionsPerRoll);
}

export interface RollContext {
  readonly items: ItemStore;
  readonly heads: Heads;
  readonly clock: Clock;
  readonly limits: LogLimits;
  /**
   * Where items are replicated with a lag: resolves when other regions have these, or after a while. Until then what leaves the head
   * might be in neither.
   */
  readonly arrived?: (items: readonly Key[]) => Promise<void>;
}

/** Rolls a head if it is due, and finishes a roll that somebody left. Anyone may, at any time, any number of times. */
export async function roll(context: RollContext, topic: LogTopic, seen: Head): Promise<void> {
  const { items, heads, clock, limits, arrived } = context;
  const key = heads.key(seen);
  const update = async (head: Head, actions: readonly Action[], condition: Condition) => {
    const outcome = await withRetries(clock, () => items.update(key, actions, condition));
    const after = heads.learn(topic, head.index, outcome.item);
    return after && { applied: outcome.applied, head: after };
  };

  let head = seen;
  if (head.rolling === undefined) {
    const now = clock.now();
    const plan = planRoll(head, now, limits);
    if (plan === undefined) return putAside(context, topic, head, []);
    const begun = await update(head, plan.actions, plan.condition);
    if (begun === undefined) return;
    head = begun.head;
    // Refused: another has this roll in hand, unless it is our own of which the answer was lost.
    if (!begun.applied && head.rolling?.at !== now) return;
  }
  if (head.rolling === undefined) return;

  const rows = indexRows(head, head.rolling);
  await Promise.all(rows.map((row) => withRetries(clock, () => items.put(row, { missing: ['pk'] }))));
  await arrived?.(rows);
  const done = await update(head, [{ remove: ['rolling'] }, { set: ['roll'], to: head.roll + 1 }], {
    all: [{ path: ['roll'], is: '=', value: head.roll }, { exists: ['rolling'] }],
  });
  if (!done?.applied) return;
  await putAside(context, topic, done.head, head.rolling.entries);
}

async function putAside(
  context: RollContext,
  topic: LogTopic,
  head: Head,
  rolled: readonly StoredEntry[],
): Promise<void> {
  const { evictionsPerUpdate } = context.limits;
  const keys = evictable(head, rolled, context.limits);
  for (let from = 0; from < keys.length; from += evictionsPerUpdate) {
    await evict(context, topic, head, keys.slice(from, from + evictionsPerUpdate));
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
  heads.learn(topic, head.index, outcome.item);
}
