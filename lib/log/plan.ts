import { WadiError } from '../errors.ts';
import type { ValidBatch } from '../record/record.ts';
import type { Action, Condition } from '../storage/ports.ts';
import { type BlobRef, uploadedAt } from './blob.ts';
import { encodeEntry, type ProducerRun, type Slice } from './entry.ts';
import { type Head, nextAt } from './head.ts';
import { addToSequence, encodeProducer, judge, type ProducerState, producerKey } from './producers.ts';

/** The batches that one request appends to one partition: all or none of them. */
export interface Unit {
  readonly partition: number;
  readonly batches: readonly ValidBatch[];
  /** Where each batch begins in the blob. */
  readonly positions: readonly number[];
}

/** States of producers that the head does not hold, as they were when it counted `evictions`. */
export interface EvictedProducers {
  readonly evictions: number;
  readonly states: ReadonlyMap<string, ProducerState | undefined>;
}

/** A batch that an entry appends: `delta` records into the entry's slice number `slice`. */
export interface PlannedBatch {
  readonly unit: number;
  readonly batch: number;
  readonly slice: number;
  readonly delta: number;
}

export interface Plan {
  /** Keys of producers that must be looked up first; then the rest of the plan is empty. */
  readonly unknownProducers: readonly string[];
  readonly stored: Uint8Array | undefined;
  readonly at: number;
  readonly slices: readonly Slice[];
  readonly batches: readonly PlannedBatch[];
  readonly actions: readonly Action[];
  readonly condition: Condition;
  /** Of units that the head, as it was seen, forbids: nothing of them is in the entry. */
  readonly refused: ReadonlyMap<number, WadiError>;
}

/**
 * Producers whose state one entry may change: an expression of DynamoDB holds 4 KB, and each takes some 50 bytes.
 * Units beyond it wait for the next entry.
 */
export const MAX_PRODUCERS_PER_ENTRY = 40;

/**
 * The entry that appends as many of `units` as the head, as it was seen, allows, with the condition that makes it
 * safe should the head have changed. `units` are by number, in the order in which they came.
 */
export function planEntry(
  head: Head,
  units: ReadonlyMap<number, Unit>,
  evicted: EvictedProducers,
  blob: BlobRef,
  attempt: number,
  now: number,
): Plan {
  const changed = new Map<string, ProducerState>();
  const unknown = new Set<string>();
  const refused = new Map<number, WadiError>();
  const appended: { unit: number; batch: number; position: number }[] = [];

  const known = (key: string): ProducerState | undefined => {
    const state = changed.get(key) ?? head.producers.get(key);
    if (state !== undefined) return state;
    if (evicted.evictions !== head.evictions || !evicted.states.has(key)) unknown.add(key);
    return evicted.states.get(key);
  };

  for (const [number, unit] of units) {
    const verdict = judgeUnit(unit, known);
    if (verdict instanceof WadiError) {
      refused.set(number, verdict);
      continue;
    }
    const total = new Set([...changed.keys(), ...verdict.states.keys()]).size;
    if (total > MAX_PRODUCERS_PER_ENTRY) {
      if (changed.size === 0) refused.set(number, tooManyProducers(verdict.states.size));
      continue;
    }
    for (const [key, state] of verdict.states) changed.set(key, state);
    for (const batch of verdict.append) {
      appended.push({ unit: number, batch, position: unit.positions[batch]! });
    }
  }

  const at = nextAt(head, blob.id, now);
  if (unknown.size > 0 || appended.length === 0) {
    return {
      unknownProducers: [...unknown],
      stored: undefined,
      at,
      slices: [],
      batches: [],
      actions: [],
      condition: { all: [] },
      refused,
    };
  }

  appended.sort((a, b) => a.position - b.position);
  const { slices, batches } = layOut(appended, units, blob);
  const stored = encodeEntry({ blob, attempt, at, slices }, head.firstPartition);
  return {
    unknownProducers: [],
    stored,
    at,
    slices,
    batches,
    actions: [{ append: ['tail'], values: [stored] }, ...setProducers(changed)],
    condition: entryCondition(head, stored, at, blob, [...changed.keys()]),
    refused,
  };
}

