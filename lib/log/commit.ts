import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { type Item, type ItemStore, StorageError, type WriteOutcome } from '../storage/ports.ts';
import { type Blobs, newBlobId, type StoredBlob, uploadedAt } from './blob.ts';
import { coverDuplicates } from './coverDuplicates.ts';
import { findDuplicates, findEntryInIndex } from './findLanded.ts';
import { findEntry, type Head, logStartOffset, type PlacedSlice } from './head.ts';
import { gone, type Heads } from './heads.ts';
import type { LogLimits } from './limits.ts';
import type { Durability, LogTopic } from './log.ts';
import { type EvictedProducers, type Plan, planEntry, type Unit } from './plan.ts';
import { decodeProducer, evictedProducerKey } from './producers.ts';
import { pauseMs, withRetries } from './retry.ts';

/** Units whose duplicates are looked up at a time. */
const LOOKUPS_AT_ONCE = 16;

export type UnitResult =
  | { ok: true; offsets: readonly number[]; logStartOffset: number; appendTimeMs: number }
  | { ok: false; error: WadiError };

export interface CommitContext {
  readonly items: ItemStore;
  readonly blobs: Blobs;
  readonly heads: Heads;
  readonly clock: Clock;
  readonly limits: LogLimits;
  readonly onCommit?: (attempts: number) => void;
}

export interface PendingUnit {
  readonly unit: Omit<Unit, 'offsets'>;
  /** Called once, as soon as it is known what became of the unit. Never throws. */
  readonly settle: (result: UnitResult) => void;
}

/**
 * Appends units, whose batches rest in `blob` already, to one head. Every unit is settled: with its offsets; an error
 * that is final, and then nothing of it is in the log; or a retriable error, after which it may be there or not.
 */
export async function commit(
  context: CommitContext,
  topic: LogTopic,
  headIndex: number,
  blob: StoredBlob,
  units: readonly PendingUnit[],
  durability: Durability,
): Promise<void> {
  const pending: Pending = new Map(
    units.map(({ unit, settle }, i) => [i, { unit: { ...unit, offsets: [] }, settle }]),
  );
  try {
    await run(context, topic, headIndex, blob, pending, durability);
  } catch (error) {
    for (const i of [...pending.keys()]) settle(pending, i, { ok: false, error: asFailure(error) });
  }
}

type Pending = Map<
  number,
  { unit: Unit & { offsets: (number | undefined)[] }; readonly settle: (result: UnitResult) => void }
>;

function settle(pending: Pending, i: number, result: UnitResult): void {
  const { settle } = pending.get(i)!;
  pending.delete(i);
  settle(result);
}

async function run(
  context: CommitContext,
  topic: LogTopic,
  headIndex: number,
  firstBlob: StoredBlob,
  pending: Pending,
  durability: Durability,
): Promise<void> {
  const { heads, clock, limits } = context;
  const remembered = heads.cached(topic, headIndex);
  let head = remembered ?? (await heads.read(topic, headIndex));
  /** Seen after the units came, and after what is known of evicted producers: so what it forbids is forbidden. */
  let current = remembered === undefined;
  let evicted: EvictedProducers = { evictions: head.evictions, states: new Map() };
  let blob = firstBlob;
  let attempts = 0;

  for (let round = 0, vain = 0; pending.size > 0; round++, vain++) {
    if (vain === limits.vainRounds) {
      throw new WadiError('REQUEST_TIMED_OUT', 'The partition is too busy. Try again.');
    }
    const units = new Map([...pending].map(([i, { unit }]) => [i, unit]));
    const epoch = await blob.cover(head);
    const plan = planEntry(head, units, evicted, blob.ref, round, clock.now(), limits, epoch);

    if (plan.unknownProducers.length > 0) {
      const before = evicted;
      evicted = await readEvicted(context, head, before, plan.unknownProducers);
      if (evicted.states.size > before.states.size) vain = -1;
      // What they have appended may be younger than the head.
      current = false;
    } else if (plan.stored !== undefined) {
      attempts++;
      const sent = await send(context, topic, head, plan, plan.stored);
      head = sent.head;
      current = true;
      if (sent.landed !== undefined) {
        noteOffsets(plan, sent.landed, pending);
        settleDone(head, plan.at, pending);
        vain = -1;
      } else if (head.floor >= uploadedAt(blob.ref.id)) {
        blob = await uploadAgain(context, topic, head, blob, pending, durability);
      }
    } else if (!current) {
      head = await heads.read(topic, headIndex);
      current = true;
    } else if (plan.duplicates.size > 0) {
      await lookUpDuplicates(context, topic, head, plan.duplicates, pending, durability);
      settleDone(head, clock.now(), pending);
      vain = -1;
    } else {
      for (const [i, error] of plan.refused) settle(pending, i, { ok: false, error });
    }
  }
  if (attempts > 0) context.onCommit?.(attempts);
}

