import { observationsOf } from './bounds.ts';
import { describe } from './describe.ts';
import type { Fetch, FetchOutcome, PartitionId } from './history.ts';
import type { Partition } from './partition.ts';
import type { Check } from './property.ts';

type Records = readonly (readonly [number, string])[];

/**
 * A fetch shows every offset from the one asked for, which is not below the log start, or none; at the end all are there
 * from log start to high watermark. With compaction some may be missing: whether they may, is for other properties to say.
 */
export const offsetsAreContiguous: Check = (partition, violation) => {
  const { fetches, final } = partition;
  const mayMiss = gapsOf(partition);
  let checked = 0;
  for (const fetch of fetches) {
    const { outcome } = fetch;
    if (outcome.is !== 'ok') continue;
    checked++;
    const wrong =
      gap(outcome.records, fetch.offset, outcome.nextOffset, mayMiss) ?? beyondBounds(fetch.offset, outcome);
    if (wrong !== undefined) violation(`${wrong}: ${describe(fetch)}`);
  }
  if (final !== undefined) {
    checked++;
    const wrong = gap(final.records, final.logStartOffset, final.highWatermark, mayMiss);
    if (wrong !== undefined) violation(`${wrong}: ${describe('final')}`);
  }
  return checked;
};

/** Offsets at which there was a record, as far as can be known: some of those that nobody ever saw may have been anywhere. */
function gapsOf({ compactions, seen, batches }: Partition): (offset: number) => boolean {
  if (compactions.length === 0) return () => false;
  const unseen = batches
    .filter(({ records, invokedAtMs }) => records[0]!.offset === -1 && invokedAtMs !== Infinity)
    .reduce((sum, { records }) => sum + records.length, 0);
  const holes = new Set<number>();
  return (offset) => seen.has(offset) || holes.has(offset) || holes.add(offset).size <= unseen;
}

function beyondBounds(
  offset: number,
  { nextOffset, logStartOffset, highWatermark }: Extract<FetchOutcome, { is: 'ok' }>,
): string | undefined {
  if (offset < logStartOffset) return `answered from below the log start ${logStartOffset}`;
  if (nextOffset === offset || nextOffset <= highWatermark) return undefined;
  return `what was read up to ${nextOffset} is beyond the high watermark ${highWatermark}`;
}

function gap(
  records: Records,
  from: number,
  to: number,
  mayMiss: (offset: number) => boolean,
): string | undefined {
  let expected = from;
  const skipTo = (offset: number): void => {
    while (expected < offset && mayMiss(expected)) expected++;
  };
  for (const [offset, value] of records) {
    skipTo(offset);
    if (offset !== expected) return `'${value}' is at ${offset} where offset ${expected} should be`;
    expected++;
  }
  skipTo(to);
  return expected === to ? undefined : `records end at ${expected}, not at ${to}`;
}

/** Waiting for more is no reason to hold back what is there. Where all was compacted away, a fetch goes on behind it. */
export const fetchesBringRecords: Check = ({ fetches, compactions }, violation) => {
  let checked = 0;
  for (const fetch of fetches) {
    const { outcome, offset } = fetch;
    if (outcome.is !== 'ok' || offset < outcome.logStartOffset || offset >= outcome.highWatermark) continue;
    checked++;
    if (outcome.records.length > 0 || (compactions.length > 0 && outcome.nextOffset > offset)) continue;
    violation(`no record, though the high watermark is ${outcome.highWatermark}: ${describe(fetch)}`);
  }
  return checked;
};

/** A poll begins where the one before ended. A reset may go back, but forward only to a log start that somebody saw. */
export const pollsAreConsecutive: Check = (partition, violation) => {
  const consumers = new Map<PartitionId, Fetch[]>();
  for (const fetch of partition.fetches) {
    if (fetch.consumer === undefined) continue;
    const polls = consumers.get(fetch.consumer);
    if (polls === undefined) consumers.set(fetch.consumer, [fetch]);
    else polls.push(fetch);
  }
  if (consumers.size === 0) return 0;
  let logStartOffset = 0;
  for (const seen of observationsOf(partition, 'logStartOffset')) {
    if (seen.value > logStartOffset) logStartOffset = seen.value;
  }
  let checked = 0;
  for (const polls of consumers.values()) {
    checked += polls.length;
    checkPolls(
      polls.sort((a, b) => a.invokedAtMs - b.invokedAtMs),
      logStartOffset,
      violation,
    );
  }
  return checked;
};

function checkPolls(
  polls: readonly Fetch[],
  logStartOffset: number,
  violation: (line: string) => void,
): void {
  let expected: number | undefined;
  let before: Fetch | undefined;
  for (const poll of polls) {
    const { offset, reset, outcome } = poll;
    const right =
      expected === undefined ||
      offset === expected ||
      (reset === true && (offset < expected || offset <= logStartOffset));
    if (!right) {
      const how = offset > expected! ? 'skips' : 'repeats';
      violation(`${describe(poll)} ${how} what follows from offset ${expected} on: ${describe(before!)}`);
    }
    expected = outcome.is === 'ok' ? outcome.nextOffset : offset;
    before = poll;
  }
}
