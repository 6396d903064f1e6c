import type { FinalPartition, History, Operation, SentBatch } from '../../lib/verify/history.ts';
import { P } from './support.ts';

type Ok<T extends Operation> = T & { readonly outcome: Extract<T['outcome'], { is: 'ok' }> };

/** Makes one thing wrong, at a place that `pick` chooses, and says which property must speak; `undefined`: there is no such place. */
export type Corruption = (history: History, pick: (length: number) => number) => Corrupted | undefined;

interface Corrupted {
  readonly history: History;
  readonly property: string;
}

export const LATER_MS = 1e6;

const acks = (history: History) => oks(history, 'append');
export const polls = (history: History) =>
  oks(history, 'fetch').filter(({ outcome }) => outcome.records.length > 0);
export const finalOf = (history: History): FinalPartition => history.final.get(P)!;

function oks<K extends Operation['kind']>(
  { operations }: History,
  kind: K,
): Ok<Extract<Operation, { kind: K }>>[] {
  return operations.filter((some) => some.kind === kind && some.outcome.is === 'ok') as never;
}

export const chosen = <T>(from: readonly T[], pick: (length: number) => number): T | undefined =>
  from.length === 0 ? undefined : from[pick(from.length)];

export const withFinal = (history: History, final: Partial<FinalPartition>): History => ({
  ...history,
  final: new Map([[P, { ...finalOf(history), ...final }]]),
});

const withRecords = (history: History, values: readonly string[]): History => {
  const { logStartOffset } = finalOf(history);
  const records = values.map((value, i) => [logStartOffset + i, value] as const);
  return withFinal(history, { records, highWatermark: logStartOffset + values.length });
};

export const replaced = (history: History, old: Operation, by: readonly Operation[]): History => ({
  ...history,
  operations: history.operations.flatMap((some) => (some === old ? by : [some])),
});

export const added = (history: History, some: Operation): History => ({
  ...history,
  operations: [...history.operations, some],
});

/** Acknowledged, and not deleted since. */
function acknowledgedThere(history: History): number[] {
  const { logStartOffset } = finalOf(history);
  const there = acks(history).flatMap(({ batches, outcome }) =>
    batches[0]!.values.map((_, i) => outcome.offsets[0]! + i - logStartOffset),
  );
  return [...new Set(there)].filter((at) => at >= 0);
}

function bounds(logStartOffset: number, highWatermark: number): Operation {
  const outcome = { is: 'ok', logStartOffset, highWatermark } as const;
  return { kind: 'bounds', partition: P, invokedAtMs: LATER_MS, returnedAtMs: LATER_MS, outcome };
}

