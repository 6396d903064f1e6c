import fc from 'fast-check';
import type {
  AppendOutcome,
  FetchOutcome,
  History,
  Operation,
  SentBatch,
  SentKey,
} from '../../lib/verify/history.ts';
import { P } from './support.ts';

/** What a client does next. Times are relative: when it begins, how long until it takes place, until it is answered. */
interface Intent {
  readonly client: number;
  readonly kind: 'append' | 'again' | 'poll' | 'bounds' | 'delete' | 'compact';
  readonly size: number;
  readonly pauseMs: number;
  readonly untilEffectMs: number;
  readonly untilAnswerMs: number;
  /** `late`: it takes place long after the client has given up. */
  readonly fate: 'ok' | 'failed' | 'lost' | 'unanswered' | 'late';
}

const CLIENTS = 4;
const LATE_MS = 200;
const KEYS = [...'abcdefghijkl'];
const DELETE_RETENTION_MS = 5;

const intent = (...more: 'compact'[]): fc.Arbitrary<Intent> =>
  fc.record({
    client: fc.nat(CLIENTS - 1),
    kind: fc.constantFrom('append', 'append', 'again', 'poll', 'poll', 'bounds', 'delete', ...more),
    size: fc.integer({ min: 1, max: 4 }),
    pauseMs: fc.nat(5),
    untilEffectMs: fc.nat(20),
    untilAnswerMs: fc.nat(20),
    fate: fc.constantFrom('ok', 'ok', 'ok', 'failed', 'lost', 'unanswered', 'late'),
  });

/** Histories of a log that does nothing wrong, made by a log that is an array. */
export const correctHistory: fc.Arbitrary<History> = fc
  .array(intent(), { minLength: 5, maxLength: 80, size: 'max' })
  .map((intents) => historyOf(intents));

/** Of a log that is compacted. */
export const compactedHistory: fc.Arbitrary<History> = fc
  .tuple(
    fc.array(intent('compact', 'compact', 'compact'), { minLength: 40, maxLength: 80, size: 'max' }),
    fc.array(fc.record({ key: fc.constantFrom(...KEYS), isTombstone: fc.boolean() }), {
      minLength: 40,
      maxLength: 40,
      size: 'max',
    }),
  )
  .map(([intents, keys]) => historyOf(intents, keys));

interface Stored {
  readonly value: string;
  readonly key: SentKey | undefined;
  gone: boolean;
  /** From then on, compaction takes the tombstone. */
  horizonMs: number;
}

interface Step {
  readonly atMs: number;
  take(): void;
}

