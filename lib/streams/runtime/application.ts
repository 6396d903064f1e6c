import { createHash } from 'node:crypto';
import { WadiError } from '../../errors.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import type { TaskId } from '../processor/processor.ts';
import type { Subtopology, Topology } from '../topology/topology.ts';
import type { OnError } from './deadLetter.ts';

/** Kafka's `application.id`, with what it runs. */
export interface StreamsApplication {
  readonly applicationId: string;
  readonly topology: Topology;
  /** `stop` unless given. */
  readonly onError?: OnError;
}

/** A topic that the application has made for itself: no other's topics are called so. */
export const internalTopic = (applicationId: string, name: string): string => `${applicationId}-${name}`;

export const changelogTopic = (applicationId: string, store: string): string =>
  `${applicationId}-${store}-changelog`;

/** `0_3`: of sub-topology 0, partition 3, as Kafka writes it. */
export const taskName = ({ subtopology, partition }: TaskId): string => `${subtopology}_${partition}`;

/**
 * The id that a task's appends have as those of an idempotent producer, and its epoch: an epoch of the task is a lease's, and an epoch of a
 * producer has 15 bits, so after so many it goes on as another.
 */
export function producerOf(
  applicationId: string,
  task: TaskId,
  leaseEpoch: number,
): { id: bigint; epoch: number } {
  const generation = Math.floor(leaseEpoch / EPOCHS);
  const digest = createHash('sha256')
    .update(JSON.stringify([applicationId, taskName(task), generation]))
    .digest();
  return { id: digest.readBigUInt64BE() >> 1n, epoch: leaseEpoch % EPOCHS };
}

const EPOCHS = 2 ** 15;

const isInternal = (topology: Topology, topic: string): boolean =>
  topology.repartitionTopics.some(({ name }) => name === topic);

/** Topics that a sub-topology reads, by the names that they have in the cluster. */
export function sourceTopics(
  { applicationId, topology }: StreamsApplication,
  { nodes }: Subtopology,
): string[] {
  return nodes.flatMap((node) =>
    node.kind === 'source'
      ? node.topics.map((topic) =>
          isInternal(topology, topic) ? internalTopic(applicationId, topic) : topic,
        )
      : [],
  );
}

/** The name in the cluster of what the topology calls so. */
export const nameIn = ({ applicationId, topology }: StreamsApplication, topic: string): string =>
  isInternal(topology, topic) ? internalTopic(applicationId, topic) : topic;

/**
 * Makes the topics that the application needs for itself, and tells its tasks: one for each partition of a sub-topology's sources. Throws
 * UNKNOWN_TOPIC_OR_PARTITION for a source that is not there, INVALID_PARTITIONS for sources that must have as many partitions, and have not.
 */
export async function prepare(topics: Topics, application: StreamsApplication): Promise<TaskId[]> {
  const { topology, applicationId } = application;
  const partitions = new Map<string, number>();
  const known = async (name: string): Promise<number> => {
    const count = partitions.get(name) ?? (await topics.describe(name)).partitions;
    partitions.set(name, count);
    return count;
  };
  await makeRepartitionTopics(topics, application, known);
  for (const names of topology.copartitioned) {
    const counts = await Promise.all(names.map((name) => known(nameIn(application, name))));
    if (new Set(counts).size > 1) {
      const told = names.map((name, i) => `${name} has ${counts[i]}`).join(', ');
      throw new WadiError(
        'INVALID_PARTITIONS',
        `Topics that are joined must have as many partitions: ${told}.`,
      );
    }
  }
  const tasks: TaskId[] = [];
  for (const subtopology of topology.subtopologies) {
    const counts = await Promise.all(sourceTopics(application, subtopology).map(known));
    const count = Math.max(0, ...counts);
    for (const store of subtopology.stores.filter(({ logged }) => logged)) {
      const policy = store.retentionMs === undefined ? 'compact' : 'compact,delete';
      await ensureTopic(topics, changelogTopic(applicationId, store.name), count, {
        'cleanup.policy': policy,
        ...(store.retentionMs !== undefined && { 'retention.ms': String(store.retentionMs) }),
        ...store.changelogConfigs,
      });
    }
    for (let partition = 0; partition < count; partition++)
      tasks.push({ subtopology: subtopology.id, partition });
  }
  return tasks;
}

/** As many partitions as the most of the topics that flow into it; in the order in which they do. */
async function makeRepartitionTopics(
  topics: Topics,
  application: StreamsApplication,
  known: (name: string) => Promise<number>,
): Promise<void> {
  const { topology } = application;
  const { subtopologies } = topology;
  const left = new Map(topology.repartitionTopics.map((topic) => [topic.name, topic]));
  while (left.size > 0) {
    const before = left.size;
    for (const [name, { partitions }] of [...left]) {
      const feeding = subtopologies.filter(({ nodes }) =>
        nodes.some((node) => node.kind === 'sink' && node.topic === name),
      );
      const sources = feeding.flatMap(({ nodes }) =>
        nodes.flatMap((node) => (node.kind === 'source' ? node.topics : [])),
      );
      if (partitions === undefined && sources.some((source) => source !== name && left.has(source))) continue;
      const others = sources.filter((source) => source !== name);
      const counts = await Promise.all(others.map((source) => known(nameIn(application, source))));
      const count = partitions ?? Math.max(1, ...counts);
      await ensureTopic(topics, nameIn(application, name), count, { 'retention.ms': '-1' });
      left.delete(name);
    }
    if (left.size === before) throw new WadiError('INVALID_REQUEST', `${[...left.keys()]} feed one another.`);
  }
}

async function ensureTopic(
  topics: Topics,
  name: string,
  partitions: number,
  configs: Readonly<Record<string, string>>,
): Promise<Topic> {
  try {
    return await topics.create({ name, partitions, configs });
  } catch (error) {
    if (!(error instanceof WadiError) || error.kafka !== 'TOPIC_ALREADY_EXISTS') throw error;
    return topics.describe(name);
  }
}
