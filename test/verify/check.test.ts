import { checkHistory } from '../../lib/verify/check.ts';
import { type History, MAX_VIOLATIONS } from '../../lib/verify/history.ts';
import { append, batch, bounds, deletion, fetched, finally_, history, violated } from './support.ts';

const failed = { is: 'failed', error: 'INVALID_RECORD' } as const;
const unknown = { is: 'unknown' } as const;
const idempotent = { idempotent: true } as const;
const a = append([0, 10], batch('a'), 0);
const b = append([20, 30], batch('b', { sequence: 1 }), 1);
const ab = finally_(['a', 'b']);
const once = batch('a', idempotent);

type Case = readonly [what: string, history: History];

const right: Record<string, readonly Case[]> = {
  'no acknowledged record is lost': [
    ['all are there', history([a, b], ab)],
    ['those before log start may be gone', history([a, b, deletion([40, 50], 1, 1)], finally_(['b'], 1))],
    ['the topic was deleted', history([a, b])],
    ['an unknown one may be gone', history([a, append([20, 30], batch('x'), unknown)], finally_(['a']))],
  ],
  'no record of a failed append is visible': [
    ['it is not there', history([a, append([20, 30], batch('x'), failed)], finally_(['a']))],
    [
      'one attempt failed, another landed',
      history([append([0, 5], once, unknown), append([6, 9], once, failed)], finally_(['a'])),
    ],
  ],
  'an idempotent batch is there once': [
    [
      'sent twice, acknowledged twice',
      history([append([0, 5], once, 0), append([6, 9], once, 0)], finally_(['a'])),
    ],
  ],
  'a batch is there whole': [
    [
      'log start has cut it',
      history([append([0, 5], batch('a b'), 0), deletion([6, 7], 1, 1)], finally_(['b'], 1)),
    ],
    [
      'a request of which one batch had landed before',
      history(
        [
          append([0, 5], once, unknown),
          append([10, 12], batch('x', { producer: 'q' }), 1),
          append([13, 14], [once, batch('c', { sequence: 1, idempotent: true })], {
            is: 'ok',
            offsets: [0, 2],
          }),
        ],
        finally_(['a', 'x', 'c']),
      ),
    ],
  ],
  'offsets are contiguous': [
    ['an empty fetch', history([a, fetched([20, 30], 1, '')], finally_(['a']))],
    ['a fetch that ends early', history([a, b, fetched([40, 50], 0, 'a', { highWatermark: 2 })], ab)],
  ],
  "a producer's records are in order": [
    [
      'a late copy of an unknown append',
      history(
        [append([0, Infinity], batch('a'), unknown), append([20, 30], batch('b', { sequence: 1 }), 0)],
        finally_(['b', 'a']),
      ),
    ],
    [
      'two in flight at once',
      history(
        [append([0, 30], batch('a'), 1), append([20, 30], batch('b', { sequence: 1 }), 0)],
        finally_(['b', 'a']),
      ),
    ],
  ],
  'log start and high watermark never go back': [
    ['concurrent reads in any order', history([a, b, bounds([15, 50], 0, 1), bounds([31, 40], 0, 2)], ab)],
    [
      'one that was done as the other began',
      history([a, b, bounds([21, 40], 0, 2), bounds([40, 45], 0, 2)], ab),
    ],
  ],
  'log start follows DeleteRecords': [
    [
      'a deletion that got no answer',
      history([a, b, { ...deletion([40, Infinity], 1, 1), outcome: unknown }], finally_(['b'], 1)),
    ],
    [
      'one that came after a greater one',
      history([a, b, deletion([40, 50], 2, 2), deletion([60, 70], 1, 2)], finally_([], 2)),
    ],
    ['Kafka’s -1, the high watermark', history([a, b, deletion([40, 50], -1, 2)], finally_([], 2))],
  ],
  'append, read and tail are linearizable': [
    [
      'a read during an append sees it',
      history([append([0, 30], batch('a'), 0), bounds([5, 10], 0, 1)], finally_(['a'])),
    ],
    [
      'a read during an append does not see it',
      history([append([0, 30], batch('a'), 0), bounds([5, 10], 0, 0)], finally_(['a'])),
    ],
    [
      'an unknown append lands late',
      history(
        [append([0, Infinity], batch('a'), unknown), bounds([100, 110], 0, 0), bounds([120, 130], 0, 1)],
        finally_(['a']),
      ),
    ],
    [
      'the first attempt landed, the second tells so, late',
      history(
        [append([0, 5], once, unknown), bounds([7, 8], 0, 1), append([10, 20], once, 0)],
        finally_(['a']),
      ),
    ],
  ],
  "a consumer's polls skip and repeat nothing": [
    [
      'a failed poll between two',
      history(
        [
          a,
          b,
          fetched([40, 41], 0, 'a', { consumer: 'c', highWatermark: 2 }),
          { ...fetched([42, 43], 1, '', { consumer: 'c' }), outcome: { is: 'failed', error: 'timeout' } },
          fetched([44, 45], 1, 'b', { consumer: 'c' }),
        ],
        ab,
      ),
    ],
    [
      'a reset to log start',
      history(
        [
          a,
          b,
          fetched([40, 41], 0, '', { consumer: 'c', highWatermark: 2 }),
          deletion([42, 43], 1, 1),
          fetched([44, 45], 1, 'b', { consumer: 'c', reset: true, logStartOffset: 1 }),
        ],
        finally_(['b'], 1),
      ),
    ],
    [
      'a consumer that begins anew',
      history(
        [
          a,
          fetched([20, 21], 0, 'a', { consumer: 'c' }),
          fetched([22, 23], 0, 'a', { consumer: 'c', reset: true }),
        ],
        finally_(['a']),
      ),
    ],
  ],
};

