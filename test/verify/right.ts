import {
  a,
  ab,
  append,
  b,
  batch,
  bounds,
  type Case,
  deletion,
  failed,
  fetched,
  finally_,
  history,
  old,
  once,
  retention,
  unknown,
  young,
} from './support.ts';

/** Histories that a property allows, by the property that comes nearest to forbidding them. */
export const right: Record<string, readonly Case[]> = {
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
  'log start follows DeleteRecords and retention': [
    [
      'a deletion that got no answer',
      history([a, b, { ...deletion([40, Infinity], 1, 1), outcome: unknown }], finally_(['b'], 1)),
    ],
    [
      'one that came after a greater one',
      history([a, b, deletion([40, 50], 2, 2), deletion([60, 70], 1, 2)], finally_([], 2)),
    ],
    ['Kafka’s -1, the high watermark', history([a, b, deletion([40, 50], -1, 2)], finally_([], 2))],
    [
      'retention took what had expired',
      history([old, young, retention([40, 50], { expiredBefore: 6 }, 1)], finally_(['b'], 1)),
    ],
    [
      'it took what had expired behind what somebody deleted',
      history(
        [
          append([0, 10], batch('b', { maxTimestamp: 9, bytes: 100 }), 0),
          append([20, 30], batch('a', { sequence: 1, maxTimestamp: 5, bytes: 100 }), 1),
          deletion([31, 32], 1, 1),
          retention([40, 50], { expiredBefore: 6 }, 2),
        ],
        finally_([], 2),
      ),
    ],
    [
      'it took the oldest, and as much was left as was to be kept',
      history([old, young, retention([40, 50], { keptBytes: 100 }, 1)], finally_(['b'], 1)),
    ],
    [
      'it took less than it might, for a slice may hold what is young as well',
      history([old, young, retention([40, 50], { expiredBefore: 6 }, 0)], finally_(['a', 'b'])),
    ],
    [
      'it took everything that was there when it began, and nobody knows of the rest',
      history(
        [
          old,
          append([20, Infinity], batch('x', { maxTimestamp: 50, bytes: 1 }), unknown),
          { ...retention([40, Infinity], { keptBytes: 0 }, 0), outcome: unknown },
        ],
        finally_([], 2),
      ),
    ],
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
  'a fetch below the high watermark brings records': [
    ['it began at the end', history([a, fetched([20, 30], 1, '')], finally_(['a']))],
    ['it brings fewer than there are', history([a, b, fetched([40, 50], 0, 'a', { highWatermark: 2 })], ab)],
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
          fetched([-2, -1], 0, '', { consumer: 'c' }),
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
