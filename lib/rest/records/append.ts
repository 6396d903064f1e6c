import type { AppendResult, Log, PartitionBatches } from '../../log/log.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Acks } from './acks.ts';

/** Kafka's answer to a producer that does not wait. */
export const NO_OFFSET = -1;

/**
 * Appends, and waits unless acks is 0: then every offset is -1, a failure stays untold as in Kafka, and whoever runs
 * the process awaits `log.settled()`. Throws UNKNOWN_TOPIC_OR_PARTITION if the topic is gone and took nothing.
 */
export async function append(
  log: Log,
  topic: Topic,
  batches: readonly PartitionBatches[],
  acks: Acks,
): Promise<AppendResult[]> {
  const { minInsyncReplicas } = topic.configs;
  const appended = log.append(topic, batches, { acks: acks === 0 ? 1 : acks, minInsyncReplicas });
  if (acks === 0) {
    appended.catch(() => undefined);
    return batches.map(({ partition, batches }) => ({
      ok: true,
      partition,
      offsets: batches.map(() => NO_OFFSET),
      logStartOffset: NO_OFFSET,
      appendTimeMs: NO_OFFSET,
    }));
  }
  const results = await appended;
  const [first] = results;
  if (first?.ok === false && results.every(isGone)) throw first.error;
  return results;
}

const isGone = (result: AppendResult) => !result.ok && result.error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION';
