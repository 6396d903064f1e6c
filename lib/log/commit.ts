import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import { type Item, type ItemStore, StorageError, type WriteOutcome } from '../storage/ports.ts';
import type { BlobRef, Blobs } from './blob.ts';
import { newBlobId, uploadedAt } from './blob.ts';
import { findDuplicate, findEntryInIndex } from './findLanded.ts';
import { findEntry, type Head, logStartOffset, type PlacedSlice } from './head.ts';
import type { Heads } from './heads.ts';
import type { LogTopic } from './log.ts';
import { type EvictedProducers, type Plan, planEntry, type Unit } from './plan.ts';
import { decodeProducer, evictedProducerKey } from './producers.ts';
import { pauseMs, withRetries } from './retry.ts';

/** Entries that one commit may make before it gives up: each is refused only because others moved the head. */
const MAX_ROUNDS = 16;
/** Times that the same entry is sent while nobody answers. */
const MAX_SENDS = 5;

export type UnitResult =
  | { ok: true; offsets: readonly number[]; logStartOffset: number; appendTimeMs: number }
  | { ok: false; error: WadiError };

export interface CommitContext {
  readonly items: ItemStore;
  readonly blobs: Blobs;
  readonly heads: Heads;
  readonly clock: Clock;
}

/**
 * Appends units, whose batches rest in `blob` already, to one head. Every unit gets an answer: its offsets; an error
 * that is final; or a retriable error, after which it may have been appended or not.
 */
export async function commit(
  context: CommitContext,
  topic: LogTopic,
  headIndex: number,
  blob: BlobRef,
  units: readonly Unit[],
): Promise<UnitResult[]> {
  const results = new Array<UnitResult>(units.length);
  const pending = new Map(units.map((unit, i) => [i, { unit, offsets: [] as (number | undefined)[] }]));
  try {
    await run(context, topic, headIndex, blob, pending, (i, result) => {
      results[i] = result;
      pending.delete(i);
    });
  } catch (error) {
    const failure = asWadiError(error);
    for (const i of pending.keys()) results[i] = { ok: false, error: failure };
  }
  return results;
}

type Pending = Map<number, { unit: Unit; offsets: (number | undefined)[] }>;

async function run(
  context: CommitContext,
  topic: LogTopic,
  headIndex: number,
  firstBlob: BlobRef,
  pending: Pending,
  settle: (unit: number, result: UnitResult) => void,
): Promise<void> {
  const { heads, clock } = context;
  let head = heads.cached(topic, headIndex) ?? (await heads.read(topic, headIndex));
  let fresh = false;
  let evicted: EvictedProducers = { evictions: head.evictions, states: new Map() };
  let blob = firstBlob;

  for (let round = 0; pending.size > 0; round++) {
    if (round === MAX_ROUNDS)
      throw new WadiError('REQUEST_TIMED_OUT', 'The partition is too busy. Try again.');
    const units = new Map([...pending].map(([i, { unit }]) => [i, unit]));
    const plan = planEntry(head, units, evicted, blob, round, clock.now());

    if (plan.unknownProducers.length > 0) {
      evicted = await readEvicted(context, head, evicted, plan.unknownProducers);
      continue;
    }
    if (plan.stored === undefined) {
      if (!fresh) {
        head = await heads.read(topic, headIndex);
        fresh = true;
        continue;
      }
      await settleRest(context, head, plan, pending, settle);
      continue;
    }

    const sent = await send(context, topic, head, plan, plan.stored);
    head = sent.head;
    fresh = true;
    if (sent.landed !== undefined) {
      noteOffsets(plan, sent.landed, pending);
      settleDone(head, plan.at, pending, settle);
    } else if (head.floor >= uploadedAt(blob.id)) {
      blob = await uploadAgain(context, topic, headIndex, blob, pending);
    }
  }
}

/** Sends an entry until it is known whether it landed. */
async function send(
  context: CommitContext,
  topic: LogTopic,
  seen: Head,
  plan: Plan,
  stored: Uint8Array,
): Promise<{ landed: readonly PlacedSlice[] | undefined; head: Head }> {
  const { items, heads, clock } = context;
  const update = () => items.update(heads.key(seen), plan.actions, plan.condition);
  const outcome = await untilAnswered(clock, update);
  if (outcome.item === undefined) throw gone(topic);
  const head = heads.learn(topic, seen.index, outcome.item);
  const landed = findEntry(head, stored);
  if (landed !== undefined || head.fence < plan.at) return { landed, head };
  // Refused by the fence: this copy came late, but its twin may have landed and been rolled out of the tail.
  return { landed: await findEntryInIndex(context, seen, head, plan.slices), head };
}

async function untilAnswered(clock: Clock, update: () => Promise<WriteOutcome>): Promise<WriteOutcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await update();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (attempt === MAX_SENDS) {
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
    pending.get(unit)!.offsets[batch] = landed[slice]!.baseOffset + delta;
  }
}

function settleDone(
  head: Head,
  appendTimeMs: number,
  pending: Pending,
  settle: (unit: number, result: UnitResult) => void,
): void {
  for (const [i, { unit, offsets }] of [...pending]) {
    const known = unit.batches.every((_, batch) => offsets[batch] !== undefined);
    if (known) settle(i, answer(head, unit, offsets as number[], appendTimeMs));
  }
}

function answer(head: Head, unit: Unit, offsets: readonly number[], appendTimeMs: number): UnitResult {
  return { ok: true, offsets, logStartOffset: logStartOffset(head, unit.partition), appendTimeMs };
}

/** What is left when nothing can be appended: refused units, and duplicates, whose first copy is looked up. */
async function settleRest(
  context: CommitContext,
  head: Head,
  plan: Plan,
  pending: Pending,
  settle: (unit: number, result: UnitResult) => void,
): Promise<void> {
  for (const [i, { unit, offsets }] of [...pending]) {
    const error = plan.refused.get(i);
    if (error !== undefined) {
      settle(i, { ok: false, error });
      continue;
    }
    try {
      for (const [n, batch] of unit.batches.entries()) {
        offsets[n] ??= await findDuplicate(context, head, unit.partition, batch);
      }
      settle(i, answer(head, unit, offsets as number[], context.clock.now()));
    } catch (cause) {
      settle(i, { ok: false, error: asWadiError(cause) });
    }
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
  headIndex: number,
  old: BlobRef,
  pending: Pending,
): Promise<BlobRef> {
  const blob = { id: newBlobId(clock), inline: old.inline };
  const chunks: Uint8Array[] = [];
  let end = 0;
  for (const [i, { unit, offsets }] of pending) {
    const positions = unit.batches.map(({ bytes }) => {
      chunks.push(bytes);
      end += bytes.length;
      return end - bytes.length;
    });
    pending.set(i, { unit: { ...unit, positions }, offsets });
  }
  await blobs.upload(topic.id, headIndex, blob, chunks);
  return blob;
}

export function gone(topic: LogTopic): WadiError {
  return new WadiError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${topic.name}' does not exist (any more).`);
}

export function asWadiError(error: unknown): WadiError {
  if (error instanceof WadiError) return error;
  if (error instanceof StorageError) {
    return new WadiError('KAFKA_STORAGE_ERROR', 'Storage did not answer. Try again.', { cause: error });
  }
  throw error;
}
