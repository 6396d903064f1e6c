import { type BlobRef, newBlobId } from '../../lib/log/blob.ts';
import type { PlacedSlice } from '../../lib/log/head.ts';
import type { IndexRow } from '../../lib/log/indexRow.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import {
  type CompactionSituation,
  clustersOf,
  factsOf,
  partsOf,
  planCompaction,
  planSteps,
  type RowFacts,
} from '../../lib/maintenance/planCompaction.ts';
import { testClock } from '../support/log.ts';

const NOW = 1_000_000;
const SITUATION: CompactionSituation = {
  logStartOffset: 0,
  end: Infinity,
  now: NOW,
  segmentBytes: 100,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 5_000,
};
const LIMITS = { ...MAINTENANCE_LIMITS, rowsPerMerge: 4, bytesPerRow: 10_000, settleMs: 1_000 };

/** Ten offsets, 50 bytes, dirty, unless told otherwise. */
function facts(baseOffset: number, row: Partial<RowFacts> = {}): RowFacts {
  const cleanedTo = row.cleanedTo ?? baseOffset;
  const endOffset = row.endOffset ?? baseOffset + 10;
  const bytes = 5 * (endOffset - baseOffset);
  const cleanBytes = Math.min(bytes, 5 * (cleanedTo - baseOffset));
  return {
    ...{ baseOffset, endOffset, version: 0, closed: true, cleanedTo, deleteHorizonMs: undefined },
    ...{
      bytes,
      cleanBytes,
      dirtyBytes: bytes - cleanBytes,
      dirtySinceMs: cleanedTo < endOffset ? NOW : Infinity,
    },
    ...{ heldFrom: Infinity, heldUntilMs: Infinity, packedBytes: 100 },
    ...row,
  };
}

const plan = (rows: RowFacts[], options: Partial<CompactionSituation> = {}) =>
  planCompaction(rows, { ...SITUATION, ...options });

describe('a row', () => {
  const at = (ms: number, segmentOf?: number): BlobRef => ({
    id: newBlobId(testClock(ms)),
    inline: false,
    ...(segmentOf !== undefined && { segmentOf }),
  });
  const OLD = at(5);
  const SEGMENT = at(NOW, 0);

  function rowOf(
    slices: readonly (readonly [BlobRef, number, number])[],
    row: Partial<IndexRow> = {},
  ): IndexRow {
    const placed = slices.map(([blob, baseOffset, maxTimestamp]): PlacedSlice => {
      const slice = { blob, baseOffset, maxTimestamp, recordCount: 10, bytes: 50 };
      return { ...slice, partition: 0, position: 0, runs: [] };
    });
    return {
      ...{ baseOffset: 0, endOffset: 10 * slices.length, version: 3, slices: placed, closed: false },
      ...{ maxTimestamp: 0, runningMaxTimestamp: 0, cleanedTo: 0, deleteHorizonMs: 77 },
      ...row,
    };
  }
  const of = (row: IndexRow, options: Partial<CompactionSituation> = {}) =>
    factsOf(row, { ...SITUATION, ...options }, LIMITS);

  test('is clean up to where it was cleaned, and dirty from there on', () => {
    const row = rowOf(
      [
        [SEGMENT, 0, 7],
        [SEGMENT, 10, 9],
        [OLD, 20, 8],
      ],
      { cleanedTo: 10 },
    );
    expect(of(row)).toMatchObject({
      ...{ baseOffset: 0, endOffset: 30, version: 3, cleanedTo: 10, deleteHorizonMs: 77 },
      ...{ bytes: 150, cleanBytes: 50, dirtyBytes: 100, dirtySinceMs: 8, heldFrom: Infinity },
    });
    // A slice that was cleaned in part is dirty.
    expect(of({ ...row, cleanedTo: 9 })).toMatchObject({ cleanBytes: 0, dirtyBytes: 150 });
  });

  test('has nothing below the log start', () => {
    const row = rowOf([
      [SEGMENT, 0, 7],
      [SEGMENT, 10, 9],
    ]);
    expect(of(row, { logStartOffset: 10 })).toMatchObject({ bytes: 50, dirtyBytes: 50, dirtySinceMs: 9 });
    expect(of(row, { logStartOffset: 11 })).toMatchObject({ bytes: 50 });
    expect(of(row, { logStartOffset: 20 })).toMatchObject({
      bytes: 0,
      dirtyBytes: 0,
      dirtySinceMs: Infinity,
    });
  });

  test('is held from its first slice on that is younger than min.compaction.lag.ms', () => {
    const row = rowOf([
      [OLD, 0, NOW - 500],
      [OLD, 10, NOW - 99],
      [OLD, 20, 0],
    ]);
    const held = { dirtyBytes: 50, heldFrom: 10, heldUntilMs: NOW + 1 };
    expect(of(row, { minCompactionLagMs: 100 })).toMatchObject(held);
    expect(of(row, { minCompactionLagMs: 99 })).toMatchObject({ dirtyBytes: 150, heldFrom: Infinity });
    // What was cleaned was not too young.
    expect(of({ ...row, cleanedTo: 20 }, { minCompactionLagMs: 100 })).toMatchObject({ heldFrom: Infinity });
  });

  test('is held from its first slice on whose appender may still look for it; times of the future hold nothing', () => {
    const row = rowOf([
      [OLD, 0, NOW + 9_999],
      [at(NOW - 400), 10, 0],
    ]);
    expect(of(row)).toMatchObject({ dirtyBytes: 50, heldFrom: 10, heldUntilMs: NOW + 600 });
  });

  test('without times is as old as its blobs', () => {
    expect(of(rowOf([[OLD, 0, -1]]))).toMatchObject({ dirtySinceMs: 5 });
  });
});

