import {
  accept,
  find,
  finish,
  type Holdings,
  hand,
  loseAll,
  newHoldings,
  pause,
  putBack,
  reconcile,
  resume,
  seek,
  uncommitted,
} from '../../lib/client/consumer/holdings.ts';
import type { ConsumerRecord, Heartbeat } from '../../lib/client/consumer/instance.ts';

const P0 = { topic: 't', partition: 0 };
const P1 = { topic: 't', partition: 1 };

const told = (assigned: Heartbeat['assigned'], revoking: Heartbeat['revoking'] = []): Heartbeat => ({
  memberId: 'm',
  epoch: 1,
  heartbeatIntervalMs: 1,
  assigned,
  revoking,
});

const records = (name: typeof P0, ...offsets: number[]): ConsumerRecord[] =>
  offsets.map((offset) => ({ ...name, offset, timestamp: 0, key: null, value: null, headers: [] }));

/** Holds both partitions, from offset 0 on. */
function holding(): Holdings {
  const holdings = newHoldings();
  reconcile(
    holdings,
    told([
      { ...P0, position: 0 },
      { ...P1, position: 0 },
    ]),
    true,
  );
  return holdings;
}

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
  reconcile(holdings, moved, false);
  expect(seekOf(holdings)).toBeUndefined();
  reconcile(holdings, moved, true);
  expect(seekOf(holdings)).toBe(0);
  sought(holdings);
  reconcile(holdings, moved, true);
  expect(seekOf(holdings)).toBeUndefined();
});

test('records of partitions that are not held are handed back', () => {
  const holdings = holding();
  const strange = records({ topic: 'u', partition: 0 }, 0, 1);
  expect(accept(holdings, [...strange, ...records(P0, 0)])).toEqual(strange);
});

test('what is lost is not given any more, nor committed, also if it comes again', () => {
  const holdings = holding();
  accept(holdings, [...records(P0, 0, 1), ...records(P1, 0)]);
  hand(holdings, false);
  finish(holdings);
  const { lost } = reconcile(holdings, told([{ ...P1, position: 1 }]), true);
  expect(lost).toMatchObject([P0]);
  expect(uncommitted(holdings)).toEqual([]);
  putBack(holdings);
  reconcile(
    holdings,
    told([
      { ...P0, position: 0 },
      { ...P1, position: 1 },
    ]),
    true,
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
  reconcile(holdings, told(both, [P0]), true);
  expect(hand(holdings, false)).toBeUndefined();
  reconcile(holdings, told(both), true);
  expect(seekOf(holdings)).toBe(1);
  sought(holdings);
  accept(holdings, records(P0, 1, 2));
  expect(given(holdings)).toEqual([1, 2]);
});

test('what has stopped, and stays after all, is new', () => {
  const holdings = holding();
  const both = [
    { ...P0, position: 3 },
    { ...P1, position: 0 },
  ];
  reconcile(holdings, told(both, [P0]), true);
  find(holdings, P0)!.stopped = true;
  expect(reconcile(holdings, told(both), true).gained).toMatchObject([
    { ...P0, expected: 3, stopped: false },
  ]);
});

test('what has stopped, and goes, is not lost', () => {
  const holdings = holding();
  find(holdings, P0)!.stopped = true;
  expect(reconcile(holdings, told([{ ...P1, position: 0 }]), true)).toEqual({ gained: [], lost: [] });
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
  const holdings = newHoldings();
  reconcile(holdings, told([{ ...P0, position: 0 }]), false);
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

test('what is to be committed lies behind the last record that is finished', () => {
  const holdings = holding();
  accept(holdings, records(P0, 0, 4, 5));
  hand(holdings, false);
  expect(uncommitted(holdings)).toEqual([]);
  finish(holdings);
  expect(uncommitted(holdings)).toMatchObject([{ ...P0, offset: 1 }]);
  hand(holdings, false);
  expect(uncommitted(holdings)).toMatchObject([{ ...P0, offset: 1 }]);
  finish(holdings);
  expect(uncommitted(holdings)).toMatchObject([{ ...P0, offset: 5 }]);
});
