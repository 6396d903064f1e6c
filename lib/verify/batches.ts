import { describe, some } from './describe.ts';
import type { Append } from './history.ts';
import type { Batch, SentRecord } from './partition.ts';
import type { Check } from './property.ts';

/** What was appended together lies together at the end, but for what log start has cut off, or compaction may have taken. */
export const batchesAreWhole: Check = ({ batches, final }, violation) => {
  if (final === undefined) return 0;
  let checked = 0;
  for (const { append, records } of appendedTogether(batches)) {
    const found = records.findIndex(({ seenIn }) => seenIn === 'final');
    if (found === -1) continue;
    checked++;
    const first = records[found]!.offset - found;
    const astray = records.findIndex(({ seenIn, offset, takenFromMs }, i) => {
      const expected = first + i;
      const cutOff = expected >= 0 && expected < final.logStartOffset;
      if (cutOff) return false;
      return seenIn === 'final' ? offset !== expected : takenFromMs === Infinity;
    });
    if (astray === -1) continue;
    const { value, seenIn, offset } = records[astray]!;
    const where = seenIn === 'final' ? `at ${offset}` : 'not there';
    violation(
      `'${value}' is ${where} at the end, but ${some([records[found]!.value])} is at ${first + found}, of one ${describe(append)}`,
    );
  }
  return checked;
};

/** The records of a batch; or of all batches of a request, if none of them was sent again in another one. */
function* appendedTogether(
  batches: readonly Batch[],
): Generator<{ append: Append; records: readonly SentRecord[] }> {
  const requests = new Map<Append, Batch[]>();
  for (const batch of batches) {
    const append = batch.attempts[0]!;
    if (append.batches.length === 1) yield { append, records: batch.records };
    else if (requests.has(append)) requests.get(append)!.push(batch);
    else requests.set(append, [batch]);
  }
  for (const [append, some] of requests) {
    const whole =
      some.length === append.batches.length && some.every(({ attempts }) => attempts.length === 1);
    if (whole) yield { append, records: some.flatMap(({ records }) => records) };
    else for (const { records } of some) yield { append, records };
  }
}

/**
 * Of one producer, batches lie by sequence. Without idempotence, only those of which one was acknowledged before the
 * other was sent: a late copy of one whose outcome was unknown may come after the next.
 */
export const producersAreInOrder: Check = ({ batches }, violation) => {
  const byOffset = batches
    .filter(({ records }) => records[0]!.offset !== -1)
    .sort((a, b) => a.records[0]!.offset - b.records[0]!.offset);
  const latest = new Map<string, Batch>();
  for (const batch of byOffset) {
    const { producer, sequence, idempotent } = batch.sent;
    const before = latest.get(producer);
    if (before === undefined || before.sent.sequence <= sequence) {
      latest.set(producer, batch);
    } else if ((idempotent && before.sent.idempotent) || batch.returnedAtMs < before.invokedAtMs) {
      violation(`${producer}'s ${place(batch)} lies after ${place(before)}`);
    }
  }
  return byOffset.length;
};

function place({ sent, records, attempts }: Batch): string {
  return `sequence ${sent.sequence} at ${records[0]!.offset} (${describe(attempts[0]!)})`;
}