/** Of each, exactly the property in whose list it is has to speak. */
const wrong: Record<string, readonly Case[]> = {
  'no acknowledged record is lost': [
    ['the last is gone', history([a, b], finally_(['a']))],
    ['all are gone', history([a, b], finally_([]))],
    [
      'the acknowledgement of an idempotent batch was wrong',
      history([append([0, 5], once, unknown), append([6, 9], once, 0)], finally_([])),
    ],
    ['it was beyond log start', history([a, b, deletion([40, 50], 1, 1)], finally_([], 1))],
  ],
  'no record of a failed append is visible': [
    ['it is there at the end', history([append([0, 10], batch('a'), failed)], finally_(['a']))],
    ['it was in a fetch', history([append([0, 10], batch('a'), failed), fetched([20, 30], 0, 'a')])],
    [
      'all attempts failed',
      history([append([0, 5], once, failed), append([6, 9], once, failed)], finally_(['a'])),
    ],
  ],
  'no record appears that nobody sent': [
    ['at the end', history([a], finally_(['a', 'ghost']))],
    ['in a fetch', history([a, fetched([20, 30], 0, 'a ghost')])],
    ['sent to another partition', history([a, { ...b, partition: 't/1' }], finally_(['a', 'b']))],
  ],
  'an offset holds one record for ever': [
    [
      'two fetches differ',
      history([
        append([0, Infinity], batch('a'), unknown),
        append([0, Infinity], batch('b'), unknown),
        fetched([20, 30], 0, 'a'),
        fetched([40, 50], 0, 'b'),
      ]),
    ],
    ['two acknowledgements of one offset', history([a, append([0, 10], batch('x', { producer: 'q' }), 0)])],
    [
      'a fetch saw what is not there',
      history([a, append([0, Infinity], batch('x'), unknown), fetched([20, 30], 0, 'x')], finally_(['a'])),
    ],
  ],
  'no record is at two offsets': [
    ['it is doubled at the end', history([a], finally_(['a', 'a']))],
    [
      'a fetch saw it elsewhere',
      history([a, append([20, Infinity], batch('b'), unknown), fetched([40, 50], 1, 'a')]),
    ],
    ['it was acknowledged elsewhere', history([append([0, 10], batch('a'), 1)], finally_(['a']))],
  ],
  'an idempotent batch is there once': [
    [
      'both attempts landed',
      history([append([0, 5], once, unknown), append([6, 9], once, 0)], finally_(['a', 'a'])),
    ],
    ['two acknowledgements differ', history([append([0, 5], once, 0), append([6, 9], once, 1)])],
    [
      'a batch of several',
      history(
        [append([0, 5], batch('a b', idempotent), unknown), append([6, 9], batch('a b', idempotent), 0)],
        finally_(['a', 'b', 'a', 'b']),
      ),
    ],
  ],
  'a batch is there whole': [
    ['its end is missing', history([append([0, Infinity], batch('a b'), unknown)], finally_(['a']))],
    ['its beginning is missing', history([append([0, Infinity], batch('a b'), unknown)], finally_(['b']))],
    [
      'another lies within',
      history(
        [
          append([0, Infinity], batch('a b'), unknown),
          append([0, Infinity], batch('x', { producer: 'q' }), unknown),
        ],
        finally_(['a', 'x', 'b']),
      ),
    ],
    [
      'its records are in another order',
      history([append([0, Infinity], batch('a b'), unknown)], finally_(['b', 'a'])),
    ],
    [
      'the second batch of a request is missing',
      history([append([0, Infinity], [batch('a'), batch('b', { sequence: 1 })], unknown)], finally_(['a'])),
    ],
  ],
  'offsets are contiguous': [
    [
      'a gap in a fetch',
      history([a, b, fetched([40, 50], 0, '', { records: [[1, 'b']], nextOffset: 2, highWatermark: 2 })], ab),
    ],
    [
      'a record twice in a fetch',
      history(
        [
          a,
          fetched([40, 50], 0, '', {
            records: [
              [0, 'a'],
              [0, 'a'],
            ],
            nextOffset: 1,
            highWatermark: 1,
          }),
        ],
        finally_(['a']),
      ),
    ],
    [
      'the next offset skips',
      history([a, b, fetched([40, 50], 0, 'a', { nextOffset: 2, highWatermark: 2 })], ab),
    ],
    [
      'the next offset repeats',
      history([a, b, fetched([40, 50], 0, 'a b', { nextOffset: 1, highWatermark: 2 })], ab),
    ],
    [
      'an empty fetch skips',
      history([a, b, fetched([40, 50], 0, '', { nextOffset: 2, highWatermark: 2 })], ab),
    ],
    [
      'records beyond the high watermark',
      history(
        [append([0, 60], batch('a'), 0), fetched([40, 50], 0, 'a', { highWatermark: 0 })],
        finally_(['a']),
      ),
    ],
    [
      'a gap at the end',
      history([a, append([0, 60], batch('x', { producer: 'q' }), unknown)], {
        ...finally_(['a']),
        highWatermark: 2,
      }),
    ],
    ['less than log start at the end', history([a, b], { ...ab, logStartOffset: -1 })],
  ],
  "a producer's records are in order": [
    [
      'idempotent batches lie the other way',
      history(
        [
          append([0, Infinity], batch('a', idempotent), unknown),
          append([0, 30], batch('b', { sequence: 1, idempotent: true }), 0),
        ],
        finally_(['b', 'a']),
      ),
    ],
    [
      'in a fetch of what is gone',
      history([
        append([0, Infinity], batch('a', idempotent), unknown),
        append([0, 30], batch('b', { sequence: 1, idempotent: true }), unknown),
        fetched([40, 50], 0, 'b a'),
      ]),
    ],
  ],
  'log start and high watermark never go back': [
    [
      'the high watermark of two reads',
      history(
        [
          append([0, Infinity], batch('a'), unknown),
          bounds([40, 50], 0, 1),
          fetched([60, 70], 0, '', { highWatermark: 0 }),
        ],
        finally_(['a']),
      ),
    ],
    [
      'the high watermark at the end',
      history([append([0, Infinity], batch('a'), unknown), bounds([40, 50], 0, 1)], finally_([])),
    ],
    [
      'log start of two reads',
      history(
        [a, b, deletion([40, 100], 1, 1), bounds([45, 50], 1, 2), bounds([60, 70], 0, 2)],
        finally_(['b'], 1),
      ),
    ],
    [
      'log start after it was moved',
      history([a, b, deletion([40, 50], 1, 1), bounds([60, 70], 0, 2)], finally_(['b'], 1)),
    ],
    ['log start at the end', history([a, b, deletion([40, 50], 1, 1)], ab)],
  ],
  'log start follows DeleteRecords': [
    ['nobody asked', history([a, b], finally_(['b'], 1))],
    ['nobody asked for so much', history([a, b, deletion([40, 50], 1, 1)], finally_([], 2))],
    [
      'nobody had asked yet',
      history([a, b, bounds([32, 35], 1, 2), deletion([40, 50], 1, 1)], finally_(['b'], 1)),
    ],
    [
      'a refused deletion',
      history([a, b, { ...deletion([40, 50], 1, 1), outcome: failed }], finally_(['b'], 1)),
    ],
    ['less than was asked for', history([a, b, deletion([40, 50], 2, 1)], finally_(['b'], 1))],
  ],
  'append, read and tail are linearizable': [
    ['a read does not see what was acknowledged', history([a, bounds([20, 30], 0, 0)], finally_(['a']))],
    [
      'a read sees what nobody had sent yet',
      history([append([20, 30], batch('a'), 0), bounds([0, 10], 0, 1)], finally_(['a'])),
    ],
    [
      'appends of two producers lie the other way',
      history(
        [append([0, 10], batch('a'), 1), append([20, 30], batch('b', { producer: 'q' }), 0)],
        finally_(['b', 'a']),
      ),
    ],
    [
      'a read after the first of two acknowledgements',
      history([append([0, 5], once, 0), bounds([7, 8], 0, 0), append([10, 20], once, 0)], finally_(['a'])),
    ],
    [
      'an unknown append before it was sent',
      history(
        [append([20, Infinity], batch('a'), unknown), fetched([0, 10], 0, '', { highWatermark: 1 })],
        finally_(['a']),
      ),
    ],
  ],
  "a consumer's polls skip and repeat nothing": [
    [
      'a skip',
      history(
        [
          a,
          b,
          fetched([40, 41], 0, '', { consumer: 'c', highWatermark: 2 }),
          fetched([42, 43], 1, 'b', { consumer: 'c' }),
        ],
        ab,
      ),
    ],
    [
      'a repetition',
      history(
        [a, fetched([40, 41], 0, 'a', { consumer: 'c' }), fetched([42, 43], 0, 'a', { consumer: 'c' })],
        finally_(['a']),
      ),
    ],
    [
      'a reset beyond any log start',
      history(
        [
          a,
          b,
          fetched([40, 41], 0, '', { consumer: 'c', highWatermark: 2 }),
          fetched([42, 43], 2, '', { consumer: 'c', reset: true }),
        ],
        ab,
      ),
    ],
    [
      'polls that were noted in another order',
      history(
        [
          a,
          b,
          fetched([42, 43], 0, 'a', { consumer: 'c', highWatermark: 2 }),
          fetched([40, 41], 0, 'a', { consumer: 'c', highWatermark: 2 }),
        ],
        ab,
      ),
    ],
  ],
};

describe.each(Object.entries(right))('%s', (_, cases) => {
  test.each(cases)('holds: %s', (_what, some) => expect(violated(some)).toEqual([]));
});

describe.each(Object.entries(wrong))('%s', (property, cases) => {
  test.each(cases)('alone does not hold: %s', (_what, some) => expect(violated(some)).toEqual([property]));
});

test('every property has a history in which it alone does not hold', () => {
  expect(Object.keys(wrong)).toEqual(checkHistory(history([])).map(({ property }) => property));
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

test('a history of a million records is checked in seconds', () => {
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
  const startedAtMs = performance.now();
  expect(violated(history(operations, finally_(values.flat())))).toEqual([]);
  expect(performance.now() - startedAtMs).toBeLessThan(15_000);
});