export const corruptions: Readonly<Record<string, Corruption>> = {
  'an acknowledged record is dropped, and the others move up': (history, pick) => {
    const at = chosen(acknowledgedThere(history), pick);
    const values = finalOf(history).records.map(([, value]) => value);
    if (at === undefined) return undefined;
    return {
      history: withRecords(history, values.toSpliced(at, 1)),
      property: 'no acknowledged record is lost',
    };
  },
  'an acknowledged record is dropped, and leaves a gap': (history, pick) => {
    const at = chosen(acknowledgedThere(history), pick);
    if (at === undefined) return undefined;
    const records = finalOf(history).records.toSpliced(at, 1);
    return { history: withFinal(history, { records }), property: 'offsets are contiguous' };
  },
  'an acknowledged record changes places with another': (history, pick) => {
    const at = chosen(acknowledgedThere(history), pick);
    const values = finalOf(history).records.map(([, value]) => value);
    if (at === undefined || values.length < 2) return undefined;
    const other = (at + 1 + pick(values.length - 1)) % values.length;
    const swapped = values.with(at, values[other]!).with(other, values[at]!);
    return { history: withRecords(history, swapped), property: 'an offset holds one record for ever' };
  },
  'a record is there once more': (history, pick) => {
    const values = finalOf(history).records.map(([, value]) => value);
    const value = chosen(values, pick);
    if (value === undefined) return undefined;
    const sent = history.operations.flatMap((some) => (some.kind === 'append' ? some.batches : []));
    const { idempotent } = sent.find(({ values }) => values.includes(value))!;
    const property = idempotent ? 'an idempotent batch is there once' : 'no record is at two offsets';
    return { history: withRecords(history, [...values, value]), property };
  },
  'a record is another one': (history, pick) => {
    const values = finalOf(history).records.map(([, value]) => value);
    if (values.length === 0) return undefined;
    const changed = values.with(pick(values.length), 'ghost');
    return { history: withRecords(history, changed), property: 'no record appears that nobody sent' };
  },
  'an acknowledgement gives another offset': (history, pick) => {
    const ack = chosen(acks(history), pick);
    if (ack === undefined) return undefined;
    const { logStartOffset } = finalOf(history);
    const offset = ack.outcome.offsets[0]!;
    // Of what was deleted nobody may have seen the offset but this acknowledgement.
    if (offset < logStartOffset) return undefined;
    const outcome = { ...ack.outcome, offsets: [offset + 1] };
    const property = ack.batches[0]!.idempotent
      ? 'an idempotent batch is there once'
      : 'no record is at two offsets';
    return { history: replaced(history, ack, [{ ...ack, outcome }]), property };
  },
  'an append that landed is told to have failed': (history, pick) => {
    const batches = new Map<SentBatch, number>();
    for (const some of history.operations) {
      if (some.kind === 'append') batches.set(some.batches[0]!, (batches.get(some.batches[0]!) ?? 0) + 1);
    }
    const { logStartOffset } = finalOf(history);
    const ack = chosen(
      acks(history).filter((some) => {
        return batches.get(some.batches[0]!) === 1 && some.outcome.offsets[0]! >= logStartOffset;
      }),
      pick,
    );
    if (ack === undefined) return undefined;
    const failed = { ...ack, outcome: { is: 'failed' } } as const;
    return { history: replaced(history, ack, [failed]), property: 'no record of a failed append is visible' };
  },
  'a fetch leaves a record out': (history, pick) => {
    const fetch = chosen(polls(history), pick);
    if (fetch === undefined) return undefined;
    const records = fetch.outcome.records.toSpliced(pick(fetch.outcome.records.length), 1);
    const changed = { ...fetch, outcome: { ...fetch.outcome, records } };
    return { history: replaced(history, fetch, [changed]), property: 'offsets are contiguous' };
  },
  'a fetch brings nothing': (history, pick) => {
    const fetch = chosen(polls(history), pick);
    if (fetch === undefined) return undefined;
    const changed = { ...fetch, outcome: { ...fetch.outcome, records: [], nextOffset: fetch.offset } };
    return {
      history: replaced(history, fetch, [changed]),
      property: 'a fetch below the high watermark brings records',
    };
  },
  'a fetch has its records in another order': (history, pick) => {
    const fetch = chosen(
      polls(history).filter(({ outcome }) => outcome.records.length > 1),
      pick,
    );
    if (fetch === undefined) return undefined;
    const changed = { ...fetch, outcome: { ...fetch.outcome, records: fetch.outcome.records.toReversed() } };
    return { history: replaced(history, fetch, [changed]), property: 'offsets are contiguous' };
  },
  'a fetch shows the records of other offsets': (history, pick) => {
    const fetch = chosen(
      polls(history).filter(({ outcome }) => outcome.records.length > 1),
      pick,
    );
    if (fetch === undefined) return undefined;
    const { records } = fetch.outcome;
    const turned = records.map(([offset], i) => [offset, records[(i + 1) % records.length]![1]] as const);
    // Of what was deleted, and not acknowledged, this may be the only sight.
    if (records[0]![0] < finalOf(history).logStartOffset) return undefined;
    const changed = { ...fetch, outcome: { ...fetch.outcome, records: turned } };
    return { history: replaced(history, fetch, [changed]), property: 'an offset holds one record for ever' };
  },
  'a poll is left out': (history, pick) => {
    const all = polls(history);
    const followed = all.filter((poll) => {
      const next = nextPoll(history, poll);
      return next !== undefined && next.reset !== true;
    });
    const first = (poll: (typeof all)[number]) =>
      !history.operations.some(
        (some) =>
          some.kind === 'fetch' && some.consumer === poll.consumer && some.invokedAtMs < poll.invokedAtMs,
      );
    // What comes before the first poll is the consumer's affair.
    const poll = chosen(
      followed.filter((some) => !first(some)),
      pick,
    );
    if (poll === undefined) return undefined;
    return { history: replaced(history, poll, []), property: "a consumer's polls skip and repeat nothing" };
  },
  'a poll is done twice': (history, pick) => {
    const poll = chosen(polls(history), pick);
    if (poll === undefined) return undefined;
    const again = { ...poll, reset: false };
    return {
      history: replaced(history, poll, [poll, again]),
      property: "a consumer's polls skip and repeat nothing",
    };
  },
  'the high watermark falls': (history, pick) => {
    const { highWatermark, logStartOffset } = finalOf(history);
    if (highWatermark === 0) return undefined;
    const before = added(history, {
      ...bounds(logStartOffset, highWatermark),
      invokedAtMs: LATER_MS - 2,
      returnedAtMs: LATER_MS - 1,
    });
    return {
      history: added(before, bounds(logStartOffset, pick(highWatermark))),
      property: 'log start and high watermark never go back',
    };
  },
  'log start falls': (history, pick) => {
    const { highWatermark, logStartOffset } = finalOf(history);
    if (oks(history, 'deleteRecords').length === 0 || logStartOffset === 0) return undefined;
    return {
      history: added(history, bounds(pick(logStartOffset), highWatermark)),
      property: 'log start and high watermark never go back',
    };
  },
  'log start is further than anybody asked': (history, pick) => {
    const { highWatermark, logStartOffset } = finalOf(history);
    return {
      history: added(history, bounds(logStartOffset + 1 + pick(5), highWatermark)),
      property: 'log start follows DeleteRecords and retention',
    };
  },
  'a late read does not see an acknowledged append': (history, pick) => {
    const ack = chosen(acks(history), pick);
    if (ack === undefined) return undefined;
    const { logStartOffset } = finalOf(history);
    return {
      history: added(history, bounds(logStartOffset, ack.outcome.offsets[0]!)),
      property: 'append, read and tail are linearizable',
    };
  },
  'a read saw what was not yet sent': (history, pick) => {
    const ack = chosen(
      acks(history).filter(({ invokedAtMs }) => invokedAtMs > 0),
      pick,
    );
    if (ack === undefined) return undefined;
    const [batch] = ack.batches;
    const firstSentAtMs = Math.min(
      ...history.operations.flatMap((some) =>
        some.kind === 'append' && some.batches[0] === batch ? [some.invokedAtMs] : [],
      ),
    );
    if (firstSentAtMs === 0) return undefined;
    const end = ack.outcome.offsets[0]! + batch!.values.length;
    return {
      history: added(history, { ...bounds(0, end), invokedAtMs: 0, returnedAtMs: firstSentAtMs - 1 }),
      property: 'append, read and tail are linearizable',
    };
  },
  'a batch is cut': (history, pick) => {
    const values = finalOf(history).records.map(([, value]) => value);
    const whole = history.operations.flatMap((some) =>
      some.kind === 'append' &&
      some.batches[0]!.values.length > 1 &&
      some.batches[0]!.values.every((value) => values.includes(value))
        ? some.batches
        : [],
    );
    const batch = chosen(whole, pick);
    if (batch === undefined) return undefined;
    const at = values.indexOf(batch.values[0]!) + 1 + pick(batch.values.length - 1);
    return { history: withRecords(history, values.toSpliced(at, 1)), property: 'a batch is there whole' };
  },
  'idempotent batches change places': (history, pick) => {
    const values = finalOf(history).records.map(([, value]) => value);
    const there = new Set<SentBatch>();
    for (const some of history.operations) {
      const batch = some.kind === 'append' ? some.batches[0]! : undefined;
      if (batch?.idempotent && values.includes(batch.values[0]!)) there.add(batch);
    }
    const first = chosen([...there], pick);
    const second = [...there].find(
      (some) => some.producer === first?.producer && some.sequence > first.sequence,
    );
    if (first === undefined || second === undefined) return undefined;
    // Seen nowhere else, it would be but another history.
    const others = values.filter((value) => !first.values.includes(value) && !second.values.includes(value));
    const where = others.length;
    return {
      history: withRecords(history, others.toSpliced(where, 0, ...second.values, ...first.values)),
      property: "a producer's records are in order",
    };
  },
};

function nextPoll(
  history: History,
  poll: Operation & { kind: 'fetch' },
): (Operation & { kind: 'fetch' }) | undefined {
  return oks(history, 'fetch')
    .filter((some) => some.consumer === poll.consumer && some.invokedAtMs > poll.invokedAtMs)
    .sort((a, b) => a.invokedAtMs - b.invokedAtMs)[0];
}
