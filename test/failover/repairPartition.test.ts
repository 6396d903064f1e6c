import { repairPartition } from '../../lib/failover/repairPartition.ts';
import type { PlacedSlice } from '../../lib/log/head.ts';
import type { IndexRow } from '../../lib/log/indexRow.ts';
import { testClock } from '../support/log.ts';

/** Offsets from the first up to, and without, the second. */
type Span = readonly [from: number, to: number];

interface Case {
  readonly start?: number;
  /** Rows of the index: of each, its slices. */
  readonly rows?: readonly (readonly Span[])[];
  /** Slices of the head. */
  readonly head?: readonly Span[];
  /** Where the head says that the index ends: where it begins itself, unless given. */
  readonly indexEnd?: number;
  /** Slices whose bytes are not to be had, of rows or of the head: by their first offset. */
  readonly gone?: readonly number[];
  /** Segments that no row names: of each, its slices. */
  readonly segments?: readonly (readonly Span[])[];
  readonly gap?: number;
}

interface Whole {
  /** What a reader finds, of what is in the index and was put: where from, and which offsets; `-` is none. */
  readonly reads: readonly string[];
  readonly lost: readonly Span[];
  readonly start: number;
  readonly end: number;
}

const PARTITION = 3;

function slice(name: string, [from, to]: Span): PlacedSlice {
  return {
    blob: { id: new TextEncoder().encode(`${name} ${from}`.padEnd(14)), inline: false },
    ...{ partition: PARTITION, position: 0, bytes: 10, baseOffset: from, recordCount: to - from },
    ...{ maxTimestamp: to, runs: [] },
  };
}

function row(spans: readonly Span[]): IndexRow {
  const baseOffset = spans[0]![0];
  const endOffset = spans.at(-1)![1];
  return {
    ...{
      baseOffset,
      endOffset,
      version: 4,
      closed: false,
      cleanedTo: baseOffset,
      deleteHorizonMs: undefined,
    },
    slices: spans.map((span) => slice('row', span)),
    ...{ maxTimestamp: endOffset, runningMaxTimestamp: endOffset },
  };
}

const endOf = ({ baseOffset, recordCount }: PlacedSlice) => baseOffset + recordCount;
const nameOf = ({ bytes, blob }: PlacedSlice) =>
  bytes === 0 ? '-' : new TextDecoder().decode(blob.id).split(' ', 1)[0]!;

async function repaired({
  start = 0,
  rows = [],
  head = [],
  gone = [],
  segments = [],
  gap = 0,
  ...given
}: Case) {
  const inHead = head.map((span) => slice('head', span));
  const found = {
    ...{ partition: PARTITION, logStartOffset: start, rows: rows.map(row), inHead, maxTimestamp: -1 },
    indexEnd: given.indexEnd ?? inHead[0]?.baseOffset ?? rows.at(-1)?.at(-1)?.[1] ?? 0,
  };
  const repair = await repairPartition(found, {
    has: ({ baseOffset, blob }) =>
      nameOf({ blob, bytes: 1 } as PlacedSlice) === 'seg' || !gone.includes(baseOffset),
    offsetGap: gap,
    clock: testClock(),
    async recover(from, to) {
      const left = segments
        .map((spans, i) =>
          spans.filter((span) => span[0] >= from).map((span) => slice(`seg${i || ''}`, span)),
        )
        .filter((slices) => slices.length > 0 && slices[0]!.baseOffset < to)
        .toSorted((a, b) => a[0]!.baseOffset - b[0]!.baseOffset);
      return left[0];
    },
  });
  return { repair, found };
}

/** As the index is read: the nearest row that holds an offset. Fails where none does. */
function readsOf({ repair, found }: Awaited<ReturnType<typeof repaired>>): Whole {
  const all = new Map(found.rows.map((each) => [each.baseOffset, each]));
  for (const each of repair.put) {
    const before = all.get(each.baseOffset);
    // In place of another it is put on its version.
    if (before !== undefined) expect(each.version).toBeGreaterThan(before.version);
    all.set(each.baseOffset, each);
  }
  const reads: string[] = [];
  for (let next = repair.start; next < repair.end; ) {
    const holding = [...all.values()]
      .filter(({ baseOffset, endOffset }) => baseOffset <= next && next < endOffset)
      .toSorted((a, b) => b.baseOffset - a.baseOffset)[0];
    if (holding === undefined) throw new Error(`no row holds ${next}`);
    const at = holding.slices.find((each) => endOf(each) > next)!;
    expect(at.baseOffset).toBeLessThanOrEqual(next);
    reads.push(`${nameOf(at)} ${next}-${endOf(at)}`);
    next = endOf(at);
  }
  const { lost, start, end } = repair;
  return { reads, lost, start, end };
}

