import {
  accept,
  arrive,
  find,
  finish,
  type Holdings,
  hand,
  isGain,
  type Known,
  loseAll,
  newHoldings,
  pause,
  possibleStarts,
  putBack,
  reconcile,
  resume,
  seek,
  settle,
  uncommitted,
} from '../../lib/client/consumer/holdings.ts';
import type { ConsumerRecord, Heartbeat } from '../../lib/client/consumer/instance.ts';

const P0 = { topic: 't', partition: 0 };
const P1 = { topic: 't', partition: 1 };

const told = (assigned: Heartbeat['assigned'], revoking: Heartbeat['revoking'] = []): Heartbeat => ({
  epoch: 1,
  heartbeatIntervalMs: 1,
  assigned,
  revoking,
});

const known = (some: Partial<Known> = {}): Known => ({
  committed: [],
  isEarliest: true,
  isQuiet: true,
  ...some,
});

const records = (name: typeof P0, ...offsets: number[]): ConsumerRecord[] =>
  offsets.map((offset) => ({ ...name, offset, timestamp: 0, key: null, value: null, headers: [] }));

/** Holds both partitions, from offset 0 on, which is committed. */
function holding(): Holdings {
  const holdings = newHoldings();
  const both = [P0, P1];
  reconcile(
    holdings,
    told(both.map((name) => ({ ...name, position: 0 }))),
    known({ committed: both.map((name) => ({ ...name, offset: 0 })) }),
  );
  return holdings;
}

/** Holds the first, of which nothing is committed; the server stands at 5. */
function unknown(): Holdings {
  const holdings = newHoldings();
  reconcile(holdings, told([{ ...P0, position: 5 }]), known({ isQuiet: false }));
  return holdings;
}

const offsetsToCommit = (holdings: Holdings) => uncommitted(holdings).map(({ offset }) => offset);

/** The offsets that a loop over `holdings` is given, of a partition. */
function given(holdings: Holdings, name = P0): number[] {
  const offsets: number[] = [];
  for (let run = hand(holdings, true); run !== undefined; run = hand(holdings, true)) {
    for (const record of run) if (record.partition === name.partition) offsets.push(record.offset);
    finish(holdings);
    holdings.atHand = undefined;
  }
  return offsets;
}

const seekOf = (holdings: Holdings, name = P0) => find(holdings, name)!.seekTo;
/** The poller has done what was asked for. */
const sought = (holdings: Holdings, name = P0) => {
  find(holdings, name)!.seekTo = undefined;
};

test('records are given in their order, each once', () => {
  const holdings = holding();
  accept(holdings, [...records(P0, 0, 1), ...records(P1, 0), ...records(P0, 1, 2)]);
  expect(given(holdings)).toEqual([0, 1, 2]);
});

test('a gap at the beginning of a page is looked at once more, one within a page is not', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 4));
  accept(holdings, records(P0, 7));
  expect(seekOf(holdings)).toBe(5);
  // Still on its way when the other came.
  accept(holdings, records(P0, 8));
  sought(holdings);
  accept(holdings, records(P0, 6, 7));
  expect(seekOf(holdings)).toBeUndefined();
  expect(given(holdings)).toEqual([0, 4, 6, 7]);
});

test('a position that moved without records is looked at once more, unless a poll may have moved it', () => {
  const holdings = holding();
  const moved = told([
    { ...P0, position: 5 },
    { ...P1, position: 0 },
  ]);
  reconcile(holdings, moved, known({ isQuiet: false }));
  expect(seekOf(holdings)).toBeUndefined();
  reconcile(holdings, moved, known());
  expect(seekOf(holdings)).toBe(0);
  sought(holdings);
  reconcile(holdings, moved, known());
  expect(seekOf(holdings)).toBeUndefined();
});

test('records of partitions that are not held are not given', () => {
  const holdings = holding();
  accept(holdings, [...records({ topic: 'u', partition: 0 }, 0, 1), ...records(P0, 0)]);
  expect(hand(holdings, true)).toEqual(records(P0, 0));
  holdings.atHand = undefined;
  expect(hand(holdings, true)).toBeUndefined();
});

