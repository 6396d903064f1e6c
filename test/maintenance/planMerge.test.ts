import { type BlobRef, newBlobId } from '../../lib/log/blob.ts';
import type { PlacedSlice } from '../../lib/log/head.ts';
import type { IndexRow } from '../../lib/log/indexRow.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { type MergePlan, planMerge } from '../../lib/maintenance/planMerge.ts';
import { testClock } from '../support/log.ts';

const NOW = 10_000_000;
const LIMITS = {
  ...MAINTENANCE_LIMITS,
  pieceBytes: 100,
  objectBytes: 1_000,
  keepBytes: 400,
  mergeBytes: 300,
  mergeAgeMs: 60_000,
  settleMs: 1_000,
  bytesPerRow: 10_000,
  rowsPerMerge: 10,
};

const at = (ms: number, segmentOf?: number): BlobRef => ({
  id: newBlobId(testClock(ms)),
  inline: false,
  ...(segmentOf !== undefined && { segmentOf }),
});
const recent = () => at(NOW - 10_000);

/** Rows of slices of one record each, in one partition. */
function rowsOf(...rows: (readonly [blob: BlobRef, bytes: number])[][]): IndexRow[] {
  let next = 0;
  return rows.map((slices) => {
    const baseOffset = next;
    const placed = slices.map(([blob, bytes]): PlacedSlice => {
      const slice = { blob, bytes, partition: 0, position: 0, recordCount: 1, maxTimestamp: 0, runs: [] };
      return { ...slice, baseOffset: next++ };
    });
    const row = { baseOffset, endOffset: next, version: 0, slices: placed, closed: false };
    const times = { maxTimestamp: 0, runningMaxTimestamp: 0 };
    return { ...row, ...times, cleanedTo: baseOffset, deleteHorizonMs: undefined };
  });
}

function plan(rows: IndexRow[], options: object = {}, limits: object = {}) {
  const situation = {
    logStartOffset: 0,
    gone: new Set<string>(),
    segmentBytes: 5_000,
    force: false,
    now: NOW,
    ...options,
  };
  return show(planMerge(rows, situation, { ...LIMITS, ...limits }));
}

function show(plan: MergePlan | undefined) {
  if (plan === undefined) return undefined;
  const copied = [...plan.copied].map(({ baseOffset }) => baseOffset);
  return { rows: plan.rows.length, copied, closed: plan.closed };
}

test('a merge is due when enough bytes wait, when the oldest has waited long enough, or when it is forced', () => {
  const few = rowsOf([[recent(), 100]], [[recent(), 100]]);
  expect(plan(few)).toBeUndefined();
  expect(plan(few, { force: true })).toEqual({ rows: 2, copied: [0, 1], closed: false });
  expect(plan(few, {}, { mergeBytes: 200 })).toEqual({ rows: 2, copied: [0, 1], closed: false });
  const old = rowsOf([[at(NOW - 60_000), 100]], [[recent(), 100]]);
  expect(plan(old)).toEqual({ rows: 2, copied: [0, 1], closed: false });
  expect(plan([], { force: true })).toBeUndefined();
});

test('a row with a slice that is younger than the time to settle waits, and those behind it, unless it is forced', () => {
  const rows = rowsOf([[recent(), 390]], [[at(NOW - 500), 10]], [[recent(), 10]]);
  expect(plan(rows)).toEqual({ rows: 1, copied: [0], closed: false });
  expect(plan(rows, { force: true })).toEqual({ rows: 3, copied: [0, 1, 2], closed: false });
});

test('large slices stay where they lie, and those below the log start too', () => {
  const rows = rowsOf([[recent(), 50]], [[recent(), 400]], [[recent(), 50]]);
  expect(plan(rows)).toEqual({ rows: 3, copied: [0, 2], closed: false });
  expect(plan(rows, { logStartOffset: 1 })).toEqual({ rows: 3, copied: [2], closed: false });
});

test('a segment object that large slices part is as large as all its slices: what has been filled is not copied again', () => {
  const object = at(0, 0);
  const rows = rowsOf([
    [object, 300],
    [recent(), 400],
    [object, 300],
    [recent(), 390],
    [at(NOW - 60_000), 390],
  ]);
  expect(plan(rows)).toEqual({ rows: 1, copied: [3, 4], closed: false });
  const parted: [BlobRef, number][] = [
    [object, 10],
    [recent(), 400],
    [object, 10],
  ];
  const more = rowsOf(parted, [[recent(), 400]]);
  expect(plan(more, { force: true })).toEqual({ rows: 2, copied: [], closed: false });
});

test('a segment object at the end is copied again while it is not larger than what comes after it', () => {
  const [first, second] = [at(0, 0), at(0, 0)];
  const after = (bytes: number) =>
    rowsOf(
      [
        [first, 100],
        [first, 100],
        [second, 100],
      ],
      [[at(0), bytes]],
    );
  expect(plan(after(99))).toMatchObject({ copied: [3] });
  expect(plan(after(100))).toMatchObject({ copied: [0, 1, 2, 3] });
  expect(plan(after(100), {}, { keepBytes: 200 })).toMatchObject({ copied: [2, 3] });
  expect(plan(after(1), { force: true })).toMatchObject({ copied: [0, 1, 2, 3] });
});

test('what was merged is not merged again', () => {
  const object = at(0, 0);
  const merged = rowsOf([
    [object, 100],
    [object, 100],
    [at(0), 400],
  ]);
  expect(plan(merged, { force: true })).toBeUndefined();
});

test('a segment is closed when the next row does not fit, by bytes or by the room that its row has', () => {
  const rows = rowsOf([[recent(), 60]], [[recent(), 60]], [[recent(), 60]]);
  expect(plan(rows, { segmentBytes: 120 })).toEqual({ rows: 2, copied: [0, 1], closed: true });
  expect(plan(rows, { segmentBytes: 10 })).toEqual({ rows: 1, copied: [0], closed: true });
  expect(plan(rows, {}, { bytesPerRow: 70 })).toEqual({ rows: 2, copied: [0, 1], closed: true });
  // Then its small objects are copied a last time, whatever comes after them; but one alone is as good as its copy.
  const [first, second] = [at(0, 0), at(0, 0)];
  const full = (...slices: [BlobRef, number][]) =>
    plan(rowsOf(slices, [[recent(), 900]]), { segmentBytes: 1_000 });
  expect(full([first, 300], [second, 200])).toEqual({ rows: 1, copied: [0, 1], closed: true });
  expect(full([first, 300])).toEqual({ rows: 1, copied: [], closed: true });
});

test('one merge copies no more than fits in one object, and goes on later', () => {
  const large = rowsOf(
    Array.from({ length: 4 }, () => [recent(), 300] as const),
    [[recent(), 10]],
  );
  expect(plan(large)).toEqual({ rows: 1, copied: [0, 1, 2], closed: false });
  expect(plan(large, { segmentBytes: 1_000 })).toEqual({ rows: 1, copied: [0, 1, 2], closed: false });
  const many = rowsOf(...Array.from({ length: 20 }, () => [[recent(), 30] as const]));
  // Two merges' worth is due, however few bytes that is.
  expect(plan(many)).toMatchObject({ rows: 10, closed: false });
  expect(plan(many, {}, { objectBytes: 100 })).toMatchObject({ rows: 3, closed: false });
});