/** The batches of a unit to append, and what they make of its producers; or why it must not be appended. */
function judgeUnit(unit: Unit, known: (key: string) => ProducerState | undefined) {
  const states = new Map<string, ProducerState>();
  const append: number[] = [];
  for (const [i, batch] of unit.batches.entries()) {
    if (batch.producer !== undefined) {
      const key = producerKey(unit.partition, batch.producer.id);
      const verdict = judge(states.get(key) ?? known(key), batch);
      if (verdict.kind === 'refused') return verdict.error;
      if (verdict.kind === 'duplicate') continue;
      states.set(key, verdict.state);
    }
    append.push(i);
  }
  return { states, append };
}

function tooManyProducers(count: number): WadiError {
  const message = `The batches of one partition come from ${count} producers; at most ${MAX_PRODUCERS_PER_ENTRY} may be sent together.`;
  return new WadiError('INVALID_REQUEST', message);
}

/** Batches of one partition that lie side by side in the blob make one slice. */
function layOut(
  appended: readonly { unit: number; batch: number; position: number }[],
  units: ReadonlyMap<number, Unit>,
  blob: BlobRef,
): { slices: Slice[]; batches: PlannedBatch[] } {
  const slices: (Slice & {
    runs: ProducerRun[];
    bytes: number;
    recordCount: number;
    maxTimestamp: number;
  })[] = [];
  const batches: PlannedBatch[] = [];
  for (const { unit, batch, position } of appended) {
    const { partition, batches: valid } = units.get(unit)!;
    const { bytes, recordCount, maxTimestamp, producer } = valid[batch]!;
    let slice = slices.at(-1);
    if (slice?.partition !== partition || slice.position + slice.bytes !== position) {
      slice = { blob, partition, position, bytes: 0, recordCount: 0, maxTimestamp, runs: [] };
      slices.push(slice);
    }
    const delta = slice.recordCount;
    batches.push({ unit, batch, slice: slices.length - 1, delta });
    if (producer !== undefined) addRun(slice.runs, { delta, ...producer, recordCount });
    slice.bytes += bytes.length;
    slice.recordCount += recordCount;
    slice.maxTimestamp = Math.max(slice.maxTimestamp, maxTimestamp);
  }
  return { slices, batches };
}

function addRun(runs: ProducerRun[], run: ProducerRun): void {
  const last = runs.at(-1);
  const continues =
    last !== undefined &&
    last.id === run.id &&
    last.epoch === run.epoch &&
    last.delta + last.recordCount === run.delta &&
    addToSequence(last.sequence, last.recordCount) === run.sequence;
  if (continues) runs[runs.length - 1] = { ...last, recordCount: last.recordCount + run.recordCount };
  else runs.push(run);
}

function setProducers(changed: ReadonlyMap<string, ProducerState>): Action[] {
  return [...changed].map(([key, state]) => ({ set: ['producers', key], to: encodeProducer(state) }));
}

/**
 * What must hold when the entry lands. All but the last part, once false, stays false: so an entry that was refused
 * and is not in the log will never be in it. On a head that is gone, every comparison fails.
 */
function entryCondition(
  head: Head,
  stored: Uint8Array,
  at: number,
  blob: BlobRef,
  producers: string[],
): Condition {
  const unchanged = producers.map((key): Condition => {
    const state = head.producers.get(key);
    if (state === undefined) return { missing: ['producers', key] };
    return { path: ['producers', key], is: '=', value: encodeProducer(state) };
  });
  const evicted: Condition[] = producers.some((key) => !head.producers.has(key))
    ? [{ path: ['evictions'], is: '=', value: head.evictions }]
    : [];
  return {
    all: [
      { path: ['fence'], is: '<', value: at },
      { path: ['floor'], is: '<', value: uploadedAt(blob.id) },
      ...unchanged,
      ...evicted,
      { not: { path: ['tail'], contains: stored } },
    ],
  };
}
