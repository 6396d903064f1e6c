import { describe, some } from './describe.ts';
import type { Batch, Contradiction, Partition, SentRecord } from './partition.ts';
import type { Check } from './property.ts';
import { mayComeAfter } from './taken.ts';

/**
 * Each record of an acknowledged batch is there at the end, unless it was deleted, or compaction may have taken it. Where, is
 * for other properties to say.
 */
export const noneIsLost: Check = (partition, violation) => {
  const { batches, final } = partition;
  if (final === undefined) return 0;
  let checked = 0;
  for (const { acknowledgedBy, acknowledgedAt, records } of batches) {
    if (acknowledgedBy === undefined) continue;
    const deleted = Math.max(0, final.logStartOffset - acknowledgedAt);
    const lost = records.filter(
      (record, i) => i >= deleted && record.seenIn !== 'final' && !isReplaced(record, partition),
    );
    checked += Math.max(0, records.length - deleted);
    if (lost.length > 0) {
      const values = some(lost.map(({ value }) => value));
      violation(
        `${values}, acknowledged at ${acknowledgedAt} by ${describe(acknowledgedBy)}, is gone at the end`,
      );
    }
  }
  return checked;
};

/** Of what is not there at the end: a later record of its key is; or was, and was a tombstone. */
function isReplaced(record: SentRecord, { byKey }: Partition): boolean {
  if (record.takenFromMs === Infinity) return false;
  return byKey.get(record.key!.key)!.some((other) => {
    if (other !== record && !mayComeAfter(other, record)) return false;
    if (other.seenIn === 'final') return other !== record;
    return other.expiredFromMs < Infinity;
  });
}

export const noFailedIsVisible: Check = ({ batches }, violation) => {
  let checked = 0;
  for (const { records, attempts, invokedAtMs } of batches) {
    if (invokedAtMs !== Infinity) continue;
    checked++;
    const visible = records.find(({ seenIn }) => seenIn !== undefined);
    if (visible === undefined) continue;
    const { value, offset, seenIn } = visible;
    violation(
      `'${value}' is at ${offset} in ${describe(seenIn!)}, but of ${attempts.map(describe).join(', ')}`,
    );
  }
  return checked;
};

export const noneIsStrange: Check = ({ seen, strangers }, violation) => {
  for (const { value, offset, seenIn } of strangers) {
    violation(`'${value}' is at ${offset} in ${describe(seenIn!)}, and nobody sent it there`);
  }
  return seen.size;
};

export const offsetsHoldOneRecord: Check = ({ seen, contradictions }, violation) => {
  for (const { kind, offset, record, seenIn, before } of contradictions) {
    if (kind !== 'offset') continue;
    // `before` may have been seen elsewhere first; then that is a contradiction of its own.
    const where = before.offset === offset ? describe(before.seenIn!) : 'another answer';
    violation(
      `offset ${offset} holds '${record.value}' in ${describe(seenIn)}, and '${before.value}' in ${where}`,
    );
  }
  return seen.size;
};

export const recordsHaveOneOffset: Check = (partition, violation) => {
  reportTwice(partition, false, violation);
  const { batches, strangers } = partition;
  let checked = strangers.length;
  for (const { sent, records } of batches) {
    if (!sent.idempotent && records[0]!.offset !== -1) checked += records.length;
  }
  return checked;
};

export const idempotentBatchesAreOnce: Check = (partition, violation) => {
  reportTwice(partition, true, violation);
  return partition.batches.filter(({ sent, records }) => sent.idempotent && records[0]!.offset !== -1).length;
};

function reportTwice(
  { contradictions }: Partition,
  idempotent: boolean,
  violation: (line: string) => void,
): void {
  let told: { batch: Batch | undefined; seenIn: Contradiction['seenIn'] } | undefined;
  for (const { kind, offset, record, seenIn } of contradictions) {
    const { batch } = record;
    if (kind !== 'record' || (batch?.sent.idempotent ?? false) !== idempotent) continue;
    // A batch that is elsewhere is so with all its records: one line is enough.
    if (batch !== undefined && told?.batch === batch && told.seenIn === seenIn) continue;
    told = { batch, seenIn };
    const times = batch === undefined ? '' : `, sent ${times_(batch.attempts.length)}`;
    violation(
      `'${record.value}'${times}, is at ${record.offset} in ${describe(record.seenIn!)}, and at ${offset} in ${describe(seenIn)}`,
    );
  }
}

function times_(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
