import type { History, Operation, SentBatch } from '../../lib/verify/history.ts';
import {
  added,
  type Corruption,
  chosen,
  finalOf,
  LATER_MS,
  polls,
  replaced,
  withFinal,
} from './corruptions.ts';
import { append, compaction, keyed, read } from './support.ts';

interface Sent {
  readonly value: string;
  readonly key: string;
  readonly isTombstone: boolean;
  readonly batch: SentBatch;
  /** That of an acknowledgement, or of a read; -1 if there is none. */
  readonly offset: number;
  readonly acknowledged: boolean;
}

/** All that was sent and may be there. */
function sentIn(history: History): Sent[] {
  const sent = new Map<string, Sent>();
  const seen = new Map(
    [...polls(history).flatMap(({ outcome }) => outcome.records), ...finalOf(history).records].map(
      ([offset, value]) => [value, offset],
    ),
  );
  for (const { kind, outcome, ...some } of history.operations) {
    if (kind !== 'append' || outcome.is === 'failed') continue;
    const [batch] = (some as Extract<Operation, { kind: 'append' }>).batches as [SentBatch];
    for (const [i, value] of batch.values.entries()) {
      const acknowledged = outcome.is === 'ok' || sent.get(value)?.acknowledged === true;
      const at = outcome.is === 'ok' && 'offsets' in outcome ? outcome.offsets[0]! + i : undefined;
      const offset = at ?? sent.get(value)?.offset ?? seen.get(value) ?? -1;
      sent.set(value, { value, ...batch.keys![i]!, batch, offset, acknowledged });
    }
  }
  return [...sent.values()];
}

/** Of its key, nothing else can be later. */
function isLast(record: Sent, all: readonly Sent[]): boolean {
  return all.every(
    ({ key, offset, value }) =>
      key !== record.key || value === record.value || (offset !== -1 && offset < record.offset),
  );
}

const VALUE = 'z=1';

/** A key more, whose value and tombstone came last, and are gone. The value was at the offset that is given. */
function withDeletedKey(history: History): { deleted: History; offset: number } {
  const { highWatermark: offset } = finalOf(history);
  const at = (nth: number): [number, number] => [LATER_MS + 10 * nth, LATER_MS + 10 * nth + 5];
  const operations = [
    ...history.operations,
    append(at(0), keyed(VALUE), offset),
    append(at(1), keyed('z-1'), offset + 1),
    compaction(at(2)),
    compaction(at(3)),
    read(at(4), [offset, offset + 2], ''),
  ];
  return { deleted: withFinal({ ...history, operations }, { highWatermark: offset + 2 }), offset };
}

export const compactedCorruptions: Readonly<Record<string, Corruption>> = {
  'the last record of a key is dropped': (history, pick) => {
    const { records } = finalOf(history);
    const there = new Set(records.map(([, value]) => value));
    const all = sentIn(history);
    const last = chosen(
      all.filter(
        (record) =>
          record.acknowledged && !record.isTombstone && there.has(record.value) && isLast(record, all),
      ),
      pick,
    );
    if (last === undefined) return undefined;
    return {
      history: withFinal(history, { records: records.filter(([, value]) => value !== last.value) }),
      property: 'no acknowledged record is lost',
    };
  },
  'a fetch leaves out the last record of a key': (history, pick) => {
    const all = sentIn(history);
    const last = new Set(
      all.filter((record) => !record.isTombstone && isLast(record, all)).map(({ value }) => value),
    );
    const fetch = chosen(
      polls(history).filter(({ outcome }) => outcome.records.some(([, value]) => last.has(value))),
      pick,
    );
    if (fetch === undefined) return undefined;
    const records = fetch.outcome.records.filter(([, value]) => !last.has(value));
    const changed = { ...fetch, outcome: { ...fetch.outcome, records } };
    // Of what was deleted, and not acknowledged, this may be the only sight.
    if (fetch.offset < finalOf(history).logStartOffset) return undefined;
    return { history: replaced(history, fetch, [changed]), property: 'compaction takes only what it may' };
  },
  'a fetch comes no further': (history, pick) => {
    const fetch = chosen(polls(history), pick);
    if (fetch === undefined) return undefined;
    const changed = { ...fetch, outcome: { ...fetch.outcome, records: [], nextOffset: fetch.offset } };
    return {
      history: replaced(history, fetch, [changed]),
      property: 'a fetch below the high watermark brings records',
    };
  },
  'compaction had not begun when records were missing': (history, pick) => {
    const known = new Set(
      sentIn(history)
        .filter(({ acknowledged }) => acknowledged)
        .map(({ offset }) => offset),
    );
    const missesSome = polls(history).some(({ offset, outcome }) => {
      const shown = new Set(outcome.records.map(([at]) => at));
      return [...known].some((at) => at >= offset && at < outcome.nextOffset && !shown.has(at));
    });
    if (!missesSome || pick(1) > 0) return undefined;
    const operations = history.operations.map((some) =>
      some.kind === 'compact' ? { ...some, invokedAtMs: LATER_MS, returnedAtMs: LATER_MS } : some,
    );
    return { history: { ...history, operations }, property: 'compaction takes only what it may' };
  },
  'a value is there again whose tombstone had gone': (history) => {
    const { deleted, offset } = withDeletedKey(history);
    const late = read([2 * LATER_MS, 2 * LATER_MS + 5], [offset, offset + 2], `${offset}:${VALUE}`);
    return { history: added(deleted, late), property: 'what compaction took does not come back' };
  },
  'a value is there at the end whose tombstone has gone': (history) => {
    const { deleted, offset } = withDeletedKey(history);
    const records = [...finalOf(deleted).records, [offset, VALUE] as const];
    return { history: withFinal(deleted, { records }), property: 'what compaction took does not come back' };
  },
  'what is left moves up': (history, pick) => {
    const { records, logStartOffset } = finalOf(history);
    const moved = sentIn(history).filter(({ acknowledged, value, offset }) => {
      const nth = records.findIndex(([, other]) => other === value);
      return acknowledged && nth >= 0 && logStartOffset + nth !== offset;
    });
    const record = chosen(moved, pick);
    if (record === undefined) return undefined;
    return {
      history: withFinal(history, {
        records: records.map(([, value], i) => [logStartOffset + i, value] as const),
      }),
      property: record.batch.idempotent ? 'an idempotent batch is there once' : 'no record is at two offsets',
    };
  },
};
