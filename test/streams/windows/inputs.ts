import fc from 'fast-check';
import type { Input } from './run.ts';

/** One key begins with another, and goes on as a window's time would. */
const KEYS = ['a', 'b', `a${'\0'.repeat(7)}\u0005`];

/** Records in order, out of order, late, and twice; some soon after the epoch. */
export const inputs: fc.Arbitrary<Input[]> = fc
  .tuple(
    fc.nat(40),
    fc.array(
      fc.record({
        key: fc.constantFrom(...KEYS),
        step: fc.integer({ min: -30, max: 12 }),
        isTwice: fc.boolean(),
      }),
      { maxLength: 40 },
    ),
  )
  .map(([start, steps]) => {
    let now = start;
    return steps.flatMap(({ key, step, isTwice }, i) => {
      now += Math.max(0, step);
      const input = { key, value: `v${i}`, timestamp: Math.max(0, now + Math.min(0, step)) };
      return isTwice && i % 3 === 0 ? [input, input] : [input];
    });
  });

/** Before which inputs the task dies. */
export const deaths: fc.Arbitrary<Set<number>> = fc
  .array(fc.nat(40), { maxLength: 4 })
  .map((some) => new Set(some));
