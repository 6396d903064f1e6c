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
import type { ProducerRun } from '../log/entry.ts';
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
import { evictedProducerKey, producerKeyPrefix } from '../log/producers.ts';
import { withRetries } from '../log/retry.ts';
import { cutIntoPieces } from '../maintenance/segmentObject.ts';
import type { Condition, Item, ItemStore, ObjectStore, Value } from '../storage/ports.ts';
import type { FailoverLimits } from './limits.ts';
import { type Repair, repairPartition } from './repairPartition.ts';

export interface RepairContext {
  /** The log table of the new epoch, which nobody else writes yet. */
  readonly items: ItemStore;
  readonly epoch: number;
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
 * told by offsets, and producers of such partitions begin anew.
 */
export async function repairTopic(context: RepairContext, topic: LogTopic): Promise<Lost[]> {
  const { items, clock, epoch, limits } = context;
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
      repairOf(context, topic, head, partition, { objects, inline }),
    );
    const base = repairs.map(({ end, maxTimestamp }) => ({ offset: end, maxTimestamp }));
    const start = { ...(found.start as Readonly<Record<string, number>>) };
    for (const [i, repair] of repairs.entries()) {
      const partition = numbers[i]!;
      for (const [from, to] of repair.lost) lost.push({ partition, from, to });
      if (repair.start > 0) start[partition] = repair.start;
    }
    const damaged = repairs.flatMap(({ lost, start }, i) =>
      lost.length > 0 || start > logStartOffset(head, numbers[i]!) ? [numbers[i]!] : [],
    );
    const producers = await forgetProducers(context, topic, found, damaged);
    const fence = [...placedEntries(head)].reduce((max, { entry }) => Math.max(max, entry.at), head.fence);
    const { rolling: _, ...rest } = found;
    // Sent twice, the second may come when the next home has written to it.
    const asCopied: Condition = {
      any: [{ missing: ['epoch'] }, { path: ['epoch'], is: '<', value: epoch }],
    };
    await withRetries(clock, () =>
      items.put(
        {
          ...rest,
          ...headKey(topic.id, index),
          base: encodeBase(base),
          start,
          producers,
          tail: [],
          fence,
          epoch,
        },
        asCopied,
      ),
    );
    await withRetries(clock, () => items.put(dueItem(topic, headUnit(topic.id, index), clock.now())));
  }
  return lost;
}

/**
 * What a producer of these partitions repeats may be what was lost: told that it is a duplicate, it would take it for appended. One that is
 * not known begins a new epoch, and what it repeats is appended. Gives the head's other producers.
 */
async function forgetProducers(
  { items, clock, limits }: RepairContext,
  topic: LogTopic,
  head: Item,
  damaged: readonly number[],
): Promise<Record<string, Value>> {
  for (const partition of damaged) {
    const all = { from: producerKeyPrefix(partition), to: `${producerKeyPrefix(partition)}~` };
    for (let more = true; more; ) {
      const { pk } = evictedProducerKey(topic.id, '');
      const page = await withRetries(clock, () => items.query({ pk, ...all, limit: limits.itemsPerPage }));
      for (const { pk, sk, batches } of page.items) {
        const isSame: Condition = { path: ['batches'], is: '=', value: batches as number };
        await withRetries(clock, () => items.delete({ pk, sk }, isSame));
      }
      more = page.lastSk !== undefined;
    }
  }
  const isKept = (key: string) => !damaged.some((partition) => key.startsWith(producerKeyPrefix(partition)));
  return Object.fromEntries(
    Object.entries(head.producers as Record<string, Value>).filter(([key]) => isKept(key)),
  );
}

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
  const indexEnd = firstOffsetInHead(head, partition);
  const isUsed = partition < topic.partitions || rows.length > 0 || inHead.length > 0;
  const repair = await repairPartition(
    {
      ...{ partition, rows, inHead, indexEnd, logStartOffset: logStartOffset(head, partition) },
      maxTimestamp: baseOf(head, partition).maxTimestamp,
    },
    {
      ...{ has, clock, offsetGap: isUsed ? limits.offsetGap : 0 },
      recover: recovery(context, topic, partition, rows, objects),
    },
  );
  for (const row of repair.put) {
    // As below: a merge of the next home has a later version.
    const older: Condition = {
      any: [{ missing: ['pk'] }, { path: ['version'], is: '<', value: row.version }],
    };
    await withRetries(clock, () => items.put(segmentRowItem(topic.id, partition, row), older));
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
    let best: PlacedSlice[] | undefined;
    for (const { baseOffset, blob: name } of nearby.slice(0, limits.candidatesPerHole)) {
      const blob = { id: new Uint8Array(Buffer.from(name, 'hex')), inline: false, segmentOf: baseOffset };
      const key = objectKey(topic.id, { blob, partition });
      const bytes = await withRetries(clock, () => objects.get(key));
      const slices = bytes && slicesOf(bytes, blob, partition, from, limits.pieceBytes);
      const first = slices?.[0]?.baseOffset ?? to;
      if (first >= to) continue;
      if (first === from) return slices;
      if (best === undefined || first < best[0]!.baseOffset) best = slices;
    }
    return best;
  };
}

/** What the object has from that offset on, in batches that begin there or later; `undefined` if that is nothing. */
function slicesOf(
  bytes: Uint8Array,
  blob: PlacedSlice['blob'],
  partition: number,
  from: number,
  pieceBytes: number,
): PlacedSlice[] | undefined {
  const batches = [...batchesOf(bytes)].filter(({ header }) => header.baseOffset >= from);
  const [first] = batches;
  if (first === undefined) return undefined;
  const { position } = first;
  const { baseOffset } = first.header;
  const runs: ProducerRun[] = [];
  let end = baseOffset;
  for (const { header } of batches) {
    const recordCount = header.lastOffsetDelta + 1;
    const { producerId: id, producerEpoch: epoch, baseSequence: sequence } = header;
    if (id >= 0n)
      addRun(runs, { ...{ id, epoch, sequence, recordCount }, delta: header.baseOffset - baseOffset });
    end = header.baseOffset + recordCount;
  }
  const maxTimestamp = Math.max(...batches.map(({ header }) => header.maxTimestamp));
  const recordCount = end - baseOffset;
  const whole = { blob, partition, position, bytes: bytes.length - position, baseOffset, recordCount };
  const span = { slice: { ...whole, maxTimestamp, runs }, from: baseOffset, to: end };
  const pieces = cutIntoPieces([span], [bytes.subarray(position)], blob, pieceBytes);
  return pieces.map((piece) => ({ ...piece, position: piece.position + position }));
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
