import { type BlobName, blobsPrefix, inlinePk, isBlobName, lastBlobName } from '../log/blob.ts';
import { missingBytes } from '../log/fetch.ts';
import { type Head, headKey, logStartOffset, placedEntries } from '../log/head.ts';
import { type AbsorbedRow, absorbedRowItem, type IndexRow, indexOf, indexRowKey } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Condition } from '../storage/ports.ts';
import {
  type Candidates,
  firstPlace,
  floorFor,
  type Place,
  passed,
  raiseFloor,
  strikeOut,
} from './garbage.ts';
import { MAINTENANCE_LIMITS } from './limits.ts';
import {
  type At,
  type CollectedGarbage,
  type Counts,
  decodeLive,
  deleteObjects,
  type GarbageContext,
  type GarbageOptions,
  inBatches,
  MAX_OBJECTS,
  type Next,
  type Pass,
  readHead,
} from './pass.ts';
import { collectSegments } from './segmentGarbage.ts';

/**
 * Deletes what no reader of the topic can be given any more, in one pass or a part of one: index rows wholly below the
 * log start, blobs that no entry and no row at or above it names, those of appends that died and those that a merge
 * has copied included, segment objects that no row names, and old marks of absorbed rows.
 *
 * Why a blob that is deleted here is never needed: of each head, the collector looks at a state in which `floor` has
 * reached the blob's upload time. From then on the head takes no entry that names it, so whatever names it does so
 * already: in the tail or the roll of that state, or in a row of the index below them. A reference only ever moves
 * from the head to a row, and from a row to a lower one: so the head is looked at first, then the rows from the last down,
 * and what moves meanwhile moves from what was looked at to what is yet to be. The log start never goes back. So "no head
 * names it", once true, stays true, and the collector may die, freeze, run twice or hand on its cursor between any two
 * calls. Heads that are made meanwhile count too: it goes on until there is none. Clocks decide only when it is deleted.
 *
 * Blobs are judged a window at a time (`candidatesPerWindow`), the index is read page by page: that bounds memory and the
 * cursor, whatever the number of blobs and rows. A window costs a read of each head, an update of those whose
 * floor is too low, and a walk over the index that ends when everything is struck out: so a pass over B objects and R
 * rows reads up to R x B / candidatesPerWindow rows, and all inline items up to the floor. A topic at rest costs no write.
 *
 * Throws StorageError, UNKNOWN_TOPIC_OR_PARTITION when a head is gone, or KAFKA_STORAGE_ERROR when a row is missing at or
 * above the log start: then nothing is known to be garbage. What was deleted is deleted; the same cursor may be used again.
 */
export async function collectGarbage(
  { objects, items, clock, limits = MAINTENANCE_LIMITS }: GarbageContext,
  topic: LogTopic,
  { graceMs, marks = false, cursor }: GarbageOptions,
): Promise<CollectedGarbage> {
  const counts: Counts = {
    floorsRaised: 0,
    objects: 0,
    objectBytes: 0,
    inlineItems: 0,
    inlineBytes: 0,
    indexRows: 0,
    segments: 0,
    segmentBytes: 0,
    marks: 0,
  };
  const pass = { objects, items, clock, limits, topic, counts };
  const floor = Math.max(0, clock.now() - graceMs);
  let next: Next = cursor ?? { floor, marks, step: 'rows', head: 0 };
  for (let steps = 0; steps < limits.stepsPerCall; steps++) {
    if (next.step === 'rows') next = await deleteRows(pass, next);
    else if (next.step === 'list') next = await listBlobs(pass, next);
    else if (next.step === 'segments') next = await collectSegments(pass, next);
    else next = await strike(pass, next);
    if (next === 'done') return counts;
  }
  return { ...counts, cursor: next };
}

/**
 * Rows wholly below the log start go before their blobs are listed: whoever still asks for them looks at the head again. They
 * leave marks, as those that a segment has absorbed do, so that a roller that is late does not put them again, as a merger
 * that sleeps has read them.
 */
