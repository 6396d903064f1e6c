import type { WadiError } from '../../errors.ts';
import type { Log, PartitionBatches } from '../../log/log.ts';
import type { Topic } from '../../topic/topic.ts';
import type { StepAppend } from './stepBlob.ts';

/** Kafka's word for what is there already, whoever put it there; and for what somebody later has, behind it. */
const DONE: readonly string[] = ['DUPLICATE_SEQUENCE_NUMBER', 'INVALID_PRODUCER_EPOCH'];

/**
 * Appends what a committed step says. Whoever finds one does it: the sequences are the step's, so what is in the log already is not appended
 * again; and what was for a topic that was deleted since is gone with it. Throws the first error of another kind, after all were tried; a repetition goes on.
 */
export async function applyStep(
  log: Pick<Log, 'append'>,
  topicOf: (name: string) => Promise<Topic>,
  appends: readonly StepAppend[],
): Promise<void> {
  const byTopic = Map.groupBy(appends, ({ topic }) => topic);
  const failures: WadiError[] = [];
  for (const [name, ofTopic] of byTopic) {
    const topic = await topicOf(name);
    const meant = ofTopic.filter(({ topicId = topic.id }) => topicId === topic.id);
    const byPartition = Map.groupBy(meant, ({ partition }) => partition);
    const batches = [...byPartition].map(
      ([partition, some]): PartitionBatches => ({ partition, batches: some }),
    );
    const { minInsyncReplicas } = topic.configs;
    for (const result of await log.append(topic, batches, { acks: 'all', minInsyncReplicas })) {
      if (!result.ok && !DONE.includes(result.error.kafka)) failures.push(result.error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
