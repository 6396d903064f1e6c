import { checkHistory } from '../../lib/verify/check.ts';
import { MAX_VIOLATIONS } from '../../lib/verify/history.ts';
import { rightCompacted, wrongCompacted } from './compacted.ts';
import { right } from './right.ts';
import { a, append, b, batch, fetched, finally_, history, violated } from './support.ts';
import { wrong } from './wrong.ts';

describe.each(Object.entries(right))('%s', (_, cases) => {
  test.each(cases)('holds: %s', (_what, some) => expect(violated(some)).toEqual([]));
});

describe.each(Object.entries(wrong))('%s', (property, cases) => {
  test.each(cases)('alone does not hold: %s', (_what, some) => expect(violated(some)).toEqual([property]));
});

describe.each(Object.entries(rightCompacted))('with compaction, %s', (_, cases) => {
  test.each(cases)('holds: %s', (_what, some) => expect(violated(some)).toEqual([]));
});

describe.each(Object.entries(wrongCompacted))('with compaction, %s', (property, cases) => {
  test.each(cases)('alone does not hold: %s', (_what, some) => expect(violated(some)).toEqual([property]));
});

test('every property has a history in which it alone does not hold', () => {
  expect(Object.keys({ ...wrong, ...wrongCompacted })).toEqual(
    checkHistory(history([])).map(({ property }) => property),
  );
});

test('a producer that waits for each acknowledgement has its records in order, without idempotence too', () => {
  const swapped = history(
    [append([0, 10], batch('a'), 1), append([20, 30], batch('b', { sequence: 1 }), 0)],
    finally_(['b', 'a']),
  );
  // It is a matter of time as well.
  expect(violated(swapped)).toEqual([
    "a producer's records are in order",
    'append, read and tail are linearizable',
  ]);
});

test('a violation names partition, offset, values, times and who served it', () => {
  const { violations } = checkHistory(history([{ ...a, via: 'node 2' }], finally_([])))[0]!;
  expect(violations).toEqual([
    "t/0: 'a', acknowledged at 0 by ok append of 'a' by p (0–10 ms, via node 2), is gone at the end",
  ]);
});

test('partitions are looked at one by one, and their cases counted together', () => {
  const other = { ...b, partition: 't/1', outcome: { is: 'ok', offsets: [0] } as const };
  const both = {
    operations: [a, other],
    final: new Map([
      ['t/0', finally_(['a'])],
      ['t/1', finally_(['b'])],
    ]),
  };
  expect(violated(both)).toEqual([]);
  expect(checkHistory(both)[0]!.checked).toBe(2);
});

test('of many violations, a few are told', () => {
  const many = Array.from({ length: 50 }, (_, i) => append([i, i], batch(`v${i}`), i));
  expect(checkHistory(history(many, finally_([])))[0]!.violations).toHaveLength(MAX_VIOLATIONS);
});

test('a batch without idempotence that is sent twice is a mistake of the test', () => {
  expect(() => checkHistory(history([a, a]))).toThrow("'a' was sent twice without idempotence");
});

test('a history of a million records is checked: were it compared pair by pair, this would not end', () => {
  const size = 100;
  const values = Array.from({ length: 10_000 }, (_, i) =>
    Array.from({ length: size }, (_, k) => `${i}-${k}`),
  );
  const operations = values.flatMap((some, i) => [
    append(
      [i, i + 0.4],
      { values: some, producer: `p${i % 8}`, sequence: i, idempotent: i % 2 === 0 },
      i * size,
    ),
    fetched([i + 0.5, i + 0.6], i * size, some.join(' '), { consumer: 'c' }),
  ]);
  expect(violated(history(operations, finally_(values.flat())))).toEqual([]);
}, 300_000);