test('what is lost is not given any more, nor committed, also if it comes again', () => {
  const holdings = holding();
  accept(holdings, [...records(P0, 0, 1), ...records(P1, 0)]);
  hand(holdings, false);
  finish(holdings);
  const { lost } = reconcile(holdings, told([{ ...P1, position: 1 }]), known());
  expect(lost).toMatchObject([P0]);
  expect(uncommitted(holdings)).toEqual([]);
  putBack(holdings);
  reconcile(
    holdings,
    told([
      { ...P0, position: 0 },
      { ...P1, position: 1 },
    ]),
    known(),
  );
  expect(given(holdings)).toEqual([]);
  loseAll(holdings);
  expect(holdings.held.size).toBe(0);
});

test('what is stopping is not given any more; when it stays after all, it goes on where it was', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 1, 2));
  hand(holdings, false);
  const both = [
    { ...P0, position: 3 },
    { ...P1, position: 0 },
  ];
  reconcile(holdings, told(both, [P0]), known());
  expect(hand(holdings, false)).toBeUndefined();
  reconcile(holdings, told(both), known());
  expect(seekOf(holdings)).toBe(1);
  sought(holdings);
  accept(holdings, records(P0, 1, 2));
  expect(given(holdings)).toEqual([1, 2]);
});

test.each([
  { committed: [{ ...P0, offset: 1 }], isEarliest: true, seekTo: 1 },
  { committed: [], isEarliest: true, seekTo: 'earliest' },
  { committed: [], isEarliest: false, seekTo: undefined },
])(
  'what has stopped, and stays after all, begins anew behind what is committed: %j',
  ({ committed, isEarliest, seekTo }) => {
    const holdings = holding();
    accept(holdings, records(P0, 0, 1, 2));
    hand(holdings, false);
    finish(holdings);
    holdings.atHand = undefined;
    const both = [
      { ...P0, position: 3 },
      { ...P1, position: 0 },
    ];
    reconcile(holdings, told(both, [P0]), known());
    find(holdings, P0)!.stopped = true;
    expect(isGain(holdings, told(both, [P0]))).toBe(false);
    expect(isGain(holdings, told(both))).toBe(true);
    const { gained } = reconcile(holdings, told(both), known({ committed, isEarliest }));
    expect(gained).toMatchObject([{ ...P0, position: committed[0]?.offset, seekTo, stopped: false }]);
  },
);

test('what has stopped, and goes, is not lost', () => {
  const holdings = holding();
  find(holdings, P0)!.stopped = true;
  expect(reconcile(holdings, told([{ ...P1, position: 0 }]), known())).toEqual({ gained: [], lost: [] });
});

test('a pause sets aside what waits, and polls bring it again when it ends', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 1, 2));
  hand(holdings, false);
  finish(holdings);
  holdings.atHand = undefined;
  pause(holdings, find(holdings, P0)!);
  expect(hand(holdings, false)).toBeUndefined();
  expect(seekOf(holdings)).toBe('latest');
  sought(holdings);
  accept(holdings, records(P0, 9));
  resume(find(holdings, P0)!);
  expect(seekOf(holdings)).toBe(1);
});

test('what was at hand when its partition was paused is given again, if the loop was left with it', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 1, 2));
  hand(holdings, false);
  pause(holdings, find(holdings, P0)!);
  putBack(holdings);
  resume(find(holdings, P0)!);
  expect(seekOf(holdings)).toBe(0);
});

test('a pause of what nobody knows the position of begins with the first record that comes meanwhile', () => {
  const holdings = unknown();
  pause(holdings, find(holdings, P0)!);
  expect(seekOf(holdings)).toBeUndefined();
  accept(holdings, records(P0, 3, 4));
  accept(holdings, records(P0, 5));
  resume(find(holdings, P0)!);
  expect(seekOf(holdings)).toBe(3);
});

test('a seek drops what waits, and what is on its way, and what is at hand is not given again', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 1, 2));
  hand(holdings, false);
  seek(holdings, find(holdings, P0)!, 7);
  putBack(holdings);
  accept(holdings, records(P0, 3));
  expect(hand(holdings, false)).toBeUndefined();
  sought(holdings);
  accept(holdings, records(P0, 7, 8));
  expect(given(holdings)).toEqual([7, 8]);
});

