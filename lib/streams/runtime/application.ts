import { createHash } from 'node:crypto';
import { type KafkaErrorName, WadiError } from '../../errors.ts';
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
  /** `exactly_once_v2` unless given; Kafka's default is the other. */
  readonly processingGuarantee?: 'exactly_once_v2' | 'at_least_once';
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

/** Of a producer. */
export const EPOCHS = 2 ** 15;

const isInternal = (topology: Topology, topic: string): boolean =>
  topology.repartitionTopics.some(({ name }) => name === topic);

/** Whether the application has made the topic, of that name in the cluster, for records on their way from one of its tasks to another. */
export const isRepartitionTopic = ({ applicationId, topology }: StreamsApplication, topic: string): boolean =>
  topology.repartitionTopics.some(({ name }) => internalTopic(applicationId, name) === topic);

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
 * Makes the topics that the application needs for itself, and tells its tasks: one for each partition of a sub-topology's sources. Changelogs get more
 * partitions where there are more tasks by now; repartition topics keep those that they have. When all is there, it only reads. Throws
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
      const name = changelogTopic(applicationId, store.name);
      const { partitions: there } = await ensureTopic(topics, name, count, {
        'cleanup.policy': policy,
        ...(store.retentionMs !== undefined && { 'retention.ms': String(store.retentionMs) }),
        ...store.changelogConfigs,
      });
      if (there < count) await raisePartitions(topics, name, count);
    }
    for (let partition = 0; partition < count; partition++)
      tasks.push({ subtopology: subtopology.id, partition });
  }
  return tasks;
}

/**
 * As Kafka's CopartitionedTopicsEnforcer: a topic has as many partitions as those that it is joined with; of a join of such topics alone, all have as
 * many as one of them was given, else as the most of the topics that flow into any. In the order in which they do.
 */
async function makeRepartitionTopics(
  topics: Topics,
  application: StreamsApplication,
  known: (name: string) => Promise<number>,
): Promise<void> {
  const { topology } = application;
  const left = new Map(topology.repartitionTopics.map((topic) => [topic.name, topic]));
  const given = new Map(topology.repartitionTopics.map(({ name, partitions }) => [name, partitions]));
  const followers = new Set(
    topology.repartitionTopics.flatMap(({ name, isFollower }) => (isFollower ? [name] : [])),
  );
  const most = async (names: readonly string[]): Promise<number> =>
    Math.max(1, ...(await Promise.all(names.map((name) => known(nameIn(application, name))))));
  while (left.size > 0) {
    const before = left.size;
    for (const [name, { partitions }] of [...left]) {
      const joined = joinedWith(topology, name);
      const others = joined.filter((topic) => !isInternal(topology, topic));
      const sources = others.length > 0 ? others : feeding(topology, joined, followers);
      const wanted =
        partitions ?? (others.length > 0 ? undefined : joined.map((topic) => given.get(topic)).find(Boolean));
      if (wanted === undefined && sources.some((source) => left.has(source))) continue;
      const count = wanted ?? (await most(sources));
      await ensureTopic(topics, nameIn(application, name), count, { 'retention.ms': '-1' });
      left.delete(name);
    }
    if (left.size === before) throw new WadiError('INVALID_REQUEST', `${[...left.keys()]} feed one another.`);
  }
}

/** Itself, and all that have to have as many partitions. */
function joinedWith(topology: Topology, name: string): string[] {
  const all = new Set([name]);
  for (let before = 0; before < all.size; ) {
    before = all.size;
    for (const set of topology.copartitioned)
      if (set.some((topic) => all.has(topic))) for (const topic of set) all.add(topic);
  }
  return [...all];
}

/** Topics, but for these, that whatever writes to any of these, but for followers, reads. */
function feeding(
  { subtopologies }: Topology,
  names: readonly string[],
  followers: ReadonlySet<string>,
): string[] {
  const leading = names.filter((name) => !followers.has(name));
  return subtopologies
    .filter(({ nodes }) =>
      nodes.some(
        (node) => node.kind === 'sink' && typeof node.topic === 'string' && leading.includes(node.topic),
      ),
    )
    .flatMap(({ nodes }) => nodes.flatMap((node) => (node.kind === 'source' ? node.topics : [])))
    .filter((topic) => !names.includes(topic));
}

async function ensureTopic(
  topics: Topics,
  name: string,
  partitions: number,
  configs: Readonly<Record<string, string>>,
): Promise<Topic> {
  const there = await topics.describe(name).catch(only('UNKNOWN_TOPIC_OR_PARTITION'));
  const made =
    there ?? (await topics.create({ name, partitions, configs }).catch(only('TOPIC_ALREADY_EXISTS')));
  return made ?? topics.describe(name);
}

/** To so many at least: others may have done it, and more. */
async function raisePartitions(topics: Topics, name: string, partitions: number): Promise<void> {
  await topics.addPartitions(name, partitions).catch(only('INVALID_PARTITIONS'));
  const there = await topics.describe(name);
  if (there.partitions < partitions)
    throw new WadiError(
      'INVALID_PARTITIONS',
      `${name} has ${there.partitions} partitions, not ${partitions}.`,
    );
}

/** `undefined` for an error of that kind; others are thrown. */
const only =
  (kafka: KafkaErrorName) =>
  (error: unknown): undefined => {
    if (!(error instanceof WadiError) || error.kafka !== kafka) throw error;
  };
