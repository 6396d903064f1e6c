import { checkGroups } from '../../lib/verify/groups/check.ts';
import type { GroupHistory } from '../../lib/verify/groups/history.ts';
import {
  call,
  committed,
  groupHistory,
  member,
  operated,
  P,
  polled,
  position,
  rest,
  told,
  violatedBy,
} from './groupsSupport.ts';

type Case = readonly [what: string, history: GroupHistory];

/** Member a joins, claims the partition, and holds it. */
const joined = [member(10, 'a', []), position(20, 'A 1 -1'), member(30, 'a', [P])];
const handedOver = [...joined, member(60, 'a', []), position(70, 'B 2 -1'), member(80, 'b', [P])];
const even = { a: [P], b: ['orders/1'] };

const right: readonly Case[] = [
  [
    'a poll is refused, since another member has come by its name',
    groupHistory(
      [...joined, { ...member(60, 'a', [P]), member: { ...member(60, 'a', [P]).member!, memberId: 'A2' } }],
      [call([50, 70], 'a', 'poll', { as: 'A', outcome: { is: 'failed', error: 'FENCED_INSTANCE_ID' } })],
    ),
  ],
  [
    'a member is unknown when its session is over, though it was not put out',
    groupHistory(joined, [
      call([60, 70], 'a', 'poll', { outcome: { is: 'failed', error: 'UNKNOWN_MEMBER_ID' } }),
    ]),
  ],
  ['a partition goes from one to another', groupHistory([member(5, 'b', []), ...handedOver])],
  [
    'a member polls and commits',
    groupHistory(
      [...joined, position(65, 'A 1 5', 'm')],
      [polled([40, 50], 'a', [0, 5]), committed([60, 70], 'a', 5, 'm')],
    ),
  ],
  [
    'a commit without an answer lands late',
    groupHistory(
      [...joined, position(90, 'A 1 5')],
      [polled([40, 50], 'a', [0, 5]), committed([60, Infinity], 'a', 5)],
    ),
  ],
  [
    'a member without keys commits what it has not received',
    groupHistory(
      [member(10, 'a', [], true), position(20, 'A 1 -1'), member(30, 'a', [P], true), position(65, 'A 1 5')],
      [polled([40, Infinity], 'a', [0, 5], { told: undefined as never })],
    ),
  ],
  [
    'a member seeks, and commits less by itself',
    groupHistory(
      [
        member(10, 'a', [], true),
        position(20, 'A 1 -1'),
        member(30, 'a', [P], true),
        position(65, 'A 1 5'),
        position(85, 'A 1 3'),
      ],
      [
        polled([40, 50], 'a', [0, 5]),
        call([70, 80], 'a', 'seek', { offsets: [{ partition: P, offset: 3, metadata: '' }] }),
      ],
    ),
  ],
  [
    'a position is reset and deleted',
    groupHistory(
      [position(25, 'nobody 1 4'), position(45)],
      [
        operated([20, 30], 'reset', 4),
        operated([40, 50], 'deletePositions'),
        operated([60, 70], 'committed'),
      ],
    ),
  ],
  [
    'a repeated poll gives the same',
    groupHistory(joined, [
      polled([40, 50], 'a', [0, 5], { key: 'k' }),
      polled([60, 70], 'a', [0, 5], { key: 'k' }),
    ]),
  ],
  [
    'a poll that began before another of its key gave records ends without any',
    groupHistory(joined, [
      polled([40, 50], 'a', [0, 5], { key: 'k' }),
      polled([45, 70], 'a', [0, 5], { key: 'k', given: [] }),
    ]),
  ],
  ['a group rests', groupHistory([], [], { rests: [rest(even)] })],
  [
    'a member is put out when its session is over',
    groupHistory([...joined, member(100, 'a')], [call([40, 50], 'a', 'heartbeat', told('a', [40, 50]))]),
  ],
];

