import type { WadiError } from '../../errors.ts';
import type { Log } from '../../log/log.ts';
import type { Topic } from '../../topic/topic.ts';
import { asAnotherProducer } from './anotherProducer.ts';
import type { StepAppend } from './stepBlob.ts';

/** Kafka's word for what is there already, whoever put it there; and for what somebody later has, behind it. */
const DONE: readonly string[] = ['DUPLICATE_SEQUENCE_NUMBER', 'INVALID_PRODUCER_EPOCH'];

/**
 * Appends what a committed step says. Whoever finds one does it: the sequences are the step's, so what is in the log already is not appended
 * again; and what was for a topic that was deleted since is gone with it. Where the log has lost what came before it, since it has forgotten the
 * producer, in a failover, say, the step is appended as of another. Throws the first error of another kind, after all were tried; a repetition goes on.
 * @param topicOf `undefined`: it is not there
 */
export async function applyStep(
  log: Pick<Log, 'append'>,
  topicOf: (name: string) => Promise<Topic | undefined>,
  appends: readonly StepAppend[],
): Promise<void> {
  const failures: WadiError[] = [];
  for (const [name, ofTopic] of Map.groupBy(appends, ({ topic }) => topic)) {
    const topic = await topicOf(name);
    if (topic === undefined) continue;
    const meant = ofTopic.filter(({ topicId = topic.id }) => topicId === topic.id);
    const byPartition = [...Map.groupBy(meant, ({ partition }) => partition).values()];
    const refused = await append(log, topic, byPartition);
    const isOutOfOrder = ({ error }: Refused) => error.kafka === 'OUT_OF_ORDER_SEQUENCE_NUMBER';
    const anew = refused.filter(isOutOfOrder).map((each) => asAnotherProducer(each.appends));
    const left = [...refused.filter((each) => !isOutOfOrder(each)), ...(await append(log, topic, anew))];
    failures.push(...left.map(({ error }) => error));
  }
  if (failures.length > 0) throw failures[0];
}

interface Refused {
  /** All of a partition. */
  readonly appends: readonly StepAppend[];
  readonly error: WadiError;
}

async function append(
  log: Pick<Log, 'append'>,
  topic: Topic,
  byPartition: readonly (readonly StepAppend[])[],
): Promise<Refused[]> {
  if (byPartition.length === 0) return [];
  const { minInsyncReplicas } = topic.configs;
  const batches = byPartition.map((some) => ({ partition: some[0]!.partition, batches: some }));
  const results = await log.append(topic, batches, { acks: 'all', minInsyncReplicas });
  return results.flatMap((result, i) =>
    result.ok || DONE.includes(result.error.kafka) ? [] : [{ appends: byPartition[i]!, error: result.error }],
  );
}
