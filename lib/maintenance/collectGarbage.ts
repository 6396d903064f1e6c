import type { Clock } from '../clock.ts';
import { type BlobName, blobsPrefix, inlinePk, isBlobName, lastBlobName } from '../log/blob.ts';
import { missingBytes } from '../log/fetch.ts';
import {
  decodeHead,
  type Head,
  headIndexOf,
  headKey,
  isDeleted,
  logStartOffset,
  placedEntries,
} from '../log/head.ts';
import { gone } from '../log/heads.ts';
import { type IndexRow, indexOf, indexRowKey } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Item, ItemStore, ObjectStore } from '../storage/ports.ts';
import {
  type Candidates,
  floorFor,
  type GarbageCursor,
  nextPlace,
  type Place,
  raiseFloor,
  reach,
  strikeOut,
} from './garbage.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';

/** Of ObjectStore's list and delete. */
const MAX_OBJECTS = 1_000;

export interface GarbageContext {
  readonly objects: Pick<ObjectStore, 'list' | 'delete'>;
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits?: MaintenanceLimits;
}

export interface GarbageOptions {
  /** Blobs younger than this are left alone: their appends may be on their way. It is a courtesy, not what makes it safe. */
  readonly graceMs: number;
  /** What an earlier call handed back. It keeps that pass's floor, whatever `graceMs` is. */
  readonly cursor?: GarbageCursor;
}

export interface CollectedGarbage {
  readonly floorsRaised: number;
  readonly objects: number;
  readonly objectBytes: number;
  readonly inlineItems: number;
  readonly inlineBytes: number;
  readonly indexRows: number;
  /** To go on with; missing when the pass is done. */
  readonly cursor?: GarbageCursor;
}

type Counts = { -readonly [count in keyof Omit<CollectedGarbage, 'cursor'>]: number };
type Next = GarbageCursor | 'done';

interface Pass extends Required<GarbageContext> {
  readonly topic: LogTopic;
  readonly counts: Counts;
}

/**
 * Deletes what no reader of the topic can be given any more, in one pass or a part of one: index rows wholly below the
 * log start, and blobs that no entry and no row at or above it names, those of appends that died included.
 *
 * Why a blob that is deleted here is never needed: of each head, the collector looks at a state in which `floor` has
 * reached the blob's upload time. From then on the head takes no entry that names it, so whatever names it does so
 * already: in the tail or the roll of that state, or in a row of the index below them, which is read after it. An entry that
 * moves meanwhile moves from what was looked at to what is yet to be. The log start never goes back. So "no head
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
  { graceMs, cursor }: GarbageOptions,
): Promise<CollectedGarbage> {
  const counts: Counts = {
    floorsRaised: 0,
    objects: 0,
    objectBytes: 0,
    inlineItems: 0,
    inlineBytes: 0,
    indexRows: 0,
  };
  const pass = { objects, items, clock, limits, topic, counts };
  let next: Next = cursor ?? { floor: Math.max(0, clock.now() - graceMs), step: 'rows', head: 0 };
  for (let steps = 0; steps < limits.stepsPerCall; steps++) {
    if (next.step === 'rows') next = await deleteRows(pass, next);
    else if (next.step === 'list') next = await listBlobs(pass, next);
    else next = await strike(pass, next);
    if (next === 'done') return counts;
  }
  return { ...counts, cursor: next };
}

type At<S extends GarbageCursor['step']> = Extract<GarbageCursor, { step: S }>;

/**
 * The head as it stands; `undefined` beyond the last one. Partitions may have been added since the topic was looked up:
 * heads beyond those it had then are heads too.
 */
async function readHead({ items, clock, topic }: Pass, index: number): Promise<Head | undefined> {
  const item = await withRetries(clock, () => items.get(headKey(topic.id, index)));
  if (item === undefined && index > headIndexOf(topic, topic.partitions - 1)) return undefined;
  return decodeLive(topic, index, item);
}

function decodeLive(topic: LogTopic, index: number, item: Item | undefined): Head {
  if (item === undefined || isDeleted(item)) throw gone(topic);
  return decodeHead(item, topic, index);
}