const wrong: Readonly<Record<string, readonly Case[]>> = {
  'a partition has one owner per epoch': [
    [
      'another owner in the same epoch',
      groupHistory([...joined, member(40, 'a', []), position(50, 'B 1 -1')]),
    ],
    ['an epoch that falls', groupHistory([position(10, 'A 2 -1'), position(20, 'B 1 -1')])],
    ['two hold it at once', groupHistory([...joined, position(40, 'B 2 -1'), member(50, 'b', [P])])],
    [
      'two are told that they hold it in an epoch of the group',
      groupHistory(handedOver, [
        call([35, 50], 'a', 'heartbeat', told('a', [35, 50])),
        call([85, 90], 'b', 'heartbeat', told('b', [85, 90])),
      ]),
    ],
  ],
  'only the owner of a partition reads it': [
    ['a member polls what another has claimed', groupHistory(handedOver, [polled([90, 99], 'a', [0, 5])])],
    [
      'a member is told that it holds what nobody has',
      groupHistory([], [call([1, 2], 'a', 'heartbeat', told('a', [1, 2]))]),
    ],
    [
      'a member is given what it is to let go',
      groupHistory(joined, [
        polled([40, 50], 'a', [0, 5], {
          told: { memberId: 'A', epoch: 1, holds: [P], pending: [], revoking: [P] },
        }),
      ]),
    ],
  ],
  'a committed position is moved only by its owner': [
    ['a claim moves it', groupHistory([...joined, position(40, 'A 2 3')], [polled([31, 39], 'a', [0, 5])])],
    ['nobody commits it', groupHistory([...joined, position(40, 'A 1 3')], [polled([31, 39], 'a', [0, 5])])],
    [
      'it goes back by itself',
      groupHistory(
        [
          member(10, 'a', [], true),
          position(20, 'A 1 -1'),
          member(30, 'a', [P], true),
          position(65, 'A 1 5'),
          position(85, 'A 1 3'),
        ],
        [polled([40, 50], 'a', [0, 5])],
      ),
    ],
    ['nobody resets it', groupHistory([...joined, position(40, 'nobody 2 -1')])],
    ['nobody deletes it', groupHistory([...joined, position(40)])],
    [
      'it is beyond the end',
      groupHistory(
        [...joined, position(65, 'A 1 5')],
        [polled([40, 50], 'a', [0, 4]), committed([60, 70], 'a', 5)],
        { end: 4 },
      ),
    ],
  ],
  'committed positions are linearizable': [
    [
      'an acknowledged commit is not there',
      groupHistory(joined, [polled([40, 50], 'a', [0, 5]), committed([60, 70], 'a', 5)]),
    ],
    [
      'an old position is answered',
      groupHistory(
        [...joined, position(65, 'A 1 5')],
        [polled([40, 50], 'a', [0, 5]), committed([60, 70], 'a', 5), operated([80, 90], 'committed')],
      ),
    ],
  ],
  'a commit passes only what was given': [
    [
      'records that nobody was given',
      groupHistory(
        [...joined, position(65, 'A 1 5')],
        [polled([40, 50], 'a', [1, 5]), committed([60, 70], 'a', 5)],
      ),
    ],
    [
      'records whose answer was lost, though they would be asked for again',
      groupHistory(
        [...joined, position(65, 'A 1 5')],
        [polled([40, Infinity], 'a', [0, 5], { key: 'k', toldAtMs: 50 }), committed([60, 70], 'a', 5)],
      ),
    ],
  ],
  'every record is given to some member': [
    [
      'one that nobody was given',
      groupHistory(joined, [polled([40, 50], 'a', [0, 5])], {
        rests: [rest({ a: [P] }, { partitions: [P], ends: new Map([[P, 6]]) })],
      }),
    ],
  ],
  'a poll gives all records of its ranges': [
    [
      'a record is missing in a poll',
      groupHistory(joined, [
        polled([40, 50], 'a', [0, 3], { given: [{ partition: P, from: 0, to: 3, records: [0, 2] }] }),
      ]),
    ],
  ],
  'a repeated poll gives the same records': [
    [
      'other records',
      groupHistory(joined, [
        polled([40, 50], 'a', [0, 5], { key: 'k' }),
        polled([60, 70], 'a', [5, 6], { key: 'k' }),
      ]),
    ],
    [
      'none, though the partition is still held',
      groupHistory(joined, [
        polled([40, 50], 'a', [0, 5], { key: 'k' }),
        polled([60, 70], 'a', [0, 5], { key: 'k', given: [] }),
      ]),
    ],
  ],
  'no member is refused wrongly': [
    [
      'an owner is fenced',
      groupHistory(joined, [
        { ...committed([60, 70], 'a', 0), outcome: { is: 'failed', error: 'FENCED_MEMBER_EPOCH' } },
      ]),
    ],
    [
      'a member is unknown',
      groupHistory(joined, [
        call([50, 55], 'a', 'poll', { outcome: { is: 'failed', error: 'UNKNOWN_MEMBER_ID' } }),
      ]),
    ],
    [
      'an instance has its name',
      groupHistory(joined, [
        call([50, 55], 'a', 'poll', { as: 'A', outcome: { is: 'failed', error: 'FENCED_INSTANCE_ID' } }),
      ]),
    ],
  ],
  'an instance whose name is another’s is refused': [
    [
      'a member leaves in the name of the next',
      groupHistory(joined, [call([50, 55], 'a', 'leave', { as: 'A0' })]),
    ],
  ],
  'a member that calls is not put out': [
    [
      'a member is put out that called just now',
      groupHistory([...joined, member(60, 'a')], [call([45, 50], 'a', 'heartbeat', told('a', [45, 50]))]),
    ],
  ],
  'a stable group comes to rest': [
    ['a partition without a holder', groupHistory([], [], { rests: [rest({ a: [P] })] })],
    ['a partition with two', groupHistory([], [], { rests: [rest({ a: [P], b: [P, 'orders/1'] })] })],
    ['an uneven division', groupHistory([], [], { rests: [rest({ a: [P, 'orders/1'], b: [] })] })],
    ['what is appended does not come', groupHistory([], [], { rests: [rest(even, { missing: [P] })] })],
  ],
};

test.each(right)('holds: %s', (_what, history) => expect(violatedBy(history)).toEqual([]));

describe.each(Object.entries(wrong))('%s', (property, cases) => {
  test.each(cases)('alone does not hold: %s', (_what, history) =>
    expect(violatedBy(history)).toEqual([property]),
  );
});

test('every property of groups has a history in which it alone does not hold', () => {
  expect(Object.keys(wrong)).toEqual(checkGroups(groupHistory([])).map(({ property }) => property));
});
