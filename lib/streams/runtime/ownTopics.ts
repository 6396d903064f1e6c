import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import type { Subtopology } from '../topology/topology.ts';
import { changelogTopic, nameIn, type StreamsApplication } from './application.ts';

/** Those of the application's own topics that a task of a sub-topology may append to, by name, as they are now. Throws UNKNOWN_TOPIC_OR_PARTITION. */
export async function ownTopics(
  topics: Pick<Topics, 'describe'>,
  application: StreamsApplication,
  { stores }: Subtopology,
): Promise<Map<string, Topic>> {
  const { applicationId, topology } = application;
  const names = [
    ...topology.repartitionTopics.map(({ name }) => nameIn(application, name)),
    ...stores.filter(({ logged }) => logged).map(({ name }) => changelogTopic(applicationId, name)),
  ];
  const found = names.map(async (name) => [name, await topics.describe(name)] as const);
  return new Map(await Promise.all(found));
}
