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
  idempotent,
  old,
  once,
  retention,
  unknown,
  young,
} from './support.ts';

/** Of each, exactly the property in whose list it is has to speak. */
export const wrong: Record<string, readonly Case[]> = {
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
      history([a, b, fetched([40, 50], 2, '', { nextOffset: 3, highWatermark: 2 })], ab),
    ],
    [
      'records beyond the high watermark',
      history(
        [append([0, 60], batch('a'), 0), fetched([40, 50], 0, 'a', { highWatermark: 0 })],
        finally_(['a']),
      ),
    ],
    [
      'records from below the log start',
      history(
        [
          a,
          b,
          deletion([30, 35], 1, 1),
          fetched([40, 50], 0, 'a b', { logStartOffset: 1, highWatermark: 2 }),
        ],
        finally_(['b'], 1),
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
  'a fetch below the high watermark brings records': [
    ['none at log start', history([a, b, fetched([40, 50], 0, '', { highWatermark: 2 })], ab)],
    ['none further on', history([a, b, fetched([40, 50], 1, '', { highWatermark: 2 })], ab)],
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
  'log start follows DeleteRecords and retention': [
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
    [
      'retention took what was young',
      history([old, young, retention([40, 50], { expiredBefore: 9 }, 2)], finally_([], 2)),
    ],
    [
      'it took what had expired behind what was young',
      history(
        [
          append([0, 10], batch('b', { maxTimestamp: 9, bytes: 100 }), 0),
          append([20, 30], batch('a', { sequence: 1, maxTimestamp: 5, bytes: 100 }), 1),
          retention([40, 50], { expiredBefore: 9 }, 2),
        ],
        finally_([], 2),
      ),
    ],
    [
      'it took more than size allows',
      history([old, young, retention([40, 50], { keptBytes: 101 }, 1)], finally_(['b'], 1)),
    ],
    [
      'it took more than size allowed then, though now there is more',
      history(
        [
          old,
          retention([12, 14], { keptBytes: 100 }, 1),
          append([20, 30], batch('b', { sequence: 1, maxTimestamp: 9, bytes: 100 }), 1),
        ],
        finally_(['b'], 1),
      ),
    ],
    [
      'it had not yet run',
      history(
        [old, young, bounds([32, 35], 1, 2), retention([40, 50], { expiredBefore: 6 }, 1)],
        finally_(['b'], 1),
      ),
    ],
    [
      'it left what had expired, as everything had',
      history([old, young, retention([40, 50], { expiredBefore: 10 }, 1)], finally_(['b'], 1)),
    ],
    [
      'it left something where nothing was to be kept',
      history([old, young, retention([40, 50], { keptBytes: 0 }, 1)], finally_(['b'], 1)),
    ],
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
        [append([20, Infinity], batch('a'), unknown), fetched([0, 10], 1, '', { highWatermark: 1 })],
        finally_(['a']),
      ),
    ],
  ],
  "a consumer's polls skip and repeat nothing": [
    [
      'a skip',
      history(
        [a, b, fetched([-2, -1], 0, '', { consumer: 'c' }), fetched([42, 43], 1, 'b', { consumer: 'c' })],
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
          fetched([-2, -1], 0, '', { consumer: 'c' }),
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
