import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import {
  type BlobName,
  blobName,
  inlinePk,
  objectKey,
  parseSegmentName,
  segmentsPrefix,
} from '../log/blob.ts';
import { dueItem, headUnit } from '../log/due.ts';
import { batchesOf } from '../log/fetch.ts';
import {
  baseOf,
  decodeHead,
  encodeBase,
  firstOffsetInHead,
  type Head,
  headIndexOf,
  headKey,
  isDeleted,
  logStartOffset,
  newHead,
  type PlacedSlice,
  placedEntries,
  placedSlices,
} from '../log/head.ts';
import { type IndexRow, indexOf, segmentRowItem } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import { addRun } from '../log/plan.ts';
import { withRetries } from '../log/retry.ts';
import { cutIntoPieces } from '../maintenance/segmentObject.ts';
import type { ItemStore, ObjectStore } from '../storage/ports.ts';
import type { FailoverLimits } from './limits.ts';
import { endOf, type Repair, repairPartition } from './repairPartition.ts';

export interface RepairContext {
  /** The log table of the new epoch, which nobody else writes yet. */
  readonly items: ItemStore;
  /** What every region that answers has. */
  readonly objects: Pick<ObjectStore, 'get' | 'list'>;
  readonly clock: Clock;
  readonly limits: FailoverLimits;
}

