import fc from 'fast-check';
import type { History } from '../../lib/verify/history.ts';
import { type Corruption, corruptions } from './corruptions.ts';
import { compactedCorruptions } from './corruptionsOfCompaction.ts';
import { compactedHistory, correctHistory } from './model.ts';
import { violated } from './support.ts';

const RUNS = 300;

test.each([
  ['', correctHistory],
  [' and is compacted', compactedHistory],
])('nothing speaks against a log that does nothing wrong%s', (_, histories) => {
  fc.assert(
    fc.property(histories, (history) => {
      expect(violated(history)).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

const all: (readonly [string, Corruption, fc.Arbitrary<History>])[] = [
  ...Object.entries(corruptions).map(([what, corrupt]) => [what, corrupt, correctHistory] as const),
  ...Object.entries(compactedCorruptions).map(
    ([what, corrupt]) => [what, corrupt, compactedHistory] as const,
  ),
];

test.each(all)('it is noticed when %s', (_, corrupt, histories) => {
  let corrupted = 0;
  fc.assert(
    fc.property(histories, fc.infiniteStream(fc.nat()), (history, picks) => {
      const wrong = corrupt(history, (length) => picks.next().value % length);
      if (wrong === undefined) return;
      corrupted++;
      expect(violated(wrong.history)).toContain(wrong.property);
    }),
    { numRuns: RUNS },
  );
  expect(corrupted).toBeGreaterThan(RUNS / 10);
});
