import fc from 'fast-check';
import { corruptions } from './corruptions.ts';
import { correctHistory } from './model.ts';
import { violated } from './support.ts';

const RUNS = 300;

test('nothing speaks against a log that does nothing wrong', () => {
  fc.assert(
    fc.property(correctHistory, (history) => {
      expect(violated(history)).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

test.each(Object.entries(corruptions))('it is noticed when %s', (_, corrupt) => {
  let corrupted = 0;
  fc.assert(
    fc.property(correctHistory, fc.infiniteStream(fc.nat()), (history, picks) => {
      const wrong = corrupt(history, (length) => picks.next().value % length);
      if (wrong === undefined) return;
      corrupted++;
      expect(violated(wrong.history)).toContain(wrong.property);
    }),
    { numRuns: RUNS },
  );
  expect(corrupted).toBeGreaterThan(RUNS / 10);
});