async function deleteRows(pass: Pass, at: At<'rows'>): Promise<Next> {
  const { items, clock, topic, limits } = pass;
  const { floor, marks, place } = at;
  const list = { floor, marks, step: 'list', after: '', candidates: [] } as const;
  const head = await readHead(pass, at.head);
  if (head === undefined) return { ...list, scope: 'objects' };
  const left = [...head.start.keys()].filter((p) => p >= (place?.partition ?? 0)).sort((a, b) => a - b);
  let pages = 0;
  for (const partition of left) {
    const start = logStartOffset(head, partition);
    let below = partition === place?.partition ? Math.min(place.below, start) : start;
    for (let more = true; more; ) {
      if (pages++ === limits.pagesPerStep) return { ...at, place: { partition, below } };
      const page = await indexOf(items, clock, topic.id, partition).before(below, limits.rowsPerPage);
      const dead = page.rows.filter(isLive).filter(({ endOffset }) => endOffset <= start);
      await inBatches(dead, limits.writesAtOnce, (row) => deleteRow(pass, partition, row));
      await deleteOldMarks(pass, partition, page.rows);
      below = page.rows.at(-1)?.baseOffset ?? 0;
      more = page.more;
    }
  }
  return { ...list, scope: at.head };
}

function isLive(row: IndexRow | AbsorbedRow): row is IndexRow {
  return row.absorbed === undefined;
}

async function deleteRow(
  { items, clock, topic, counts }: Pass,
  partition: number,
  { baseOffset, endOffset, version }: IndexRow,
): Promise<void> {
  const nowhere = { absorbed: baseOffset - 1, absorbedAtMs: clock.now() };
  const mark = absorbedRowItem(topic.id, partition, {
    ...{ baseOffset, endOffset, version: version + 1 },
    ...nowhere,
  });
  // A row that was put anew in the meantime may reach further, and have records that count.
  const { applied } = await withRetries(clock, () =>
    items.put(mark, { path: ['version'], is: '=', value: version }),
  );
  if (applied) counts.indexRows++;
}

/** Adds a page of blobs up to the floor to the window. */
async function listBlobs(pass: Pass, at: At<'list'>): Promise<Next> {
  const room = pass.limits.candidatesPerWindow - at.candidates.length;
  const page = await (at.scope === 'objects'
    ? listObjects(pass, at, room)
    : listInline(pass, at, at.scope, room));
  const candidates = [...at.candidates, ...page.candidates];
  if (page.after !== undefined && candidates.length < pass.limits.candidatesPerWindow) {
    return { ...at, candidates, after: page.after };
  }
  const head = at.scope === 'objects' ? 0 : at.scope;
  return { ...at, step: 'strike', after: page.after, candidates, head };
}

interface BlobPage {
  readonly candidates: Candidates;
  /** Where to go on; `undefined` if there is no more up to the floor. */
  readonly after: string | undefined;
}

async function listObjects(
  { objects, clock, topic }: Pass,
  { floor, after }: At<'list'>,
  room: number,
): Promise<BlobPage> {
  const prefix = blobsPrefix(topic.id);
  const limit = Math.min(room, MAX_OBJECTS);
  const page = await withRetries(clock, () =>
    objects.list(prefix, { limit, ...(after !== '' && { after: prefix + after }) }),
  );
  const last = lastBlobName(floor);
  const named = page.objects.map(({ key, bytes }) => [key.slice(prefix.length), bytes] as const);
  const old = named.filter(([name]) => name <= last);
  // What others put there is not ours to judge.
  return {
    candidates: old.filter(([name]) => isBlobName(name)),
    after: old.length === named.length ? page.next?.slice(prefix.length) : undefined,
  };
}

async function listInline(
  { items, clock, topic }: Pass,
  { floor, after }: At<'list'>,
  head: number,
  room: number,
): Promise<BlobPage> {
  // The next name there can be after one is longer by a digit.
  const from = after === '' ? {} : { from: `${after}0` };
  const page = await withRetries(clock, () =>
    items.query({ pk: inlinePk(topic.id, head), ...from, to: lastBlobName(floor), limit: room }),
  );
  return {
    candidates: page.items.map(({ sk, bytes }) => [sk, (bytes as Uint8Array).length]),
    after: page.lastSk,
  };
}

/**
 * Strikes out of the window what one head and some pages of its partitions' index name. When all heads have been
 * asked, what is left is deleted.
 */
