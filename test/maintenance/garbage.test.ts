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
import { floorFor, nextPlace, raiseFloor, reach, strikeOut } from '../../lib/maintenance/garbage.ts';
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
  return { baseOffset, endOffset, slices: [], maxTimestamp: 0, runningMaxTimestamp: 0 };
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
  expect(nextPlace(some, { partition: 0, offset: 0 })).toEqual({ partition: 5, offset: 20 });
  expect(nextPlace(some, { partition: 5, offset: 40 })).toEqual({ partition: 5, offset: 40 });
  expect(nextPlace(some, { partition: 5, offset: 60 })).toBeUndefined();
  const all = head([10, 10, 10]);
  expect(nextPlace(all, { partition: 0, offset: 0 })).toEqual({ partition: 3, offset: 0 });
  expect(nextPlace(all, { partition: 3, offset: 10 })).toEqual({ partition: 4, offset: 0 });
});

test('rows count as far as they reach without a gap', () => {
  const rows = [row(0, 5), row(5, 9), row(10, 12)];
  expect(reach(rows, 0)).toEqual({ rows: rows.slice(0, 2), end: 9 });
  expect(reach(rows, 3)).toEqual({ rows: rows.slice(0, 2), end: 9 });
  expect(reach(rows.slice(2), 9)).toEqual({ rows: [], end: 9 });
  expect(reach([row(0, 5)], 5)).toEqual({ rows: [], end: 5 });
});

test('a floor is raised, never lowered, and on no head that is gone', () => {
  const { condition } = raiseFloor(7);
  const at = (floor: number) => holds(condition, { pk: 'p', sk: 's', floor });
  expect([at(6), at(7), at(8)]).toEqual([true, false, false]);
  expect(holds(condition, undefined)).toBe(false);
});