const CASES: Readonly<Record<string, readonly [Case, Whole]>> = {
  'nothing is known of an empty partition': [{}, { reads: [], lost: [], start: 0, end: 0 }],
  'rows that follow one another, with their bytes, stay': [
    {
      rows: [
        [[0, 4]],
        [
          [4, 6],
          [6, 9],
        ],
      ],
    },
    { reads: ['row 0-4', 'row 4-6', 'row 6-9'], lost: [], start: 0, end: 9 },
  ],
  'what the head has becomes a row': [
    {
      rows: [[[0, 4]]],
      head: [
        [4, 6],
        [6, 7],
      ],
    },
    { reads: ['row 0-4', 'head 4-6', 'head 6-7'], lost: [], start: 0, end: 7 },
  ],
  'a row that is behind the head, which is older, counts': [
    { rows: [[[0, 4]], [[4, 9]]], head: [[4, 6]], indexEnd: 4 },
    { reads: ['row 0-4', 'row 4-9'], lost: [], start: 0, end: 9 },
  ],
  'a hole is filled by the head, which rolls': [
    {
      rows: [[[0, 4]], [[6, 9]]],
      head: [
        [4, 6],
        [6, 9],
        [9, 12],
      ],
      indexEnd: 4,
    },
    { reads: ['row 0-4', 'head 4-6', 'row 6-9', 'head 9-12'], lost: [], start: 0, end: 12 },
  ],
  'a hole is filled by a segment': [
    {
      rows: [[[0, 4]], [[8, 9]]],
      segments: [
        [
          [4, 6],
          [6, 8],
        ],
      ],
    },
    { reads: ['row 0-4', 'seg 4-6', 'seg 6-8', 'row 8-9'], lost: [], start: 0, end: 9 },
  ],
  'a hole is filled by several segments, one after the other': [
    { rows: [[[0, 4]], [[8, 9]]], segments: [[[4, 6]], [[6, 8]]] },
    { reads: ['row 0-4', 'seg 4-6', 'seg1 6-8', 'row 8-9'], lost: [], start: 0, end: 9 },
  ],
  'a segment that reaches beyond the hole takes the place of the row that it covers': [
    {
      rows: [[[0, 4]], [[6, 8]], [[8, 9]]],
      segments: [
        [
          [4, 6],
          [6, 8],
        ],
      ],
    },
    { reads: ['row 0-4', 'seg 4-6', 'row 6-8', 'row 8-9'], lost: [], start: 0, end: 9 },
  ],
  'a segment that straddles a row gives what is in front of it': [
    { rows: [[[0, 4]], [[6, 9]]], segments: [[[4, 7]]] },
    { reads: ['row 0-4', 'seg 4-7', 'row 7-9'], lost: [], start: 0, end: 9 },
  ],
  'a hole of which nothing is known keeps its offsets, without records': [
    { rows: [[[0, 4]], [[8, 9]]] },
    { reads: ['row 0-4', '- 4-8', 'row 8-9'], lost: [[4, 8]], start: 0, end: 9 },
  ],
  'of a hole in part known the rest is lost': [
    { rows: [[[0, 4]], [[12, 13]]], segments: [[[6, 8]]] },
    {
      reads: ['row 0-4', '- 4-6', 'seg 6-8', '- 8-12', 'row 12-13'],
      lost: [
        [4, 6],
        [8, 12],
      ],
      start: 0,
      end: 13,
    },
  ],
  'a hole up to the end of the index is lost, since the head says where that is': [
    { rows: [[[0, 4]]], head: [[9, 11]] },
    { reads: ['row 0-4', '- 4-9', 'head 9-11'], lost: [[4, 9]], start: 0, end: 11 },
  ],
  'with nothing in front of it, a hole is what retention took, of which the log start did not arrive': [
    { start: 2, rows: [[[6, 9]]] },
    { reads: ['row 6-9'], lost: [], start: 6, end: 9 },
  ],
  'what a segment has of such a hole is kept': [
    { rows: [[[6, 9]]], segments: [[[4, 6]]] },
    { reads: ['seg 4-6', 'row 6-9'], lost: [], start: 4, end: 9 },
  ],
  'a row that straddles the log start stays': [
    {
      start: 2,
      rows: [
        [
          [0, 4],
          [4, 6],
        ],
      ],
    },
    { reads: ['row 2-4', 'row 4-6'], lost: [], start: 2, end: 6 },
  ],
  'rows below the log start do not count, nor whether they have their bytes': [
    { start: 4, rows: [[[0, 4]], [[4, 6]]], gone: [0] },
    { reads: ['row 4-6'], lost: [], start: 4, end: 6 },
  ],
  'a row whose bytes are gone is replaced by the segment that was made of it': [
    {
      rows: [[[0, 4]], [[4, 6]]],
      gone: [0, 4],
      segments: [
        [
          [0, 3],
          [3, 6],
        ],
      ],
    },
    { reads: ['seg 0-3', 'seg 3-6'], lost: [], start: 0, end: 6 },
  ],
  'by several, if they were made of it one after the other': [
    {
      rows: [
        [
          [0, 4],
          [4, 9],
        ],
      ],
      gone: [0, 4],
      segments: [[[0, 4]], [[4, 9]]],
    },
    { reads: ['seg 0-4', 'seg1 4-9'], lost: [], start: 0, end: 9 },
  ],
  'a row of which some bytes are in a segment, and some still where they were, has all': [
    {
      rows: [
        [
          [0, 4],
          [4, 6],
          [6, 9],
        ],
      ],
      gone: [0],
      segments: [[[0, 4]]],
    },
    { reads: ['seg 0-4', 'row 4-6', 'row 6-9'], lost: [], start: 0, end: 9 },
  ],
  'so does one that straddles the log start': [
    {
      start: 2,
      rows: [
        [
          [0, 4],
          [4, 6],
        ],
      ],
      gone: [4],
      segments: [[[4, 6]]],
    },
    { reads: ['row 2-4', 'seg 4-6'], lost: [], start: 2, end: 6 },
  ],
  'bytes that nobody has are lost, and the others of the row are not': [
    {
      rows: [
        [
          [0, 4],
          [4, 6],
          [6, 9],
        ],
      ],
      gone: [4],
    },
    { reads: ['row 0-4', '- 4-6', 'row 6-9'], lost: [[4, 6]], start: 0, end: 9 },
  ],
  'bytes that are gone below the log start are not counted as lost': [
    {
      start: 5,
      rows: [
        [
          [0, 4],
          [4, 6],
          [6, 9],
        ],
      ],
      gone: [0, 4],
    },
    { reads: ['- 5-6', 'row 6-9'], lost: [[5, 6]], start: 5, end: 9 },
  ],
  'a slice of the head whose bytes did not arrive is lost': [
    {
      rows: [[[0, 4]]],
      head: [
        [4, 6],
        [6, 9],
        [9, 10],
      ],
      gone: [6],
    },
    { reads: ['row 0-4', 'head 4-6', '- 6-9', 'head 9-10'], lost: [[6, 9]], start: 0, end: 10 },
  ],
  'the last of the head is lost, and its offsets stay': [
    { rows: [[[0, 4]]], head: [[4, 6]], gone: [4] },
    { reads: ['row 0-4', '- 4-6'], lost: [[4, 6]], start: 0, end: 6 },
  ],
  'behind it all, offsets are left out of which nobody may have been given': [
    { rows: [[[0, 4]]], head: [[4, 6]], gap: 100 },
    { reads: ['row 0-4', 'head 4-6', '- 6-106'], lost: [], start: 0, end: 106 },
  ],
  'of a partition of which nothing arrived, too': [
    { gap: 100 },
    { reads: ['- 0-100'], lost: [], start: 0, end: 100 },
  ],
};

test.each(Object.entries(CASES))('%s', async (_, [shape, whole]) => {
  expect(readsOf(await repaired(shape))).toEqual(whole);
});

test('the greatest timestamp never falls, from row to row', async () => {
  const { repair, found } = await repaired({
    ...{ rows: [[[0, 4]], [[8, 9]]], head: [[9, 11]], segments: [[[5, 8]]], gap: 10 },
  });
  const rows = [...found.rows, ...repair.put].toSorted((a, b) => a.baseOffset - b.baseOffset);
  expect(rows.map(({ baseOffset, runningMaxTimestamp }) => [baseOffset, runningMaxTimestamp])).toEqual([
    [0, 4],
    [4, 4],
    [5, 8],
    [8, 9],
    [9, 11],
    [11, 11],
  ]);
  expect(repair.maxTimestamp).toBe(11);
});