export interface Lost {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Makes a topic whole of what was replicated of it: see `repairPartition`. Each head begins anew, with an empty tail. What was lost is
 * told by offsets.
 */
export async function repairTopic(context: RepairContext, topic: LogTopic): Promise<Lost[]> {
  const { items, clock, limits } = context;
  const objects = await keysOf(context, topic);
  const lost: Lost[] = [];
  for (let index = 0; index <= headIndexOf(topic, topic.partitions - 1); index++) {
    const item = await withRetries(clock, () => items.get(headKey(topic.id, index)));
    if (item !== undefined && isDeleted(item)) continue;
    const found = item ?? newHead(topic, index);
    const head = decodeHead(found, topic, index);
    const inline = await inlineNames(context, topic, index);
    const numbers = head.base.map((_, i) => head.firstPartition + i);
    const repairs = await atOnce(numbers, limits.partitionsAtOnce, (partition) =>
      partition < topic.partitions
        ? repairOf(context, topic, head, partition, { objects, inline })
        : undefinedRepair(),
    );
    const base = head.base.map((before, i) => {
      const repair = repairs[i];
      return repair ? { offset: repair.end, maxTimestamp: repair.maxTimestamp } : before;
    });
    for (const [i, repair] of repairs.entries()) {
      for (const [from, to] of repair?.lost ?? []) lost.push({ partition: numbers[i]!, from, to });
    }
    const fence = [...placedEntries(head)].reduce((max, { entry }) => Math.max(max, entry.at), head.fence);
    const { rolling: _, ...rest } = found;
    await withRetries(clock, () =>
      items.put({ ...rest, ...headKey(topic.id, index), base: encodeBase(base), tail: [], fence }),
    );
    await withRetries(clock, () => items.put(dueItem(topic, headUnit(topic.id, index), clock.now())));
  }
  return lost;
}

const undefinedRepair = async (): Promise<Repair | undefined> => undefined;

interface Stored {
  readonly objects: ReadonlySet<string>;
  readonly inline: ReadonlySet<BlobName>;
}

async function repairOf(
  context: RepairContext,
  topic: LogTopic,
  head: Head,
  partition: number,
  { objects, inline }: Stored,
): Promise<Repair> {
  const { items, clock, limits } = context;
  const rows = await allRows(context, topic, partition, logStartOffset(head, partition));
  const inHead = placedSlices(head, partition);
  const has = (slice: PlacedSlice): boolean =>
    slice.blob.inline ? inline.has(blobName(slice.blob.id)) : objects.has(objectKey(topic.id, slice));
  const first = rows[0]?.baseOffset;
  const isKnown = head.start.has(partition) || first === undefined;
  const repair = await repairPartition(
    {
      ...{ partition, rows, inHead },
      // Of a head that did not arrive the log begins where its index does.
      logStartOffset: isKnown
        ? logStartOffset(head, partition)
        : Math.min(first, firstOffsetInHead(head, partition)),
      indexEnd: firstOffsetInHead(head, partition),
      maxTimestamp: baseOf(head, partition).maxTimestamp,
    },
    {
      ...{ has, clock, offsetGap: limits.offsetGap },
      recover: recovery(context, topic, partition, rows, objects),
    },
  );
  for (const row of repair.put) {
    await withRetries(clock, () => items.put(segmentRowItem(topic.id, partition, row)));
  }
  return repair;
}

/** From the one that holds the log start on. */
async function allRows(
  { items, clock, limits }: RepairContext,
  topic: LogTopic,
  partition: number,
  start: number,
): Promise<IndexRow[]> {
  const index = indexOf(items, clock, topic.id, partition);
  const holding = await index.at(start);
  const rows: IndexRow[] = [];
  let from = holding?.baseOffset ?? start;
  for (let more = true; more; ) {
    const page = await index.from(from, limits.itemsPerPage);
    for (const row of page.rows) if (row.absorbed === undefined) rows.push(row);
    from = (page.rows.at(-1)?.baseOffset ?? 0) + 1;
    more = page.more;
  }
  return rows;
}

/** Reads segments that no row names, the last first. */
function recovery(
  { objects, clock, limits }: RepairContext,
  topic: LogTopic,
  partition: number,
  rows: readonly IndexRow[],
  keys: ReadonlySet<string>,
) {
  const prefix = segmentsPrefix(topic.id);
  const named = new Set(rows.flatMap(({ slices }) => slices.map(({ blob }) => blobName(blob.id))));
  const candidates = [...keys]
    .flatMap((key) => (key.startsWith(prefix) ? [parseSegmentName(key.slice(prefix.length))!] : []))
    .filter((segment) => segment?.partition === partition && !named.has(segment.blob))
    .toSorted((a, b) => (a.blob > b.blob ? -1 : 1));

  return async (from: number, to: number): Promise<PlacedSlice[] | undefined> => {
    const nearby = candidates.filter(({ baseOffset }) => baseOffset < to);
    for (const { baseOffset, blob: name } of nearby.slice(0, limits.candidatesPerHole)) {
      const blob = { id: new Uint8Array(Buffer.from(name, 'hex')), inline: false, segmentOf: baseOffset };
      const key = objectKey(topic.id, { blob, partition });
      const bytes = await withRetries(clock, () => objects.get(key));
      const slices = bytes && slicesOf(bytes, blob, partition, from, limits.pieceBytes);
      if (slices !== undefined) return slices;
    }
    return undefined;
  };
}

/** What the object has from that offset on; `undefined` if it does not begin there, or has no batch that does. */
function slicesOf(
  bytes: Uint8Array,
  blob: PlacedSlice['blob'],
  partition: number,
  from: number,
  pieceBytes: number,
): PlacedSlice[] | undefined {
  let slice: PlacedSlice | undefined;
  for (const { position, header } of batchesOf(bytes)) {
    if (slice === undefined && header.baseOffset !== from) continue;
    slice ??= {
      ...{
        blob,
        partition,
        position,
        bytes: 0,
        baseOffset: from,
        recordCount: 0,
        maxTimestamp: -1,
        runs: [],
      },
    };
    const recordCount = header.lastOffsetDelta + 1;
    const runs = [...slice.runs];
    const { producerId: id, producerEpoch: epoch, baseSequence: sequence } = header;
    if (id >= 0n) addRun(runs, { ...{ id, epoch, sequence, recordCount }, delta: header.baseOffset - from });
    slice = {
      ...slice,
      bytes: slice.bytes + header.bytes,
      recordCount: header.baseOffset + recordCount - from,
      maxTimestamp: Math.max(slice.maxTimestamp, header.maxTimestamp),
      runs,
    };
  }
  if (slice === undefined) return undefined;
  const chunk = bytes.subarray(slice.position);
  const pieces = cutIntoPieces([{ slice, from, to: endOf(slice) }], [chunk], blob, pieceBytes);
  return pieces.map((piece) => ({ ...piece, position: piece.position + slice.position }));
}

async function inlineNames(
  { items, clock, limits }: RepairContext,
  topic: LogTopic,
  index: number,
): Promise<Set<BlobName>> {
  const names = new Set<BlobName>();
  let from: string | undefined;
  do {
    const query = { pk: inlinePk(topic.id, index), limit: limits.itemsPerPage, ...(from && { from }) };
    const page = await withRetries(clock, () => items.query(query));
    for (const { sk } of page.items) names.add(sk);
    // The next name there can be after one is longer by a digit.
    from = page.lastSk && `${page.lastSk}0`;
  } while (from !== undefined);
  return names;
}

async function keysOf({ objects, clock }: RepairContext, topic: LogTopic): Promise<Set<string>> {
  const keys = new Set<string>();
  let after: string | undefined;
  do {
    const options = { limit: 1_000, ...(after && { after }) };
    const page = await withRetries(clock, () => objects.list(`${topic.id}/`, options));
    for (const { key } of page.objects) keys.add(key);
    after = page.next;
  } while (after !== undefined);
  return keys;
}