describe('whether it is due', () => {
  test('nothing is, where nothing is', () => {
    expect(plan([])).toMatchObject({ due: false, nextDueAtMs: undefined });
    expect(plan([facts(0)], { logStartOffset: 10 })).toMatchObject({ due: false, nextDueAtMs: undefined });
    expect(plan([facts(0, { cleanedTo: 10 })])).toMatchObject({ due: false, nextDueAtMs: undefined });
  });

  test('more than min.cleanable.dirty.ratio is', () => {
    const clean = facts(0, { cleanedTo: 10 });
    expect(plan([clean, facts(10)])).toMatchObject({ due: false });
    expect(plan([clean, facts(10, { endOffset: 21 })])).toMatchObject({
      due: true,
      from: 10,
      to: 21,
      cleanTo: 10,
    });
    expect(plan([clean, facts(10)], { minCleanableDirtyRatio: 0.49 })).toMatchObject({ due: true });
    expect(plan([clean, facts(10, { endOffset: 11 })], { minCleanableDirtyRatio: 0 })).toMatchObject({
      due: true,
    });
    expect(plan([clean], { minCleanableDirtyRatio: 0 })).toMatchObject({ due: false });
    expect(plan([facts(0)], { minCleanableDirtyRatio: 1 })).toMatchObject({ due: false });
  });

  test('what is dirty for longer than max.compaction.lag.ms is', () => {
    const rows = [facts(0, { cleanedTo: 10 }), facts(10, { endOffset: 12, dirtySinceMs: NOW - 100 })];
    expect(plan(rows, { maxCompactionLagMs: 99 })).toMatchObject({ due: true, to: 12 });
    expect(plan(rows, { maxCompactionLagMs: 100 })).toMatchObject({ due: false, nextDueAtMs: NOW + 1 });
    expect(plan(rows)).toMatchObject({ due: false, nextDueAtMs: undefined });
  });

  test('up to what is too young, which will be due', () => {
    const held = { heldFrom: 15, heldUntilMs: NOW + 9, dirtyBytes: 25 };
    expect(plan([facts(0), facts(10, held)])).toMatchObject({
      due: true,
      from: 0,
      to: 15,
      nextDueAtMs: NOW + 9,
    });
    const young = { heldFrom: 0, heldUntilMs: NOW + 9, dirtyBytes: 0, dirtySinceMs: Infinity };
    expect(plan([facts(0, young)])).toMatchObject({ due: false, nextDueAtMs: NOW + 9 });
  });

  test('tombstones whose time has come are, alone', () => {
    const row = facts(0, { cleanedTo: 10, deleteHorizonMs: NOW });
    expect(plan([row, facts(10, { endOffset: 12 })])).toMatchObject({
      due: true,
      from: 10,
      to: 10,
      cleanTo: 10,
    });
    const later = { ...row, deleteHorizonMs: NOW + 1 };
    expect(plan([later])).toMatchObject({ due: false, nextDueAtMs: NOW + 1 });
    expect(plan([row], { logStartOffset: 10 })).toMatchObject({ due: false });
  });

  test('a pass that was cut short is finished, no more', () => {
    const rows = [facts(0, { cleanedTo: 20 }), facts(10), facts(20, { deleteHorizonMs: NOW })];
    expect(plan(rows)).toMatchObject({ due: true, from: 10, to: 20, cleanTo: 10 });
    const held = [
      facts(0, { cleanedTo: 20 }),
      facts(10, { heldFrom: 10, heldUntilMs: NOW + 5, dirtyBytes: 0 }),
    ];
    expect(plan(held)).toMatchObject({ due: false, nextDueAtMs: NOW + 5 });
  });

  test('rows that overlap are', () => {
    const rows = [facts(0, { endOffset: 20, cleanedTo: 30 }), facts(10, { endOffset: 30, cleanedTo: 30 })];
    expect(plan(rows)).toMatchObject({ due: true, to: 30 });
  });

  test('keys are read from the log start on', () => {
    expect(plan([facts(0), facts(10)], { logStartOffset: 4 })).toMatchObject({
      due: true,
      from: 4,
      to: 20,
      cleanTo: 0,
    });
    // A pass that was cut short, whose end the log start has passed since, has none to read.
    const rows = [facts(0, { endOffset: 20, cleanedTo: 13 }), facts(8, { endOffset: 20 })];
    expect(plan(rows, { logStartOffset: 17 })).toMatchObject({ due: true, from: 13, to: 13, cleanTo: 8 });
  });
});