/** Sends an entry until it is known whether it landed. */
async function send(
  context: CommitContext,
  topic: LogTopic,
  seen: Head,
  plan: Plan,
  stored: Uint8Array,
): Promise<{ landed: readonly PlacedSlice[] | undefined; head: Head }> {
  const { items, heads } = context;
  const update = () => items.update(heads.key(seen), plan.actions, plan.condition);
  const outcome = await untilAnswered(context, update);
  const head = heads.learn(topic, seen.index, outcome.item);
  if (head === undefined) throw gone(topic);
  const landed = findEntry(head, stored);
  if (landed !== undefined || head.fence < plan.at) return { landed, head };
  // Refused by the fence: this copy came late, but its twin may have landed and been rolled out of the tail.
  return { landed: await findEntryInIndex(context, seen, head, plan.slices), head };
}

async function untilAnswered(
  { clock, limits }: CommitContext,
  update: () => Promise<WriteOutcome>,
): Promise<WriteOutcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await update();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (attempt === limits.sends) {
        throw new WadiError('REQUEST_TIMED_OUT', 'It is not known whether the records were appended.', {
          cause: error,
        });
      }
      await clock.sleep(pauseMs(clock, attempt));
    }
  }
}

function noteOffsets(plan: Plan, landed: readonly PlacedSlice[], pending: Pending): void {
  for (const { unit, batch, slice, delta } of plan.batches) {
    pending.get(unit)!.unit.offsets[batch] = landed[slice]!.baseOffset + delta;
  }
}

function settleDone(head: Head, appendTimeMs: number, pending: Pending): void {
  for (const [i, { unit }] of [...pending]) {
    const { partition, batches, offsets } = unit;
    if (!batches.every((_, batch) => offsets[batch] !== undefined)) continue;
    const known = offsets as number[];
    settle(pending, i, {
      ok: true,
      offsets: known,
      logStartOffset: logStartOffset(head, partition),
      appendTimeMs,
    });
  }
}

/**
 * Finds the first copies of batches that were appended before, and has them made as durable as is asked for now. Whoever has one with
 * which that fails is refused whole.
 */
async function lookUpDuplicates(
  context: CommitContext,
  topic: LogTopic,
  head: Head,
  duplicates: Plan['duplicates'],
  pending: Pending,
  durability: Durability,
): Promise<void> {
  const cover = coverDuplicates(context.blobs, topic, head, durability);
  const lookUp = async (i: number, numbers: readonly number[]): Promise<void> => {
    const { unit } = pending.get(i)!;
    try {
      const batches = numbers.map((n) => unit.batches[n]!);
      const found = await findDuplicates(context, head, unit.partition, batches);
      await cover(found.map(({ slice }) => slice));
      for (const [nth, n] of numbers.entries()) unit.offsets[n] = found[nth]!.offset;
    } catch (error) {
      settle(pending, i, { ok: false, error: asFailure(error) });
    }
  };
  const all = [...duplicates];
  for (let from = 0; from < all.length; from += LOOKUPS_AT_ONCE) {
    await Promise.all(all.slice(from, from + LOOKUPS_AT_ONCE).map(([i, numbers]) => lookUp(i, numbers)));
  }
}

/** Reads states that the head does not hold. They count only while the head's evictions stand as `head` shows them. */
async function readEvicted(
  { items, clock }: CommitContext,
  head: Head,
  known: EvictedProducers,
  keys: readonly string[],
): Promise<EvictedProducers> {
  const found = await withRetries(clock, () =>
    items.getMany(keys.map((key) => evictedProducerKey(head.topicId, key))),
  );
  const states = new Map(known.evictions === head.evictions ? known.states : []);
  keys.forEach((key, i) => {
    const item = found[i] as (Item & { state: Uint8Array }) | undefined;
    states.set(key, item && decodeProducer(item.state));
  });
  return { evictions: head.evictions, states };
}

/** The floor has passed the blob, which may be deleted at any time: what is pending moves to a new one. */
async function uploadAgain(
  { blobs, clock }: CommitContext,
  topic: LogTopic,
  head: Head,
  { ref }: StoredBlob,
  pending: Pending,
  durability: Durability,
): Promise<StoredBlob> {
  const blob = { id: newBlobId(clock, head.floor + 1), inline: ref.inline };
  const chunks: Uint8Array[] = [];
  let end = 0;
  for (const entry of pending.values()) {
    const positions = entry.unit.batches.map(({ bytes }) => {
      chunks.push(bytes);
      end += bytes.length;
      return end - bytes.length;
    });
    entry.unit = { ...entry.unit, positions };
  }
  return blobs.upload({ topic, headIndex: head.index, blob, chunks, durability });
}

export function asWadiError(error: unknown): WadiError {
  if (error instanceof WadiError) return error;
  if (error instanceof StorageError) {
    return new WadiError('KAFKA_STORAGE_ERROR', 'Storage did not answer. Try again.', { cause: error });
  }
  throw error;
}

/** As `asWadiError`, of anything at all. */
export function asFailure(error: unknown): WadiError {
  if (error instanceof WadiError || error instanceof StorageError) return asWadiError(error);
  return new WadiError('UNKNOWN_SERVER_ERROR', 'The append failed.', { cause: error });
}