/** Clients act one after the other, each in its own time; what takes place is then done in the order of the times. */
function historyOf(intents: readonly Intent[], keys: readonly SentKey[] = []): History {
  const log: Stored[] = [];
  const offsets = new Map<SentBatch, number>();
  const operations: Operation[] = [];
  const steps: Step[] = [];
  const clients = Array.from({ length: CLIENTS }, (_, client) => ({
    nowMs: 0,
    sequence: 0,
    idempotent: client % 2 === 0,
    last: undefined as SentBatch | undefined,
    position: 0,
  }));
  let logStartOffset = 0;
  let values = 0;

  function appendTo(batch: SentBatch): number {
    const offset = (batch.idempotent ? offsets.get(batch) : undefined) ?? log.length;
    if (offset === log.length) {
      for (const [i, value] of batch.values.entries()) {
        log.push({ value, key: batch.keys?.[i], gone: false, horizonMs: Infinity });
      }
    }
    offsets.set(batch, offset);
    return offset;
  }

  function compact(atMs: number): void {
    const last = new Map(log.map(({ key }, offset) => [key?.key, offset]));
    for (const [offset, stored] of log.entries()) {
      const { key, horizonMs } = stored;
      if (offset < last.get(key?.key)! || horizonMs <= atMs) stored.gone = true;
      if (key?.isTombstone) stored.horizonMs = Math.min(horizonMs, atMs + DELETE_RETENTION_MS);
    }
  }

  /** `most` records, and all that are missing before and behind them. */
  function readFrom(offset: number, most: number): { records: [number, string][]; nextOffset: number } {
    const records: [number, string][] = [];
    let next = offset;
    for (; next < log.length && (records.length < most || log[next]!.gone); next++) {
      if (!log[next]!.gone) records.push([next, log[next]!.value]);
    }
    return { records, nextOffset: next };
  }

  for (const { client, kind, size, pauseMs, untilEffectMs, untilAnswerMs, fate } of intents) {
    const me = clients[client]!;
    const invokedAtMs = me.nowMs + pauseMs;
    const atMs = invokedAtMs + untilEffectMs;
    const returnedAtMs = atMs + untilAnswerMs;
    me.nowMs = returnedAtMs;
    const timed = { partition: P, invokedAtMs, returnedAtMs };
    switch (kind) {
      case 'append':
      case 'again': {
        const again = kind === 'again' && me.idempotent && me.last !== undefined;
        const batch = again
          ? me.last!
          : {
              values: Array.from({ length: size }, () => `v${values++}`),
              ...(keys.length > 0 && {
                keys: Array.from({ length: size }, (_, i) => keys[(values + i) % keys.length]!),
              }),
              producer: `p${client}`,
              sequence: me.sequence,
              idempotent: me.idempotent,
            };
        me.sequence += again ? 0 : size;
        me.last = batch;
        // Late copies of an idempotent producer are refused, since it has gone on: not a matter of this model.
        const lands = fate === 'ok' || fate === 'unanswered' || (fate === 'late' && !me.idempotent);
        const is = fate === 'ok' || fate === 'failed' ? fate : 'unknown';
        let outcome: AppendOutcome = is === 'ok' ? { is, offsets: [] } : { is };
        steps.push({
          atMs: fate === 'late' ? atMs + LATE_MS : atMs,
          take() {
            if (lands) {
              const offset = appendTo(batch);
              if (is === 'ok') outcome = { is, offsets: [offset], logStartOffset };
            }
            const end = is === 'unknown' ? Infinity : returnedAtMs;
            operations.push({ kind: 'append', ...timed, returnedAtMs: end, batches: [batch], outcome });
          },
        });
        break;
      }
      case 'poll':
        steps.push({
          atMs,
          take() {
            const reset = me.position < logStartOffset;
            const offset = reset ? logStartOffset : me.position;
            const { records, nextOffset } = readFrom(offset, size);
            const outcome: FetchOutcome = {
              is: 'ok',
              records,
              nextOffset,
              highWatermark: log.length,
              logStartOffset,
            };
            operations.push({ kind: 'fetch', ...timed, offset, consumer: `c${client}`, reset, outcome });
            me.position = nextOffset;
          },
        });
        break;
      case 'bounds':
        steps.push({
          atMs,
          take() {
            const outcome = { is: 'ok', highWatermark: log.length, logStartOffset } as const;
            operations.push({ kind: 'bounds', ...timed, outcome });
          },
        });
        break;
      case 'compact':
        steps.push({
          atMs,
          take() {
            compact(atMs);
            const configs = { minCompactionLagMs: 0, deleteRetentionMs: DELETE_RETENTION_MS, aheadMs: 0 };
            operations.push({ kind: 'compact', ...timed, ...configs, outcome: { is: 'ok' } });
          },
        });
        break;
      case 'delete':
        steps.push({
          atMs,
          take() {
            const beforeOffset = Math.min(log.length, logStartOffset + size);
            logStartOffset = beforeOffset;
            const outcome = { is: 'ok', logStartOffset } as const;
            operations.push({ kind: 'deleteRecords', ...timed, beforeOffset, outcome });
          },
        });
    }
  }
  for (const { take } of steps.sort((a, b) => a.atMs - b.atMs)) take();
  const { records } = readFrom(logStartOffset, log.length);
  return { operations, final: new Map([[P, { logStartOffset, highWatermark: log.length, records }]]) };
}
