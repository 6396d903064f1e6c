import { WadiError } from '../../errors.ts';
import type { AppendResult, Log, PartitionBatches } from '../../log/log.ts';
import { ownFailures } from '../../log/ownFailures.ts';
import { logError } from '../../logError.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Acks } from './acks.ts';

/** Kafka's answer to a producer that does not wait. */
export const NO_OFFSET = -1;

/**
 * Appends, and waits unless acks is 0: then every offset is -1, a failure stays untold as in Kafka (but is logged), and whoever runs
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
    appended.then(logOwnFailures, (error) => {
      if (!(error instanceof WadiError)) logError(error);
    });
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

/** As describeError logs what callers are told of: partitions that failed together once, and lost regions not at all. */
function logOwnFailures(results: readonly AppendResult[]): void {
  for (const error of new Set(ownFailures(results))) {
    if (error.kafka !== 'NOT_ENOUGH_REPLICAS') logError(error);
  }
}

const isGone = (result: AppendResult) => !result.ok && result.error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION';
