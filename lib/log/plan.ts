import { WadiError } from '../errors.ts';
import type { ValidBatch } from '../record/record.ts';
import { type Action, type Condition, MAX_KEYS_PER_READ } from '../storage/ports.ts';
import { type BlobRef, uploadedAt } from './blob.ts';
import { encodeEntry, type ProducerRun, type Slice } from './entry.ts';
import { type Head, nextAt } from './head.ts';
import type { LogLimits } from './limits.ts';
import {
  addToSequence,
  encodeProducer,
  judge,
  outOfOrder,
  type ProducerState,
  producerKey,
} from './producers.ts';

/** The batches that one request appends to one partition: all or none of them. */
export interface Unit {
  readonly partition: number;
  readonly batches: readonly ValidBatch[];
  /** Where each batch begins in the blob. */
  readonly positions: readonly number[];
  /** Of each batch that is known to be in the log. */
  readonly offsets: readonly (number | undefined)[];
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
  /** `undefined` if nothing can be appended. */
  readonly stored: Uint8Array | undefined;
  readonly at: number;
  readonly slices: readonly Slice[];
  readonly batches: readonly PlannedBatch[];
  readonly actions: readonly Action[];
  readonly condition: Condition;
  /** Units that the head, as it was seen, forbids. */
  readonly refused: ReadonlyMap<number, WadiError>;
  /** Units with batches that were appended before, by number of batch: their offsets must be looked up first. */
  readonly duplicates: ReadonlyMap<number, readonly number[]>;
}

/**
 * The entry that appends as many of `units` as the head, as it was seen, allows, with the condition that makes it
 * safe should the head have changed. `units` are by number, in the order in which they came, which is that of the blob.
 * `inSyncEpoch`: as of which every region that must have the blob has it.
 */
export function planEntry(
  head: Head,
  units: ReadonlyMap<number, Unit>,
  evicted: EvictedProducers,
  blob: BlobRef,
  attempt: number,
  now: number,
  limits: LogLimits,
  inSyncEpoch?: number,
): Plan {
  const changed = new Map<string, ProducerState>();
  const unknown = new Set<string>();
  const refused = new Map<number, WadiError>();
  const duplicates = new Map<number, readonly number[]>();
  const appended: { unit: number; batch: number }[] = [];
  let runs = 0;

  const known = (key: string): ProducerState | undefined => {
    const state = changed.get(key) ?? head.producers.get(key);
    if (state !== undefined) return state;
    if (evicted.evictions !== head.evictions || !evicted.states.has(key)) unknown.add(key);
    return evicted.states.get(key);
  };

  for (const [number, unit] of units) {
    if (unknown.size >= MAX_KEYS_PER_READ) break;
    const verdict = judgeUnit(unit, known);
    if (verdict instanceof WadiError) {
      refused.set(number, verdict);
      continue;
    }
    if (verdict.duplicates.length > 0) {
      duplicates.set(number, verdict.duplicates);
      continue;
    }
    const states = new Map([...changed, ...verdict.states]);
    const fresh = [...states.keys()].filter((key) => !head.producers.has(key)).length;
    if (fresh > 0 && head.producers.size + fresh > limits.producersInHead) {
      refused.set(
        number,
        new WadiError('THROTTLING_QUOTA_EXCEEDED', 'Too many new producers at once. Try again.'),
      );
      continue;
    }
    if (states.size > limits.producersPerEntry || runs + verdict.runs > limits.runsPerEntry) {
      // Whoever comes later waits as well: he may be the same producer.
      if (appended.length > 0) break;
      refused.set(number, tooManyProducers(verdict.states.size, verdict.runs, limits));
      continue;
    }
    for (const [key, state] of verdict.states) changed.set(key, state);
    runs += verdict.runs;
    for (const batch of verdict.append) appended.push({ unit: number, batch });
  }

  const at = nextAt(head, blob.id, now);
  if (unknown.size > 0 || appended.length === 0) {
    return {
      unknownProducers: [...unknown].slice(0, MAX_KEYS_PER_READ),
      stored: undefined,
      at,
      slices: [],
      batches: [],
      actions: [],
      condition: { all: [] },
      refused,
      duplicates,
    };
  }

  const { slices, batches } = layOut(appended, units, blob);
  const stored = encodeEntry({ blob, attempt, at, slices }, head.firstPartition);
  return {
    unknownProducers: [],
    stored,
    at,
    slices,
    batches,
    actions: [{ append: ['tail'], values: [stored] }, ...setProducers(changed)],
    condition: entryCondition(head, stored, at, blob, [...changed.keys()], inSyncEpoch),
    refused,
    duplicates,
  };
}

