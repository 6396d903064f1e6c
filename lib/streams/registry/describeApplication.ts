import { changelogTopic, internalTopic, nameIn, type StreamsApplication } from '../runtime/application.ts';
import type { StoreShape } from '../state/store.ts';

/** What others may know of an application without its code. Topics are named as in the cluster. */
export interface ApplicationDescription {
  readonly applicationId: string;
  /** A task of one has a partition of each of its topics. */
  readonly subtopologies: readonly SubtopologyDescription[];
  readonly globalTopics: readonly string[];
  /** Those that it makes for itself: they go with it. */
  readonly repartitionTopics: readonly string[];
  readonly stores: readonly StoreDescription[];
  /** As `Topology.describe` prints it, and `draw` draws it. */
  readonly topology: string;
  readonly mermaid: string;
  /** The function that runs it, if one does. */
  readonly functionName?: string;
}

export interface SubtopologyDescription {
  readonly id: number;
  readonly topics: readonly string[];
  readonly stores: readonly string[];
}

export interface StoreDescription {
  readonly name: string;
  readonly subtopology: number;
  /** `null`: it has none, so that nobody but its tasks knows what is in it. */
  readonly changelogTopic: string | null;
  /** `null` of an operator's own. */
  readonly shape: StoreShape | null;
}

export function describeApplication(
  application: StreamsApplication,
  functionName?: string,
): ApplicationDescription {
  const { applicationId, topology } = application;
  const { subtopologies, globalStores, repartitionTopics } = topology;
  return {
    applicationId,
    subtopologies: subtopologies.map(({ id, nodes, stores }) => ({
      id,
      topics: nodes.flatMap((node) =>
        node.kind === 'source' ? node.topics.map((topic) => nameIn(application, topic)) : [],
      ),
      stores: stores.map(({ name }) => name),
    })),
    globalTopics: globalStores.map(({ topic }) => topic),
    repartitionTopics: repartitionTopics.map(({ name }) => internalTopic(applicationId, name)),
    stores: subtopologies.flatMap(({ id, stores }) =>
      stores.map(({ name, logged, shape = null }) => ({
        ...{ name, subtopology: id, shape },
        changelogTopic: logged ? changelogTopic(applicationId, name) : null,
      })),
    ),
    topology: topology.describe(),
    mermaid: topology.draw(),
    ...(functionName !== undefined && { functionName }),
  };
}