async function strike(pass: Pass, at: At<'strike'>): Promise<Next> {
  const { limits } = pass;
  const candidates = new Map(at.candidates);
  // Once in a pass, and when all heads are asked.
  const forMarks = at.marks && at.scope === 'objects' && at.after === undefined;
  const goesOn = () => candidates.size > 0 || forMarks;
  if (!goesOn()) return nextWindow(at);
  const head = await sealedHead(pass, at.head, floorFor(candidates), at.floor);
  if (head === undefined) return deleteBlobs(pass, at, candidates);
  for (const { slices } of placedEntries(head)) strikeOut(candidates, head, slices);

  let place = at.place ?? firstPlace(head, head.firstPartition);
  for (let page = 0; page < limits.pagesPerStep && place !== undefined && goesOn(); page++) {
    const index = indexOf(pass.items, pass.clock, pass.topic.id, place.partition);
    const { rows, more } = await index.before(place.below, limits.rowsPerPage);
    for (const row of rows) {
      if (row.absorbed === undefined) strikeOut(candidates, head, row.slices);
    }
    await deleteOldMarks(pass, place.partition, rows);
    place = passed(place, rows);
    if (more) continue;
    await requireBelowLogStart(pass, head, place);
    place = firstPlace(head, place.partition + 1);
  }
  const left = { ...at, candidates: [...candidates] };
  if (place !== undefined && goesOn()) return { ...left, place };
  if (at.scope === 'objects') return { ...withoutPlace(left), head: at.head + 1 };
  return deleteBlobs(pass, at, candidates);
}

function withoutPlace({ place: _, ...at }: At<'strike'>): At<'strike'> {
  return at;
}

/** A mark goes when no roller can be so late that it would still put the row again. */
async function deleteOldMarks(
  { items, clock, topic, limits, counts }: Pass,
  partition: number,
  rows: readonly (IndexRow | AbsorbedRow)[],
): Promise<void> {
  const until = clock.now() - limits.markAgeMs;
  const isOld: Condition = { path: ['absorbedAtMs'], is: '<=', value: until };
  const old = rows.filter((row) => row.absorbed !== undefined && row.absorbedAtMs <= until);
  await inBatches(old, limits.writesAtOnce, async ({ baseOffset }) => {
    const key = indexRowKey(topic.id, partition, baseOffset);
    const { applied } = await withRetries(clock, () => items.delete(key, isOld));
    if (applied) counts.marks++;
  });
}

/** The head in a state, and ever after, in which it takes no entry about a blob uploaded at or before `atLeast`. */
async function sealedHead(
  pass: Pass,
  index: number,
  atLeast: number,
  floor: number,
): Promise<Head | undefined> {
  const { items, clock, topic, counts } = pass;
  const head = await readHead(pass, index);
  if (head === undefined || head.floor >= atLeast) return head;
  const { actions, condition } = raiseFloor(floor);
  const raised = await withRetries(clock, () => items.update(headKey(topic.id, index), actions, condition));
  if (raised.applied) counts.floorsRaised++;
  return decodeLive(topic, index, raised.item);
}

/** A row may only be missing where the log start has passed since the head was read. */
async function requireBelowLogStart(
  pass: Pass,
  seen: Head,
  { partition, coveredFrom }: Place,
): Promise<void> {
  if (coveredFrom <= logStartOffset(seen, partition)) return;
  const head = await readHead(pass, seen.index);
  if (head === undefined || coveredFrom <= logStartOffset(head, partition)) return;
  throw missingBytes(pass.topic, partition, coveredFrom - 1);
}

async function deleteBlobs(
  pass: Pass,
  at: At<'strike'>,
  garbage: ReadonlyMap<BlobName, number>,
): Promise<Next> {
  const { items, clock, topic, limits, counts } = pass;
  const names = [...garbage.keys()];
  const bytes = [...garbage.values()].reduce((sum, size) => sum + size, 0);
  if (at.scope === 'objects') {
    await deleteObjects(
      pass,
      names.map((name) => blobsPrefix(topic.id) + name),
    );
    counts.objects += names.length;
    counts.objectBytes += bytes;
  } else {
    const pk = inlinePk(topic.id, at.scope);
    await inBatches(names, limits.writesAtOnce, (sk) => withRetries(clock, () => items.delete({ pk, sk })));
    counts.inlineItems += names.length;
    counts.inlineBytes += bytes;
  }
  return nextWindow(at);
}

/** Inline items of each head first, then the objects of all, then segments: what a merge left behind goes in the same pass. */
function nextWindow({ floor, marks, scope, after }: At<'strike'>): Next {
  const pass = { floor, marks };
  if (after !== undefined) return { ...pass, step: 'list', scope, after, candidates: [] };
  if (scope === 'objects') return { ...pass, step: 'segments', after: '', candidates: [], fenced: false };
  return { ...pass, step: 'rows', head: scope + 1 };
}