test('a seek while it is paused counts when the pause is over', () => {
  const holdings = holding();
  pause(holdings, find(holdings, P0)!);
  seek(holdings, find(holdings, P0)!, 7);
  sought(holdings);
  accept(holdings, records(P0, 9));
  resume(find(holdings, P0)!);
  expect(seekOf(holdings)).toBe(7);
});

test('what was at hand when its partition was paused and resumed is given again, and what is behind it once', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 1, 2));
  hand(holdings, false);
  pause(holdings, find(holdings, P0)!);
  resume(find(holdings, P0)!);
  putBack(holdings);
  expect(seekOf(holdings)).toBe(1);
  sought(holdings);
  accept(holdings, records(P0, 1, 2));
  expect(given(holdings)).toEqual([0, 1, 2]);
});

test('what is at hand while a gap is looked at once more is given again', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0));
  hand(holdings, false);
  accept(holdings, records(P0, 5));
  expect(seekOf(holdings)).toBe(1);
  putBack(holdings);
  expect(given(holdings)).toEqual([0]);
});

test('what is finished while it is at hand is not given again', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 1));
  hand(holdings, false);
  finish(holdings);
  putBack(holdings);
  expect(given(holdings)).toEqual([1]);
});

test('what is stopping, and of which nobody knows where it begins, goes on with the first record that came meanwhile', () => {
  const holdings = unknown();
  const stopping = [{ ...P0, position: 8 }];
  reconcile(holdings, told(stopping, [P0]), known({ isQuiet: false }));
  accept(holdings, records(P0, 5, 6, 7));
  reconcile(holdings, told(stopping), known({ isQuiet: false }));
  expect(seekOf(holdings)).toBe(5);
});

test('where the loop begins is to be committed if nothing is', () => {
  expect(offsetsToCommit(holding())).toEqual([]);
  const holdings = unknown();
  expect(offsetsToCommit(holdings)).toEqual([]);
  settle(possibleStarts(holdings));
  expect(offsetsToCommit(holdings)).toEqual([5]);
  expect(possibleStarts(holdings)).toEqual([]);
});

test('where the loop begins is told by the first record, if a poll had moved what the server tells', () => {
  const holdings = unknown();
  const starts = possibleStarts(holdings);
  accept(holdings, records(P0, 3, 4));
  settle(starts);
  expect(offsetsToCommit(holdings)).toEqual([3]);
  expect(given(holdings)).toEqual([3, 4]);
});

test('a seek is to be committed, and what is at hand then is not', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 1, 2));
  hand(holdings, true);
  seek(holdings, find(holdings, P0)!, 1);
  finish(holdings);
  expect(offsetsToCommit(holdings)).toEqual([1]);
});

test('a seek beyond what is known is to be committed when the server has told where it led', () => {
  for (const { to, end, at } of [
    { to: 7, end: 7, at: 7 },
    { to: 7, end: 6, at: 6 },
    { to: 'latest', end: 6, at: 6 },
  ] as const) {
    const holdings = holding();
    const holding0 = find(holdings, P0)!;
    seek(holdings, holding0, to);
    reconcile(holdings, told([{ ...P0, position: 0 }]), known());
    settle(possibleStarts(holdings));
    expect(offsetsToCommit(holdings)).toEqual([]);
    sought(holdings);
    reconcile(holdings, told([{ ...P0, position: end }]), known());
    arrive(holding0);
    settle(possibleStarts(holdings));
    expect(offsetsToCommit(holdings)).toEqual([at]);
    accept(holdings, records(P0, end));
    expect(given(holdings)).toEqual([end]);
  }
});

test('what is to be committed lies behind the last record that is finished', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 4, 5));
  hand(holdings, false);
  expect(uncommitted(holdings)).toEqual([]);
  finish(holdings);
  expect(offsetsToCommit(holdings)).toEqual([1]);
  hand(holdings, false);
  expect(offsetsToCommit(holdings)).toEqual([1]);
  finish(holdings);
  expect(offsetsToCommit(holdings)).toEqual([5]);
});
