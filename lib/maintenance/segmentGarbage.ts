import {
  type BlobName,
  nameUploadedAt,
  parseSegmentName,
  type SegmentName,
  segmentsPrefix,
} from '../log/blob.ts';
import { headIndexOf } from '../log/head.ts';
import { indexOf, indexRowKey } from '../log/indexRow.ts';
import { withRetries } from '../log/retry.ts';
import { strikeOut } from './garbage.ts';
import { type At, deleteObjects, inBatches, MAX_OBJECTS, type Next, type Pass, readHead } from './pass.ts';

interface Candidate {
  readonly name: SegmentName;
  readonly bytes: number;
  readonly baseOffset: number;
  readonly blob: BlobName;
}

/**
 * Judges the segment objects of one partition, or some pages of its index.
 *
 * A segment object can be named by the row that it was made for, or, when that was absorbed, by a lower one: so rows are
 * looked at from there down. One that no row names may still be about to be swapped in, by a merger that sleeps: so its
 * row's version is counted up, which makes that swap fail, and the rows are looked at once more. What none
 * names then, none ever will. A row that is gone or absorbed refuses the swap as it is.
 */
export async function collectSegments(pass: Pass, at: At<'segments'>): Promise<Next> {
  const first = parseSegmentName(at.candidates[0]?.[0] ?? '');
  if (first === undefined) return listSegments(pass, at);
  const { floor, marks, after } = at;
  const { partition } = first;
  const { items, clock, topic, limits, counts } = pass;
  const mine: Candidate[] = [];
  const others = at.candidates.filter(([name, bytes]) => {
    const parsed = parseSegmentName(name)!;
    if (parsed.partition === partition) mine.push({ name, bytes, ...parsed });
    return parsed.partition !== partition;
  });
  const next = { floor, marks, step: 'segments', after, candidates: others, fenced: false } as const;

  const head = await readHead(pass, headIndexOf(topic, partition));
  // Added since the topic was looked up: the next pass will know of it.
  if (head === undefined) return next;
  const unnamed = new Map(mine.map(({ blob, bytes }) => [blob, bytes]));
  const index = indexOf(items, clock, topic.id, partition);
  let below = at.below ?? Math.max(...mine.map(({ baseOffset }) => baseOffset)) + 1;
  let more = true;
  for (let page = 0; more && page < limits.pagesPerStep && unnamed.size > 0; page++) {
    const read = await index.before(below, limits.rowsPerPage);
    for (const row of read.rows) {
      below = row.baseOffset;
      if (row.absorbed === undefined) strikeOut(unnamed, head, row.slices);
    }
    more = read.more;
  }
  const left = mine.filter(({ blob }) => unnamed.has(blob));
  const candidates = [...left.map(({ name, bytes }) => [name, bytes] as const), ...others];
  if (more && left.length > 0) return { ...next, candidates, below, fenced: at.fenced };
  if (left.length > 0 && !at.fenced) {
    await fence(pass, partition, left);
    return { ...next, candidates, fenced: true };
  }
  const prefix = segmentsPrefix(topic.id);
  await deleteObjects(
    pass,
    left.map(({ name }) => prefix + name),
  );
  counts.segments += left.length;
  for (const { bytes } of left) counts.segmentBytes += bytes;
  return next;
}

/** From here on no swap that was planned before is applied. */
async function fence(
  { items, clock, topic, limits }: Pass,
  partition: number,
  candidates: readonly Candidate[],
): Promise<void> {
  const baseOffsets = [...new Set(candidates.map(({ baseOffset }) => baseOffset))];
  await inBatches(baseOffsets, limits.writesAtOnce, (baseOffset) =>
    withRetries(clock, () =>
      items.update(indexRowKey(topic.id, partition, baseOffset), [{ add: ['version'], value: 1 }], {
        all: [{ exists: ['version'] }, { missing: ['absorbed'] }],
      }),
    ),
  );
}

async function listSegments({ objects, clock, topic, limits }: Pass, at: At<'segments'>): Promise<Next> {
  if (at.after === undefined) return 'done';
  const prefix = segmentsPrefix(topic.id);
  const options = {
    limit: Math.min(limits.candidatesPerWindow, MAX_OBJECTS),
    ...(at.after !== '' && { after: prefix + at.after }),
  };
  const page = await withRetries(clock, () => objects.list(prefix, options));
  const candidates = page.objects
    .map(({ key, bytes }) => [key.slice(prefix.length), bytes] as const)
    .filter(([name]) => isOld(name, at.floor));
  return { ...at, after: page.next?.slice(prefix.length), candidates, fenced: false };
}

/** What others put there is not ours to judge. */
function isOld(name: SegmentName, floor: number): boolean {
  const parsed = parseSegmentName(name);
  return parsed !== undefined && nameUploadedAt(parsed.blob) <= floor;
}
