import { describe } from './describe.ts';
import type { Partition, Sighting } from './partition.ts';
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
  const { appends, fetches, bounds, deletions, final } = partition;
  for (const by of [...fetches, ...bounds]) if (by.outcome.is === 'ok') yield seenBy(by, by.outcome[bound]);
  if (bound === 'logStartOffset') {
    for (const by of [...appends, ...deletions]) {
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

/** Log start is moved by DeleteRecords alone: never further than somebody has asked for, and at least so far once it is done. */
export const logStartFollowsDeletions: Check = (partition, violation) => {
  let checked = 0;
  const asked = partition.deletions
    .filter(({ outcome }) => outcome.is !== 'failed')
    .sort((a, b) => a.invokedAtMs - b.invokedAtMs);
  let next = 0;
  let furthest = 0;
  const observations = [...observationsOf(partition, 'logStartOffset')];
  for (const { value, by, returnedAtMs } of observations.sort((a, b) =>
    compare(a.returnedAtMs, b.returnedAtMs),
  )) {
    for (; next < asked.length && asked[next]!.invokedAtMs <= returnedAtMs; next++) {
      furthest = Math.max(furthest, askedFor(asked[next]!.beforeOffset));
    }
    checked++;
    if (value > furthest) {
      violation(`log start is ${value} in ${describe(by)}, but nobody had asked for more than ${furthest}`);
    }
  }
  for (const deletion of asked) {
    const { outcome, beforeOffset } = deletion;
    if (outcome.is !== 'ok' || outcome.logStartOffset >= beforeOffset) continue;
    violation(`log start is ${outcome.logStartOffset} after ${describe(deletion)}`);
  }
  return checked;
};

/** -1 stands for the high watermark, as in Kafka. */
function askedFor(beforeOffset: number): number {
  return beforeOffset < 0 ? Infinity : beforeOffset;
}
