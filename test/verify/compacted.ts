import {
  append,
  type Case,
  compaction,
  deletion,
  fetched,
  history,
  keyed,
  left,
  read,
  retention,
  unknown,
} from './support.ts';

const old = append([0, 10], keyed('a=1'), 0);
const other = append([0, 10], keyed('b=1'), 1);
const young = append([20, 30], keyed('a=2'), 2);
const written = [old, other, young];
const tombstone = append([20, 30], keyed('a-1'), 2);
const deleted = [old, other, tombstone];
const once = compaction([40, 50]);
const twice = [once, compaction([60, 70])];
/** Of which the first sleeps while the second is at work. */
const atOnce = [compaction([40, 200]), compaction([60, 70])];

/** Histories of a partition that is compacted, that a property allows, by the property that comes nearest to forbidding them. */
export const rightCompacted: Record<string, readonly Case[]> = {
  'no acknowledged record is lost': [
    ['a later one of its key is there', history([...written, once], left('1:b=1 2:a=2', 3))],
    [
      'all are there, since compaction had not come to them',
      history([...written, once], left('0:a=1 1:b=1 2:a=2', 3)),
    ],
    ['it is a tombstone, and had its time', history([...deleted, ...twice], left('1:b=1', 3))],
    [
      'its tombstone may have landed, and may have had its time',
      history([old, other, append([20, Infinity], keyed('a-1'), unknown), ...twice], left('1:b=1', 3)),
    ],
    [
      'what came after it had one of its own after it',
      history([...written, append([32, 34], keyed('a=3'), 3), once], left('1:b=1 3:a=3', 4)),
    ],
  ],
  'a batch is there whole': [
    [
      'compaction took some of it, which nobody ever saw',
      history([append([0, Infinity], keyed('a=1 c=1'), unknown), young, once], left('1:c=1 2:a=2', 3)),
    ],
  ],
  'offsets are contiguous': [
    [
      'a record is gone that nobody ever saw',
      history([append([0, Infinity], keyed('a=1'), unknown), other, young, once], left('1:b=1 2:a=2', 3)),
    ],
  ],
  'a fetch below the high watermark brings records': [
    [
      'it goes on behind what is gone',
      history([...written, once, read([60, 70], [0, 1], '', { highWatermark: 3 })], left('1:b=1 2:a=2', 3)),
    ],
  ],
  'log start follows DeleteRecords and retention': [
    [
      'retention goes on behind what is young and gone',
      history(
        [
          append([0, 10], keyed('a=1', { maxTimestamp: 50, bytes: 100 }), 0),
          append([20, 30], keyed('a=2', { maxTimestamp: 5, bytes: 100 }), 1),
          once,
          retention([60, 70], { expiredBefore: 9 }, 2),
        ],
        left('', 2, 2),
      ),
    ],
  ],
  'compaction takes only what it may': [
    [
      'it had begun',
      history([...written, once, read([41, 42], [0, 3], '1:b=1 2:a=2')], left('1:b=1 2:a=2', 3)),
    ],
    [
      'who ran it had a clock that was ahead',
      history(
        [
          ...deleted,
          compaction([40, 50], { deleteRetentionMs: 90 }),
          compaction([60, 70], { aheadMs: 85 }),
          read([80, 90], [0, 3], '1:b=1'),
        ],
        left('1:b=1', 3),
      ),
    ],
    [
      'log start has passed it',
      history([...written, deletion([32, 34], 1, 1), once], left('1:b=1 2:a=2', 3, 1)),
    ],
  ],
  'what compaction took does not come back': [
    [
      'of two at once, one puts back what the other took, while what came after it is there',
      history(
        [
          ...written,
          ...atOnce,
          read([80, 90], [0, 3], '1:b=1 2:a=2'),
          read([210, 220], [0, 3], '0:a=1 1:b=1 2:a=2'),
        ],
        left('0:a=1 1:b=1 2:a=2', 3),
      ),
    ],
    [
      'two reads at once',
      history(
        [
          ...written,
          once,
          read([41, 60], [0, 3], '1:b=1 2:a=2'),
          read([42, 70], [0, 3], '0:a=1 1:b=1 2:a=2'),
        ],
        left('1:b=1 2:a=2', 3),
      ),
    ],
    [
      'who had read a value finds no tombstone of it any more',
      history(
        [
          ...deleted,
          read([32, 34], [0, 1], '0:a=1', { consumer: 'c', highWatermark: 3 }),
          ...twice,
          read([80, 90], [1, 3], '1:b=1', { consumer: 'c' }),
        ],
        left('1:b=1', 3),
      ),
    ],
  ],
};

