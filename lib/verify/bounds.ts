import { describe, some } from './describe.ts';
import type { DeleteRecords, Retain } from './history.ts';
import type { Batch, Partition, Sighting } from './partition.ts';
import type { Check } from './property.ts';

type Bound = 'logStartOffset' | 'highWatermark';

interface Observation {
  readonly value: number;
  readonly by: Sighting;
  readonly invokedAtMs: number;
  readonly returnedAtMs: number;
}

/** Whoever was told of a log start offset or high watermark. Acknowledgements tell of a log start only. */
export function* observationsOf(partition: Partition, bound: Bound): Generator<Observation> {
  const { appends, fetches, bounds, deletions, retentions, final } = partition;
  for (const by of [...fetches, ...bounds]) if (by.outcome.is === 'ok') yield seenBy(by, by.outcome[bound]);
  if (bound === 'logStartOffset') {
    for (const by of [...appends, ...deletions, ...retentions]) {
      const value = by.outcome.is === 'ok' ? by.outcome.logStartOffset : undefined;
      if (value !== undefined) yield seenBy(by, value);
    }
  }
  if (final !== undefined) {
    yield { value: final[bound], by: 'final', invokedAtMs: Infinity, returnedAtMs: Infinity };
  }
}

function seenBy(by: Exclude<Sighting, 'final'>, value: number): Observation {
  return { value, by, invokedAtMs: by.invokedAtMs, returnedAtMs: by.returnedAtMs };
}

export const boundsNeverGoBack: Check = (partition, violation) => {
  return (
    neverGoesBack('log start', [...observationsOf(partition, 'logStartOffset')], violation) +
    neverGoesBack('high watermark', [...observationsOf(partition, 'highWatermark')], violation)
  );
};

/** What was told before an observation began is a lower bound of it. */
function neverGoesBack(name: string, observations: Observation[], violation: (line: string) => void): number {
  const byReturn = [...observations].sort((a, b) => compare(a.returnedAtMs, b.returnedAtMs));
  let told = 0;
  let greatest: Observation | undefined;
  for (const seen of observations.sort((a, b) => compare(a.invokedAtMs, b.invokedAtMs))) {
    for (; told < byReturn.length && byReturn[told]!.returnedAtMs < seen.invokedAtMs; told++) {
      if (greatest === undefined || byReturn[told]!.value > greatest.value) greatest = byReturn[told]!;
    }
    if (greatest !== undefined && seen.value < greatest.value) {
      violation(
        `${name} is ${seen.value} in ${describe(seen.by)}, after ${greatest.value} in ${describe(greatest.by)}`,
      );
    }
  }
  return observations.length;
}

/** Infinity is no later than Infinity; their difference would be no number. */
export function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Log start is moved by DeleteRecords and by retention: never further than somebody has asked for or retention takes, and at
 * least so far once it is done.
 */
export const logStartFollows: Check = (partition, violation) => {
  let checked = 0;
  const asked = landed(partition.deletions);
  const runs = landed(partition.retentions);
  let nextAsked = 0;
  let nextRun = 0;
  const retention = { expiredBefore: -Infinity, keptBytes: Infinity };
  let furthest = 0;
  const observations = [...observationsOf(partition, 'logStartOffset')];
  for (const { value, by, returnedAtMs } of observations.sort((a, b) =>
    compare(a.returnedAtMs, b.returnedAtMs),
  )) {
    for (; nextAsked < asked.length && asked[nextAsked]!.invokedAtMs <= returnedAtMs; nextAsked++) {
      furthest = Math.max(furthest, askedFor(asked[nextAsked]!.beforeOffset));
    }
    for (; nextRun < runs.length && runs[nextRun]!.invokedAtMs <= returnedAtMs; nextRun++) {
      const { expiredBefore, keptBytes } = runs[nextRun]!;
      retention.expiredBefore = Math.max(retention.expiredBefore, expiredBefore);
      retention.keptBytes = Math.min(retention.keptBytes, keptBytes);
    }
    checked++;
    if (nextRun > 0) {
      while (furthest < value && mayGo(partition, furthest, retention, returnedAtMs)) furthest++;
    }
    if (value > furthest) {
      violation(`log start is ${value} in ${describe(by)}, but nobody had asked for more than ${furthest}`);
    }
  }
  for (const deletion of asked) {
    const { outcome, beforeOffset } = deletion;
    if (outcome.is !== 'ok' || outcome.logStartOffset >= beforeOffset) continue;
    violation(`log start is ${outcome.logStartOffset} after ${describe(deletion)}`);
  }
  for (const run of runs) {
    if (run.outcome.is !== 'ok') continue;
    const left = leftBy(run, run.outcome.logStartOffset, partition);
    if (left !== undefined) violation(`${describe(run)} left ${some(left.sent.values)}`);
  }
  return checked;
};

function landed<O extends DeleteRecords | Retain>(operations: readonly O[]): O[] {
  return operations
    .filter(({ outcome }) => outcome.is !== 'failed')
    .sort((a, b) => compare(a.invokedAtMs, b.invokedAtMs));
}

/** -1 stands for the high watermark, as in Kafka. */
function askedFor(beforeOffset: number): number {
  return beforeOffset < 0 ? Infinity : beforeOffset;
}

/** Of a record, when compaction says of its batch from when on its tombstones may go. */
const GROWTH_BYTES = 14;

/** Whether retention, up to some time, may have taken the record at an offset, when all before it were gone. */
function mayGo(
  { seen, batches, compactions }: Partition,
  offset: number,
  { expiredBefore, keptBytes }: Pick<Retain, 'expiredBefore' | 'keptBytes'>,
  untilMs: number,
): boolean {
  const record = seen.get(offset);
  // What nobody ever saw may have been of any time and size.
  if (record === undefined || timeOf(record.batch) < expiredBefore) return true;
  if (record.takenFromMs <= untilMs) return true;
  let bytes = 0;
  for (const { sent, records, invokedAtMs } of batches) {
    if (invokedAtMs > untilMs) continue;
    if (records.every((other) => other.offset <= offset && other.offset !== -1)) continue;
    bytes += sent.bytes ?? 0;
    if (compactions.length > 0) bytes += records.length * GROWTH_BYTES;
  }
  return bytes >= keptBytes;
}

/**
 * Of a run that takes everything, a batch that was there and is left. How slices are cut, a history does not tell, nor when
 * compaction has made one that has no record.
 */
function leftBy(run: Retain, logStartOffset: number, { batches, compactions }: Partition): Batch | undefined {
  const areOld = compactions.length === 0 && batches.every((batch) => timeOf(batch) < run.expiredBefore);
  const takesAll = run.keptBytes === 0 || areOld;
  if (!takesAll) return undefined;
  return batches.find(
    ({ returnedAtMs, acknowledgedAt, records }) =>
      returnedAtMs < run.invokedAtMs && acknowledgedAt + records.length > logStartOffset,
  );
}

function timeOf(batch: Batch | undefined): number {
  return batch?.sent.maxTimestamp ?? Infinity;
}