describe('the steps', () => {
  /** `1` is counted, `2+3` is made one, closed if with `!`. */
  function steps(rows: RowFacts[], to: number, options: object = {}, limits: object = {}): string[] {
    const planned = planSteps(rows, to, { ...SITUATION, ...options }, { ...LIMITS, ...limits });
    return planned.map((step) => {
      if (step.kind === 'count') return `${step.row.baseOffset}`;
      const names = step.clusters.map((cluster) => cluster.map((row) => row.baseOffset).join('&'));
      return `clean ${names.join('+')}${step.closed ? '!' : ''}`;
    });
  }
  const open = { closed: false };

  test('rows that fit into a segment become one', () => {
    const rows = [facts(0), facts(10), facts(20), facts(30, open), facts(40, open)];
    expect(steps(rows, 50)).toEqual(['clean 0+10!', 'clean 20!', 'clean 30+40']);
    expect(steps(rows, 50, { segmentBytes: 10 })).toEqual([
      'clean 0!',
      'clean 10!',
      'clean 20!',
      'clean 30!',
      'clean 40',
    ]);
    expect(steps(rows, 50, { segmentBytes: 1_000 })).toEqual(['clean 0+10+20!', 'clean 30+40']);
    expect(steps(rows, 50, { segmentBytes: 1_000 }, { rowsPerMerge: 2 })[0]).toBe('clean 0+10!');
    expect(steps(rows, 50, { segmentBytes: 1_000 }, { bytesPerRow: 299 })[0]).toBe('clean 0+10!');
  });

  test('what comes before a segment that is closed is closed', () => {
    expect(steps([facts(0, open), facts(10)], 20)).toEqual(['clean 0+10!']);
  });

  test('end with what is known', () => {
    expect(steps([facts(0), facts(10), facts(20)], 11)).toEqual(['clean 0+10!']);
    expect(steps([facts(0), facts(10), facts(20)], 10)).toEqual(['clean 0!']);
  });

  test('pass over rows that are clean', () => {
    const rows = [facts(0, { cleanedTo: 30 }), facts(10), facts(20, { cleanedTo: 40 }), facts(30)];
    expect(steps(rows, 30)).toEqual(['clean 10!']);
  });

  test('count up what is below a row whose tombstones go', () => {
    const clean = { cleanedTo: 40 };
    const expired = { ...clean, deleteHorizonMs: NOW };
    const rows = [facts(0, clean), facts(10, clean), facts(20, expired), facts(30, clean)];
    expect(steps(rows, 40)).toEqual(['0', '10', 'clean 20!']);
    expect(steps(rows, 40, { now: NOW - 1 })).toEqual([]);
  });

  test('count up what is below the log start, before anything is cleaned', () => {
    expect(steps([facts(0), facts(10)], 20, { logStartOffset: 10 })).toEqual(['0', 'clean 10!']);
    expect(steps([facts(0), facts(10)], 20, { logStartOffset: 20 })).toEqual([]);
  });

  test('of those that are not closed, begin with the first', () => {
    const rows = [
      facts(0, { ...open, cleanedTo: 30 }),
      facts(10, { ...open, cleanedTo: 30 }),
      facts(20, open),
    ];
    expect(steps(rows, 30, { segmentBytes: 1_000 })).toEqual(['clean 0+10+20']);
    expect(steps(rows, 30)).toEqual(['clean 0+10!', 'clean 20']);
  });

  test('make one of rows that overlap, however large, though they are clean', () => {
    const clean = { cleanedTo: 50 };
    const rows = [
      facts(0, clean),
      facts(10, { ...clean, endOffset: 30 }),
      facts(20, { ...clean, endOffset: 25 }),
      facts(28, { ...clean, endOffset: 50 }),
    ];
    expect(steps(rows, 50, { segmentBytes: 10 })).toEqual(['clean 10&20&28!']);
  });
});

