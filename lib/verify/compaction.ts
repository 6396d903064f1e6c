import { describe } from './describe.ts';
import type { Fetch, FetchOutcome } from './history.ts';
import type { Partition, SentRecord, Sighting } from './partition.ts';
import type { Check } from './property.ts';

/** Offsets that were read, and what was there. */
interface Read {
  readonly by: Sighting;
  readonly invokedAtMs: number;
  readonly returnedAtMs: number;
  readonly from: number;
  readonly to: number;
  readonly shown: ReadonlySet<number>;
}

/**
 * A read misses only records that compaction may have taken by then. Of what was acknowledged, and of what is left of a batch,
 * other properties say so of the end.
 */
export const compactionTakesWhatItMay: Check = (partition, violation) => {
  if (partition.compactions.length === 0) return 0;
  let checked = 0;
  for (const read of readsOf(partition)) {
    for (const record of missingFrom(read, partition)) {
      const { value, batch, offset, seenIn } = record;
      const isForOthers = batch?.acknowledgedBy !== undefined || seenIn === undefined;
      if (batch === undefined || (read.by === 'final' && isForOthers)) continue;
      checked++;
      if (isTakenBy(record, read)) continue;
      violation(`'${value}' is not at ${offset} in ${describe(read.by)}, but had to stay`);
    }
  }
  return checked;
};

/**
 * What compaction took, no later read shows; and when all later records of a key are known to be gone, no read shows one from
 * before.
 *
 * Two runs that are at work at once may know of other rows each: then one may put back what the other took, while the later
 * record is there for which it was taken.
 */
export const takenDoesNotComeBack: Check = (partition, violation) => {
  const { compactions, seen } = partition;
  if (compactions.length === 0) return 0;
  const reads = readsOf(partition);
  const goneBefore = taken(reads, partition);
  const isStrict = whileOneAtATime(partition);
  let checked = 0;
  for (const view of viewsOf(reads)) {
    for (const read of view) {
      for (const offset of read.shown) {
        const record = seen.get(offset);
        if (record?.offset !== offset) continue;
        checked++;
        const missedBy = isStrict(read) ? goneBefore(record, read) : undefined;
        const later =
          missedBy === undefined ? leftWithout(record, read, view, partition, goneBefore) : undefined;
        if (missedBy !== undefined) {
          violation(`${at(record)} in ${describe(read.by)}, was gone in ${describe(missedBy)}`);
        } else if (later !== undefined) {
          const by = describe(goneBefore(later, read)!);
          violation(
            `${at(record)} in ${describe(read.by)}, though ${at(later)}, which came after it, was gone in ${by}`,
          );
        }
      }
    }
  }
  return checked;
};

type GoneBefore = (record: SentRecord, read: Read) => Sighting | undefined;

/** Tells who had missed a record, that compaction may have taken, before a read began. */
function taken(reads: readonly Read[], partition: Partition): GoneBefore {
  const gone = new Map<SentRecord, Read>();
  for (const read of reads) {
    for (const record of missingFrom(read, partition)) {
      if (!isTakenBy(record, read)) continue;
      const before = gone.get(record);
      if (before === undefined || read.returnedAtMs < before.returnedAtMs) gone.set(record, read);
    }
  }
  return (record, { by, invokedAtMs }) => {
    const missing = gone.get(record);
    return missing !== undefined && (by === 'final' || missing.returnedAtMs < invokedAtMs)
      ? missing.by
      : undefined;
  };
}

/** A later record of the same key that was gone before, when no other is, or may be, there. */
function leftWithout(
  record: SentRecord,
  read: Read,
  view: readonly Read[],
  { byKey }: Partition,
  goneBefore: GoneBefore,
): SentRecord | undefined {
  const ofItsKey = byKey.get(record.key?.key ?? '') ?? [];
  const later = ofItsKey.filter((other) => other.offset === -1 || other.offset > record.offset);
  const isThere = later.some(({ offset, batch }) => {
    if (batch!.invokedAtMs === Infinity || batch!.invokedAtMs > read.returnedAtMs) return false;
    return offset === -1 || offset >= view.at(-1)!.to || view.some(({ shown }) => shown.has(offset));
  });
  return isThere ? undefined : later.find((other) => goneBefore(other, read) !== undefined);
}

function isTakenBy({ takenFromMs }: SentRecord, { returnedAtMs }: Read): boolean {
  return takenFromMs < Infinity && takenFromMs <= returnedAtMs;
}

function at({ value, offset }: SentRecord): string {
  return `'${value}' at ${offset}`;
}

/** Until when no two runs of compaction were at work at once. */
function whileOneAtATime({ compactions }: Partition): (read: Read) => boolean {
  let untilMs = Infinity;
  let busyUntilMs = -Infinity;
  for (const { invokedAtMs, returnedAtMs } of [...compactions].sort(
    (a, b) => a.invokedAtMs - b.invokedAtMs,
  )) {
    if (invokedAtMs <= busyUntilMs) untilMs = Math.min(untilMs, invokedAtMs);
    busyUntilMs = Math.max(busyUntilMs, returnedAtMs);
  }
  return ({ returnedAtMs }) => untilMs === Infinity || returnedAtMs < untilMs;
}

function readsOf({ fetches, final }: Partition): Read[] {
  const reads: Read[] = [];
  for (const by of fetches) {
    if (by.outcome.is === 'ok') reads.push(readBy(by, by.outcome));
  }
  if (final === undefined) return reads;
  const { logStartOffset: from, highWatermark: to, records } = final;
  const shown = new Set(records.map(([offset]) => offset));
  return [...reads, { by: 'final', invokedAtMs: Infinity, returnedAtMs: Infinity, from, to, shown }];
}

function readBy(by: Fetch, { records, nextOffset: to }: Extract<FetchOutcome, { is: 'ok' }>): Read {
  const { invokedAtMs, returnedAtMs, offset: from } = by;
  return { by, invokedAtMs, returnedAtMs, from, to, shown: new Set(records.map(([offset]) => offset)) };
}

function* missingFrom({ from, to, shown }: Read, { seen }: Partition): Generator<SentRecord> {
  for (let offset = from; offset < to; offset++) {
    const record = seen.get(offset);
    if (record?.offset === offset && !shown.has(offset)) yield record;
  }
}

/** Polls that follow one another, as what one reader has seen; other reads one by one. */
function viewsOf(reads: readonly Read[]): Read[][] {
  const views: Read[][] = [];
  const latest = new Map<string, Read[]>();
  for (const read of [...reads].sort((a, b) => (a.invokedAtMs < b.invokedAtMs ? -1 : 1))) {
    const consumer = read.by === 'final' || read.by.kind !== 'fetch' ? undefined : read.by.consumer;
    const before = consumer === undefined ? undefined : latest.get(consumer);
    if (before !== undefined && before.at(-1)!.to === read.from) {
      before.push(read);
      continue;
    }
    const view = [read];
    views.push(view);
    if (consumer !== undefined) latest.set(consumer, view);
  }
  return views;
}
