import type { Clock } from '../clock.ts';
import type { Action, Condition, ItemStore } from '../storage/ports.ts';
import { outOfRange } from './fetch.ts';
import { type Head, headIndexOf, highWatermark, logStartOffset } from './head.ts';
import { gone, type Heads } from './heads.ts';
import type { LogTopic } from './log.ts';
import { withRetries } from './retry.ts';

/** Instead of an offset: all records that are there. */
const HIGH_WATERMARK = -1;

interface Context {
  readonly items: ItemStore;
  readonly heads: Heads;
  readonly clock: Clock;
}

/**
 * Where the log start moves to; `undefined` if `beforeOffset` is no offset up to the high watermark (Kafka's
 * `Partition.deleteRecordsOnLeader`). Records above the high watermark that this head showed cannot be meant.
 */
export function newLogStart(head: Head, partition: number, beforeOffset: number): number | undefined {
  const end = highWatermark(head, partition);
  if (beforeOffset === HIGH_WATERMARK) return end;
  return Number.isInteger(beforeOffset) && beforeOffset >= 0 && beforeOffset <= end
    ? beforeOffset
    : undefined;
}

/** Raises the log start: late, twice or overtaken, it never moves back. */
export function raiseLogStart(
  partition: number,
  to: number,
): { actions: readonly Action[]; condition: Condition } {
  const start = ['start', String(partition)] as const;
  return {
    actions: [{ set: start, to }],
    condition: {
      // On a head that is gone everything is missing: it must not come back.
      all: [{ exists: ['start'] }, { any: [{ missing: start }, { path: start, is: '<', value: to }] }],
    },
  };
}

/** One update: from then on no reader is given a record below. Their bytes go with the next collection of garbage. */
export async function deleteRecords(
  { items, heads, clock }: Context,
  topic: LogTopic,
  partition: number,
  beforeOffset: number,
): Promise<{ logStartOffset: number }> {
  const head = await heads.read(topic, headIndexOf(topic, partition));
  const start = logStartOffset(head, partition);
  const target = newLogStart(head, partition, beforeOffset);
  if (target === undefined) {
    throw outOfRange(topic, partition, beforeOffset, start, highWatermark(head, partition), 'before_offset');
  }
  if (target <= start) return { logStartOffset: start };
  const moved = await moveLogStart({ items, heads, clock }, topic, head, partition, target);
  return { logStartOffset: moved.logStartOffset };
}

/** Raises the log start, to an offset that is there. `applied`: it was lower. Throws UNKNOWN_TOPIC_OR_PARTITION. */
export async function moveLogStart(
  { items, heads, clock }: Context,
  topic: LogTopic,
  head: Head,
  partition: number,
  to: number,
): Promise<{ applied: boolean; logStartOffset: number }> {
  const { actions, condition } = raiseLogStart(partition, to);
  const { applied, item } = await withRetries(clock, () => items.update(heads.key(head), actions, condition));
  const after = heads.learn(topic, head.index, item);
  if (after === undefined) throw gone(topic);
  return { applied, logStartOffset: logStartOffset(after, partition) };
}
