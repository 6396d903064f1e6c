import { inlinePk } from '../log/blob.ts';
import { headKey } from '../log/head.ts';
import { indexRowKey } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import { evictedProducerKey } from '../log/producers.ts';
import { withRetries } from '../log/retry.ts';
import { addCounts, type Counts, type JobContext } from './job.ts';
import { LEASE_PK } from './lease.ts';
import { inBatches, MAX_OBJECTS } from './pass.ts';

/** Where a purge goes on: plain JSON. */
export type PurgeCursor = { readonly step: 'objects' } | { readonly step: 'heads'; readonly head: number };

export interface PurgedTopic {
  readonly counts: Counts;
  readonly cursor?: PurgeCursor;
}

/**
 * Deletes what is stored under the id of a topic that was deleted: objects, inline items, index rows, producers, leases.
 * Its heads bear marks, so nobody is shown any of it, and what is appended is refused; blobs that come late are
 * left for the next time. The marks stay: `deleteHeadMarks` is for when nothing late can be left. It may die, freeze or
 * run twice between any two calls.
 */
export async function purgeTopic(
  context: JobContext,
  topic: LogTopic,
  cursor: PurgeCursor = { step: 'objects' },
): Promise<PurgedTopic> {
  let counts: Counts = {};
  const note = (more: Counts) => {
    counts = addCounts(counts, more);
  };
  if (cursor.step === 'objects' && !(await deleteObjects(context, topic, note))) return { counts, cursor };
  const heads = await countHeads(context, topic);
  for (let head = cursor.step === 'heads' ? cursor.head : 0; head < heads; head++) {
    const first = head * topic.partitionsPerHead;
    const partitions = Array.from({ length: topic.partitionsPerHead }, (_, i) => first + i);
    const groups = [
      inlinePk(topic.id, head),
      ...partitions.map((partition) => indexRowKey(topic.id, partition, 0).pk),
    ];
    for (const pk of groups) {
      if (!(await deleteItems(context, { pk }, note))) return { counts, cursor: { step: 'heads', head } };
    }
  }
  // '~' comes after all that the name of a unit goes on with.
  const leases = { pk: LEASE_PK, from: `${topic.id}/`, to: `${topic.id}/~` };
  for (const group of [{ pk: evictedProducerKey(topic.id, '').pk }, leases]) {
    if (!(await deleteItems(context, group, note))) return { counts, cursor: { step: 'heads', head: heads } };
  }
  return { counts };
}

/** From the last down: so that however often it dies, those that are left are found. */
export async function deleteHeadMarks(context: JobContext, topic: LogTopic): Promise<void> {
  const { items, clock, limits } = context;
  const heads = await countHeads(context, topic);
  for (let end = heads; end > 0; end -= limits.writesAtOnce) {
    const from = Math.max(0, end - limits.writesAtOnce);
    const some = Array.from({ length: end - from }, (_, i) => from + i);
    await Promise.all(some.map((head) => withRetries(clock, () => items.delete(headKey(topic.id, head)))));
  }
}

/** Of those that are there, and, since some may have lost their marks already, those that were. */
async function countHeads({ items, clock }: JobContext, topic: LogTopic): Promise<number> {
  let heads = Math.ceil(topic.partitions / topic.partitionsPerHead);
  while ((await withRetries(clock, () => items.get(headKey(topic.id, heads)))) !== undefined) heads++;
  return heads;
}

type Note = (counts: Counts) => void;

/** Whether all are gone; else the time was over. */
async function deleteObjects(
  { objects, clock, isOver }: JobContext,
  topic: LogTopic,
  note: Note,
): Promise<boolean> {
  for (;;) {
    const page = await withRetries(clock, () => objects.list(`${topic.id}/`, { limit: MAX_OBJECTS }));
    if (page.objects.length === 0) return true;
    await withRetries(clock, () => objects.delete(page.objects.map(({ key }) => key)));
    const bytesReclaimed = page.objects.reduce((sum, { bytes }) => sum + bytes, 0);
    note({ objectsReclaimed: page.objects.length, bytesReclaimed });
    if (isOver()) return false;
  }
}

async function deleteItems(
  { items, clock, limits, isOver }: JobContext,
  group: { pk: string; from?: string; to?: string },
  note: Note,
): Promise<boolean> {
  for (;;) {
    const page = await withRetries(clock, () => items.query({ ...group, limit: limits.rowsPerPage }));
    await inBatches(page.items, limits.writesAtOnce, ({ pk, sk }) =>
      withRetries(clock, () => items.delete({ pk, sk })),
    );
    note({ itemsReclaimed: page.items.length });
    if (page.lastSk === undefined) return true;
    if (isOver()) return false;
  }
}