/** Of each, exactly the property in whose list it is has to speak. */
export const wrongCompacted: Record<string, readonly Case[]> = {
  'no acknowledged record is lost': [
    ['the last of its key is gone', history([...written, once], left('1:b=1', 3))],
    ['the only one of its key is gone', history([...written, once], left('2:a=2', 3))],
    [
      'compaction was over before the later one was sent',
      history([old, other, compaction([12, 15]), young], left('1:b=1 2:a=2', 3)),
    ],
    [
      'what may have come after it is not there, and no tombstone',
      history([old, other, append([20, Infinity], keyed('a=2'), unknown), once], left('1:b=1', 3)),
    ],
    ['no run had come to the tombstone before', history([...deleted, once], left('1:b=1', 3))],
    [
      'the tombstone had not had its time',
      history(
        [...deleted, compaction([40, 50], { deleteRetentionMs: 90 }), compaction([60, 70])],
        left('1:b=1', 3),
      ),
    ],
    [
      'the later one was too young',
      history(
        [
          old,
          other,
          append([20, 30], keyed('a=2', { maxTimestamp: 25 }), 2),
          compaction([40, 50], { minCompactionLagMs: 30 }),
        ],
        left('1:b=1 2:a=2', 3),
      ),
    ],
    ['it is of another key', history([old, append([20, 30], keyed('b=1'), 1), once], left('1:b=1', 2))],
    [
      'it has no key',
      history(
        [append([0, 10], { ...keyed('a=1'), keys: [] }, 0), young, other, once],
        left('1:b=1 2:a=2', 3),
      ),
    ],
  ],
  'a batch is there whole': [
    [
      'what is missing of it is the last of its key',
      history([append([0, Infinity], keyed('a=1 c=1'), unknown), young, once], left('0:a=1 2:a=2', 3)),
    ],
  ],
  'offsets are contiguous': [
    ['there never was a record', history([old, append([20, 30], keyed('a=2'), 2), once], left('2:a=2', 3))],
    [
      'offsets fall in a fetch',
      history([...written, once, read([60, 70], [0, 3], '0:a=1 2:a=2 1:b=1')], left('1:b=1 2:a=2', 3)),
    ],
    [
      'a fetch goes on beyond the high watermark',
      history(
        [
          old,
          other,
          append([20, 80], keyed('a=2'), 2),
          once,
          read([60, 70], [2, 3], '2:a=2', { highWatermark: 2 }),
        ],
        left('1:b=1 2:a=2', 3),
      ),
    ],
    [
      'the next offset repeats',
      history(
        [...written, once, read([60, 70], [1, 2], '1:b=1 2:a=2', { highWatermark: 3 })],
        left('1:b=1 2:a=2', 3),
      ),
    ],
  ],
  'a fetch below the high watermark brings records': [
    [
      'it comes no further',
      history([...written, once, fetched([60, 70], 0, '', { highWatermark: 3 })], left('1:b=1 2:a=2', 3)),
    ],
  ],
  'compaction takes only what it may': [
    [
      'a read misses the last of its key',
      history([...written, once, read([60, 70], [0, 3], '1:b=1')], left('1:b=1 2:a=2', 3)),
    ],
    [
      'a read misses what no run had come to yet',
      history([...written, read([32, 34], [0, 3], '1:b=1 2:a=2'), once], left('1:b=1 2:a=2', 3)),
    ],
    [
      'a read misses a tombstone whose time has not come',
      history(
        [...deleted, once, read([52, 54], [0, 3], '1:b=1'), compaction([60, 70])],
        left('1:b=1 2:a-1', 3),
      ),
    ],
    [
      'a read misses what nobody acknowledged',
      history(
        [append([0, Infinity], keyed('a=1 c=1'), unknown), young, once, read([60, 70], [0, 3], '2:a=2')],
        left('1:c=1 2:a=2', 3),
      ),
    ],
    [
      'at the end something is gone that nobody acknowledged',
      history(
        [append([0, Infinity], keyed('c=1'), unknown), read([12, 14], [0, 1], '0:c=1'), once],
        left('', 1),
      ),
    ],
  ],
  'what compaction took does not come back': [
    [
      'it was gone, and is there again',
      history(
        [
          ...written,
          once,
          read([60, 70], [0, 3], '1:b=1 2:a=2'),
          read([80, 90], [0, 3], '0:a=1 1:b=1 2:a=2'),
        ],
        left('1:b=1 2:a=2', 3),
      ),
    ],
    [
      'it is there again at the end',
      history([...written, once, read([60, 70], [0, 3], '1:b=1 2:a=2')], left('0:a=1 1:b=1 2:a=2', 3)),
    ],
    [
      'a value is there at the end, and its tombstone gone',
      history([...deleted, ...twice], left('0:a=1 1:b=1', 3)),
    ],
    [
      'a value is there again whose tombstone was gone, though two were at it at once',
      history(
        [...deleted, ...atOnce, read([80, 90], [0, 3], '1:b=1'), read([210, 220], [0, 3], '0:a=1 1:b=1')],
        left('1:b=1', 3),
      ),
    ],
    [
      'a consumer meets a value whose tombstone was gone before',
      history(
        [
          ...deleted,
          ...atOnce,
          read([80, 90], [2, 3], ''),
          read([210, 220], [0, 1], '0:a=1', { consumer: 'c', highWatermark: 3 }),
          read([230, 240], [1, 3], '1:b=1', { consumer: 'c' }),
        ],
        left('1:b=1', 3),
      ),
    ],
  ],
};
