import { checkHistory } from '../../lib/verify/check.ts';
import type {
  Append,
  AppendOutcome,
  Bounds,
  Compact,
  DeleteRecords,
  Fetch,
  FetchOutcome,
  FinalPartition,
  History,
  Operation,
  Retain,
  SentBatch,
  SentKey,
} from '../../lib/verify/history.ts';

export const P = 't/0';

/** The properties that something spoke against. */
export function violated(history: History): string[] {
  return checkHistory(history)
    .filter(({ violations }) => violations.length > 0)
    .map(({ property }) => property);
}

export function history(operations: readonly Operation[], final?: FinalPartition): History {
  return { operations, final: new Map(final === undefined ? [] : [[P, final]]) };
}

/** `values` from log start on. */
export function finally_(values: readonly string[], logStartOffset = 0): FinalPartition {
  const records = values.map((value, i) => [logStartOffset + i, value] as const);
  return { logStartOffset, highWatermark: logStartOffset + values.length, records };
}

export function batch(values: string, sent: Partial<SentBatch> = {}): SentBatch {
  return { values: values.split(' '), producer: 'p', sequence: 0, idempotent: false, ...sent };
}

type Times = readonly [invokedAtMs: number, returnedAtMs: number];

export function append(
  [invokedAtMs, returnedAtMs]: Times,
  batches: SentBatch | readonly SentBatch[],
  outcome: AppendOutcome | number,
): Append {
  return {
    kind: 'append',
    partition: P,
    invokedAtMs,
    returnedAtMs,
    batches: [batches].flat(),
    outcome: typeof outcome === 'number' ? { is: 'ok', offsets: [outcome] } : outcome,
  };
}

export function fetched(
  [invokedAtMs, returnedAtMs]: Times,
  offset: number,
  values: string,
  answer: Partial<Extract<FetchOutcome, { is: 'ok' }>> & Pick<Fetch, 'consumer' | 'reset'> = {},
): Fetch {
  const records = values === '' ? [] : values.split(' ').map((value, i) => [offset + i, value] as const);
  const { consumer, reset, ...outcome } = answer;
  const nextOffset = offset + records.length;
  return {
    kind: 'fetch',
    partition: P,
    invokedAtMs,
    returnedAtMs,
    offset,
    ...(consumer === undefined ? {} : { consumer }),
    ...(reset === undefined ? {} : { reset }),
    outcome: { is: 'ok', records, nextOffset, highWatermark: nextOffset, logStartOffset: 0, ...outcome },
  };
}

export function bounds(
  [invokedAtMs, returnedAtMs]: Times,
  logStartOffset: number,
  highWatermark: number,
): Bounds {
  const outcome = { is: 'ok', logStartOffset, highWatermark } as const;
  return { kind: 'bounds', partition: P, invokedAtMs, returnedAtMs, outcome };
}

export function deletion(
  [invokedAtMs, returnedAtMs]: Times,
  beforeOffset: number,
  logStart: number,
): DeleteRecords {
  const outcome = { is: 'ok', logStartOffset: logStart } as const;
  return { kind: 'deleteRecords', partition: P, invokedAtMs, returnedAtMs, beforeOffset, outcome };
}

/** Takes nothing unless told otherwise. */
export function retention(
  [invokedAtMs, returnedAtMs]: Times,
  rule: Partial<Pick<Retain, 'expiredBefore' | 'keptBytes'>>,
  logStart: number,
): Retain {
  const outcome = { is: 'ok', logStartOffset: logStart } as const;
  const timed = { partition: P, invokedAtMs, returnedAtMs };
  return { kind: 'retain', ...timed, expiredBefore: -Infinity, keptBytes: Infinity, ...rule, outcome };
}

/** Of a topic that is compacted: `k=v` sets the key to the value, `k-v` is a tombstone of it. What it is known by is all of it. */
export function keyed(changes: string, sent: Partial<SentBatch> = {}): SentBatch {
  const keys = changes.split(' ').map((change): SentKey => {
    return { key: change[0]!, isTombstone: change[1] === '-' };
  });
  return batch(changes, { producer: changes, keys, ...sent });
}

export function compaction(
  [invokedAtMs, returnedAtMs]: Times,
  configs: Partial<Pick<Compact, 'minCompactionLagMs' | 'deleteRetentionMs' | 'aheadMs'>> = {},
): Compact {
  const is = returnedAtMs === Infinity ? 'unknown' : 'ok';
  const none = { minCompactionLagMs: 0, deleteRetentionMs: 0, aheadMs: 0 };
  return { kind: 'compact', partition: P, invokedAtMs, returnedAtMs, ...none, ...configs, outcome: { is } };
}

/** What is left, as `offset:value`. */
export function left(some: string, to: number, from = 0): FinalPartition {
  return { logStartOffset: from, highWatermark: to, records: recordsOf(some) };
}

/** A read from `from` up to `to`, that shows what is given as `offset:value`. */
export function read(
  times: Times,
  [from, to]: readonly [number, number],
  some: string,
  polled: Pick<Fetch, 'consumer' | 'reset'> & { readonly highWatermark?: number } = {},
): Fetch {
  return fetched(times, from, '', { records: recordsOf(some), nextOffset: to, highWatermark: to, ...polled });
}

function recordsOf(some: string): [number, string][] {
  return some.split(' ').flatMap((one): [number, string][] => {
    const [offset, value] = one.split(':');
    return value === undefined ? [] : [[Number(offset), value]];
  });
}

export const failed = { is: 'failed', error: 'INVALID_RECORD' } as const;
export const unknown = { is: 'unknown' } as const;
export const idempotent = { idempotent: true } as const;
export const a = append([0, 10], batch('a'), 0);
export const b = append([20, 30], batch('b', { sequence: 1 }), 1);
export const ab = finally_(['a', 'b']);
export const once = batch('a', idempotent);
/** Two batches of 100 bytes, of which the first is older. */
export const old = append([0, 10], batch('a', { maxTimestamp: 5, bytes: 100 }), 0);
export const young = append([20, 30], batch('b', { sequence: 1, maxTimestamp: 9, bytes: 100 }), 1);

export type Case = readonly [what: string, history: History];