test('rows that overlap make a cluster, others each one of its own', () => {
  const spans = [
    [0, 10],
    [10, 30],
    [15, 20],
    [29, 40],
    [40, 50],
  ] as const;
  const rows = spans.map(([baseOffset, endOffset]) => ({ baseOffset, endOffset }));
  expect(clustersOf(rows).map((cluster) => cluster.map(({ baseOffset }) => baseOffset))).toEqual([
    [0],
    [10, 15, 29],
    [40],
  ]);
});

test('of two rows that hold an offset the later one counts', () => {
  const parts = (...spans: (readonly [number, number])[]) =>
    partsOf(spans.map(([baseOffset, endOffset]) => ({ baseOffset, endOffset }))).map(
      ({ row, from, to }) => `${row.baseOffset}: ${from}-${to}`,
    );
  expect(parts([0, 10])).toEqual(['0: 0-10']);
  expect(parts([0, 20], [10, 30])).toEqual(['0: 0-10', '10: 10-30']);
  expect(parts([0, 40], [10, 20])).toEqual(['0: 0-10', '10: 10-20', '0: 20-40']);
  expect(parts([0, 40], [10, 20], [15, 50])).toEqual(['0: 0-10', '10: 10-15', '15: 15-50']);
  expect(parts([0, 40], [10, 30], [12, 15])).toEqual([
    '0: 0-10',
    '10: 10-12',
    '12: 12-15',
    '10: 15-30',
    '0: 30-40',
  ]);
});