interface UnitVerdict {
  /** The batches to append, if there are no `duplicates`. */
  readonly append: readonly number[];
  readonly states: ReadonlyMap<string, ProducerState>;
  /** Runs that the appended batches make. */
  readonly runs: number;
  /** Batches that were appended before this unit. */
  readonly duplicates: readonly number[];
}

/** What to do with a unit's batches whose offsets are not known; or why none of them may be appended. */
function judgeUnit(unit: Unit, known: (key: string) => ProducerState | undefined): UnitVerdict | WadiError {
  const states = new Map<string, ProducerState>();
  const append: number[] = [];
  const duplicates: number[] = [];
  let runs = 0;
  for (const [i, batch] of unit.batches.entries()) {
    if (unit.offsets[i] !== undefined) continue;
    if (batch.producer !== undefined) {
      const key = producerKey(unit.partition, batch.producer.id);
      const own = states.get(key);
      const verdict = judge(own ?? known(key), batch);
      if (verdict.kind === 'refused') return verdict.error;
      if (verdict.kind === 'duplicate') {
        if (own === undefined) duplicates.push(i);
        // Sent twice in one unit: the second takes its offset from the first, once that has one.
        else if (!append.some((earlier) => isCopy(unit.batches[earlier]!, batch))) {
          return outOfOrder(batch, 'an earlier batch of the request comes after it');
        }
        continue;
      }
      const last = append.at(-1);
      if (last === undefined || !continues(unit.batches[last]!, batch)) runs++;
      states.set(key, verdict.state);
    }
    append.push(i);
  }
  return { append, states, runs, duplicates };
}

function isCopy(a: ValidBatch, b: ValidBatch): boolean {
  return (
    a.producer?.id === b.producer?.id &&
    a.producer?.epoch === b.producer?.epoch &&
    a.producer?.sequence === b.producer?.sequence &&
    a.recordCount === b.recordCount
  );
}

function continues({ producer, recordCount }: ValidBatch, next: ValidBatch): boolean {
  return (
    producer !== undefined &&
    producer.id === next.producer?.id &&
    producer.epoch === next.producer.epoch &&
    addToSequence(producer.sequence, recordCount) === next.producer.sequence
  );
}

function tooManyProducers(producers: number, runs: number, limits: LogLimits): WadiError {
  const message = `The batches of one partition come from ${producers} producers in ${runs} runs; at most ${limits.producersPerEntry} in ${limits.runsPerEntry} may be sent together.`;
  return new WadiError('INVALID_REQUEST', message);
}

/** Batches of one partition that lie side by side in the blob make one slice. */
function layOut(
  appended: readonly { unit: number; batch: number }[],
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
  for (const { unit, batch } of appended) {
    const { partition, batches: valid, positions } = units.get(unit)!;
    const position = positions[batch]!;
    const { bytes, recordCount, producer } = valid[batch]!;
    // Lookups by time begin at 0: what is before needs no place in the index.
    const maxTimestamp = Math.max(-1, valid[batch]!.maxTimestamp);
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

/** Joins the run to the last one if it goes on where that ends. */
export function addRun(runs: ProducerRun[], run: ProducerRun): void {
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

/** What is appended as of an older epoch may lack a region that has joined since. Heads only ever ask for later ones. */
function knowsEnough(epoch: number): Condition {
  return { any: [{ missing: ['inSync'] }, { path: ['inSync'], is: '<=', value: epoch }] };
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
  inSyncEpoch: number | undefined,
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
      ...(inSyncEpoch === undefined ? [] : [knowsEnough(inSyncEpoch)]),
      ...unchanged,
      ...evicted,
      { not: { path: ['tail'], contains: stored } },
    ],
  };
}
