import type { ApplicationDescription } from './describeApplication.ts';

/** Names of the topics that an application has made for itself. */
export const ownTopicsOf = ({ repartitionTopics, stores }: ApplicationDescription): string[] => [
  ...repartitionTopics,
  ...stores.flatMap(({ changelogTopic }) => changelogTopic ?? []),
];

/** Names of the topics of others that it reads on from a position. */
export function sourceTopicsOf(application: ApplicationDescription): string[] {
  const own = new Set(ownTopicsOf(application));
  return application.subtopologies.flatMap(({ topics }) => topics.filter((topic) => !own.has(topic)));
}
