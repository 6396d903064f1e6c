import { headIndexOf } from '../log/head.ts';
import type { Topic } from '../topic/topic.ts';
import { collectGarbage } from './collectGarbage.ts';
import type { GarbageCursor } from './garbage.ts';
import { addCounts, type Counts, type JobContext } from './job.ts';
import { type HeadCursor, type Maintained, type MaintainOptions, maintainHead } from './maintainHead.ts';
import type { CollectedGarbage, GarbageOptions } from './pass.ts';

/** Where work on a topic goes on: plain JSON. */
export type TopicCursor =
  | { readonly step: 'heads'; readonly head: number; readonly at?: HeadCursor }
  | {
      readonly step: 'garbage';
      readonly garbage?: GarbageCursor;
      /** What is garbage is old enough to go then. */
      readonly fromMs?: number;
    };

export interface TopicWork {
  readonly counts: Counts;
  /** To go on with; missing when all was done. */
  readonly cursor?: TopicCursor;
}

export const WHOLE_TOPIC: TopicCursor = { step: 'heads', head: 0 };

/** Maintains all heads of a topic, one by one, of each of which `onHead` is told; then collects its garbage. Errors: see there. */
export async function maintainTopic(
  context: JobContext,
  topic: Topic,
  cursor: TopicCursor,
  { force }: MaintainOptions,
  onHead: (index: number, head: Maintained) => Promise<void>,
): Promise<TopicWork> {
  const { clock, limits } = context;
  let counts: Counts = {};
  if (cursor.step === 'heads') {
    for (let head = cursor.head; head <= headIndexOf(topic, topic.partitions - 1); head++) {
      const from = head === cursor.head ? cursor.at : undefined;
      if (context.isOver()) return { counts, cursor: { step: 'heads', head, ...(from && { at: from }) } };
      const maintained = await maintainHead(context, topic, head, { force }, from);
      counts = addCounts(counts, maintained.counts);
      if (maintained.beginAgain) return { counts, cursor: { step: 'heads', head } };
      if (maintained.cursor) return { counts, cursor: { step: 'heads', head, at: maintained.cursor } };
      await onHead(head, maintained);
    }
    const { heads: _, ...changes } = counts;
    // What is garbage by now is soon old enough to go: meanwhile there are other topics.
    if (force && Object.keys(changes).length > 0)
      return { counts, cursor: { step: 'garbage', fromMs: clock.now() + limits.forcedGraceMs } };
  }
  const { garbage, fromMs = 0 } = cursor.step === 'garbage' ? cursor : {};
  // By a clock that may be far ahead.
  const waitMs = Math.min(fromMs - clock.now(), limits.forcedGraceMs);
  if (waitMs > 0) await clock.sleep(waitMs);
  const graceMs = force ? limits.forcedGraceMs : limits.graceMs;
  const collected = await collectTopic(context, topic, { graceMs, marks: true }, garbage);
  counts = addCounts(counts, collected.counts);
  if (collected.cursor === undefined) return { counts };
  return { counts, cursor: { step: 'garbage', garbage: collected.cursor } };
}

/** One pass of garbage collection, or as much of it as there is time for. */
export async function collectTopic(
  context: JobContext,
  topic: Topic,
  options: Omit<GarbageOptions, 'cursor'>,
  from: GarbageCursor | undefined,
): Promise<{ counts: Counts; cursor?: GarbageCursor }> {
  let counts: Counts = {};
  let cursor = from;
  do {
    const collected = await collectGarbage(context, topic, { ...options, ...(cursor && { cursor }) });
    counts = addCounts(counts, reclaimed(collected));
    cursor = collected.cursor;
  } while (cursor !== undefined && !context.isOver());
  return { counts, ...(cursor && { cursor }) };
}

function reclaimed(garbage: CollectedGarbage): Counts {
  return {
    floorsRaised: garbage.floorsRaised,
    objectsReclaimed: garbage.objects + garbage.segments,
    itemsReclaimed: garbage.inlineItems,
    bytesReclaimed: garbage.objectBytes + garbage.inlineBytes + garbage.segmentBytes,
    indexRowsReclaimed: garbage.indexRows + garbage.marks,
  };
}
