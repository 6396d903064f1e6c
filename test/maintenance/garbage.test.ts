import {
  type BlobName,
  blobName,
  isBlobName,
  lastBlobName,
  nameUploadedAt,
  newBlobId,
} from '../../lib/log/blob.ts';
import { decodeHead, type Head, newHead, type PlacedSlice } from '../../lib/log/head.ts';
import type { IndexRow } from '../../lib/log/indexRow.ts';
import { firstPlace, floorFor, passed, raiseFloor, strikeOut } from '../../lib/maintenance/garbage.ts';
import { holds } from '../../lib/storage/expression.ts';
import { testClock } from '../support/log.ts';

const topic = { id: 't', name: 't', partitions: 6, partitionsPerHead: 3 };

/** The second head, of partitions 3 to 5. */
function head(bases: readonly number[], starts: Record<number, number> = {}): Head {
  return {
    ...decodeHead(newHead(topic, 1), topic, 1),
    base: bases.map((offset) => ({ offset, maxTimestamp: 0 })),
    start: new Map(Object.entries(starts).map(([partition, offset]) => [Number(partition), offset])),
  };
}

function row(baseOffset: number, endOffset: number): IndexRow {
  const times = { maxTimestamp: 0, runningMaxTimestamp: 0 };
  return {
    baseOffset,
    endOffset,
    version: 0,
    slices: [],
    ...times,
    closed: false,
    cleanedTo: 0,
    deleteHorizonMs: undefined,
  };
}

function slice(name: BlobName, partition: number, baseOffset: number, recordCount: number): PlacedSlice {
  const blob = { id: Buffer.from(name, 'hex'), inline: false };
  return { blob, partition, baseOffset, recordCount, position: 0, bytes: 1, maxTimestamp: 0, runs: [] };
}

test('names of blobs sort by the time of their upload, and the last of a time is behind all others of it', () => {
  for (const now of [1, 255, 256, 2 ** 32 - 1, 2 ** 32, 1_790_000_000_000]) {
    const name = blobName(newBlobId(testClock(now)));
    expect(isBlobName(name)).toBe(true);
    expect(nameUploadedAt(name)).toBe(now);
    expect(name <= lastBlobName(now)).toBe(true);
    expect(name > lastBlobName(now - 1)).toBe(true);
  }
  expect(isBlobName('00notablob')).toBe(false);
});

test('a slice is a reason to keep its blob while one of its records is at or above the log start', () => {
  const names = [10, 20, 30, 40].map((now) => blobName(newBlobId(testClock(now))));
  const [below, at, over, elsewhere] = names as [BlobName, BlobName, BlobName, BlobName];
  const candidates = new Map(names.map((name) => [name, 1]));
  expect(floorFor(candidates)).toBe(40);
  strikeOut(candidates, head([20, 20, 20], { 3: 10 }), [
    slice(below, 3, 5, 5),
    slice(at, 3, 10, 1),
    slice(over, 3, 9, 2),
    slice(elsewhere, 4, 5, 5),
  ]);
  expect([...candidates.keys()]).toEqual([below]);
  expect(floorFor(candidates)).toBe(10);
});

test('the walk passes over partitions whose index has nothing at or above the log start', () => {
  const some = head([0, 50, 60], { 4: 50, 5: 20 });
  expect(firstPlace(some, 3)).toEqual({ partition: 5, below: 60, coveredFrom: 60 });
  expect(firstPlace(some, 6)).toBeUndefined();
  const all = head([10, 20, 10]);
  expect(firstPlace(all, 3)).toEqual({ partition: 3, below: 10, coveredFrom: 10 });
  expect(firstPlace(all, 4)).toEqual({ partition: 4, below: 20, coveredFrom: 20 });
});

test('rows that were looked at count as far down as they leave no gap', () => {
  const place = { partition: 3, below: 12, coveredFrom: 12 };
  const mark = (baseOffset: number, endOffset: number) =>
    ({ baseOffset, endOffset, version: 1, absorbed: 0, absorbedAtMs: 0 }) as const;
  expect(passed(place, [row(10, 12), row(5, 10)])).toEqual({ partition: 3, below: 5, coveredFrom: 5 });
  expect(passed(place, [row(10, 12), row(5, 9)])).toEqual({ partition: 3, below: 5, coveredFrom: 10 });
  // One that was absorbed covers nothing; the row below that has its records does, though another ends early.
  expect(passed(place, [mark(10, 12), row(7, 9), mark(5, 7)])).toMatchObject({ below: 5, coveredFrom: 12 });
  expect(passed(place, [mark(10, 12), row(7, 9), row(5, 13)])).toMatchObject({ below: 5, coveredFrom: 5 });
});

test('a floor is raised, never lowered, and on no head that is gone', () => {
  const { condition } = raiseFloor(7);
  const at = (floor: number) => holds(condition, { pk: 'p', sk: 's', floor });
  expect([at(6), at(7), at(8)]).toEqual([true, false, false]);
  expect(holds(condition, undefined)).toBe(false);
});