/** The rows go before their blobs are listed: whoever still asks for them looks at the head again. */
async function deleteRows(pass: Pass, at: At<'rows'>): Promise<Next> {
  const { items, clock, topic, limits } = pass;
  const { floor } = at;
  const head = await readHead(pass, at.head);
  if (head === undefined) return { floor, step: 'list', scope: 'objects', after: '', candidates: [] };
  let again = false;
  for (const [partition, start] of head.start) {
    const page = await indexOf(items, clock, topic.id, partition).before(start, limits.rowsPerPage);
    const dead = page.rows.filter((row) => row.endOffset <= start);
    await inBatches(dead, limits.deletesAtOnce, (row) => deleteRow(pass, partition, row, start));
    again ||= page.more && dead.length > 0;
  }
  return again ? at : { floor, step: 'list', scope: at.head, after: '', candidates: [] };
}

async function deleteRow(
  { items, clock, topic, counts }: Pass,
  partition: number,
  row: IndexRow,
  start: number,
): Promise<void> {
  const key = indexRowKey(topic.id, partition, row.baseOffset);
  // A row that has come to reach further in the meantime has records that count.
  const { applied } = await withRetries(clock, () =>
    items.delete(key, { path: ['end'], is: '<=', value: start }),
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
  const place = { partition: 0, offset: 0 };
  return { ...at, step: 'strike', after: page.after, candidates, head, place };
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
  if (candidates.size === 0) return nextWindow(at);
  const head = await sealedHead(pass, at.head, floorFor(candidates), at.floor);
  if (head === undefined) return deleteBlobs(pass, at, candidates);
  for (const { slices } of placedEntries(head)) strikeOut(candidates, head, slices);

  let place = nextPlace(head, at.place);
  for (let page = 0; page < limits.pagesPerStep && place !== undefined && candidates.size > 0; page++) {
    const { rows, end } = await readRows(pass, place);
    if (rows.length === 0) {
      await requireBelowLogStart(pass, at.head, place);
      break;
    }
    for (const { slices } of rows) strikeOut(candidates, head, slices);
    place = nextPlace(head, { ...place, offset: end });
  }
  const left = { ...at, candidates: [...candidates] };
  if (place !== undefined && candidates.size > 0) return { ...left, place };
  if (at.scope === 'objects') return { ...left, head: at.head + 1, place: { partition: 0, offset: 0 } };
  return deleteBlobs(pass, at, candidates);
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

/** Rows from the one that holds the offset on, without a gap. */
async function readRows(
  { items, clock, topic, limits }: Pass,
  { partition, offset }: Place,
): Promise<{ rows: readonly IndexRow[]; end: number }> {
  const index = indexOf(items, clock, topic.id, partition);
  const { rows } = await index.from(offset, limits.rowsPerPage);
  if (rows[0]?.baseOffset === offset) return reach(rows, offset);
  const holding = await index.at(offset);
  return reach(holding === undefined ? [] : [holding], offset);
}

/** A row may only be missing where the log start has passed since the head was read: then the next step begins there. */
async function requireBelowLogStart(
  pass: Pass,
  headIndex: number,
  { partition, offset }: Place,
): Promise<void> {
  const head = await readHead(pass, headIndex);
  if (head === undefined || logStartOffset(head, partition) > offset) return;
  throw missingBytes(pass.topic, partition, offset);
}

async function deleteBlobs(
  pass: Pass,
  at: At<'strike'>,
  garbage: ReadonlyMap<BlobName, number>,
): Promise<Next> {
  const { objects, items, clock, topic, limits, counts } = pass;
  const names = [...garbage.keys()];
  const bytes = [...garbage.values()].reduce((sum, size) => sum + size, 0);
  if (at.scope === 'objects') {
    const keys = names.map((name) => blobsPrefix(topic.id) + name);
    for (let from = 0; from < keys.length; from += MAX_OBJECTS) {
      await withRetries(clock, () => objects.delete(keys.slice(from, from + MAX_OBJECTS)));
    }
    counts.objects += names.length;
    counts.objectBytes += bytes;
  } else {
    const pk = inlinePk(topic.id, at.scope);
    await inBatches(names, limits.deletesAtOnce, (sk) => withRetries(clock, () => items.delete({ pk, sk })));
    counts.inlineItems += names.length;
    counts.inlineBytes += bytes;
  }
  return nextWindow(at);
}

/** Inline items of each head first, then the objects of all. */
function nextWindow({ floor, scope, after }: At<'strike'>): Next {
  if (after !== undefined) return { floor, step: 'list', scope, after, candidates: [] };
  return scope === 'objects' ? 'done' : { floor, step: 'rows', head: scope + 1 };
}

async function inBatches<T>(
  all: readonly T[],
  size: number,
  work: (one: T) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < all.length; from += size) {
    await Promise.all(all.slice(from, from + size).map(work));
  }
}
