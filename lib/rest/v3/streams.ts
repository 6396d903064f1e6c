import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { groupResource } from '../../acl/binding.ts';
import { atOnce } from '../../atOnce.ts';
import { findApplication } from '../../streams/admin/findApplication.ts';
import { activityOf } from '../../streams/admin/tasks.ts';
import type { Registered } from '../../streams/registry/applicationItem.ts';
import { createRegistry } from '../../streams/registry/registry.ts';
import { readTasks } from '../../streams/runtime/readTasks.ts';
import type { Wadi } from '../../wadi.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import {
  clusterPlace,
  list,
  listSchema,
  metadata,
  type Place,
  part,
  Relationship,
  related,
  resourceSchema,
} from './resource.ts';
import { seenPageQuery, seenPageReader } from './seenPage.ts';

export const APPLICATIONS = `${CLUSTER}/streams`;
export const APPLICATION = `${APPLICATIONS}/{application_id}`;
export const ApplicationParams = Type.Object({
  ...ClusterParams.properties,
  application_id: Type.String({ description: 'The `applicationId` of a streams application.' }),
});

/** Each is read with its tasks. */
const READS_AT_ONCE = 8;
const MAX_ID_LENGTH = 249;

const KIND = 'KafkaStreamsApplication';

const names = Type.Array(Type.String());

const Application = resourceSchema(KIND, {
  cluster_id: Type.String(),
  application_id: Type.String(),
  state: Type.Union([Type.Literal('RUNNING'), Type.Literal('IDLE'), Type.Literal('RESETTING')], {
    description:
      'RUNNING: at this moment a worker has a task, or one that had it has died within the last minute. RESETTING: somebody resets or deletes it, or has died of that; doing it again finishes it.',
  }),
  tasks_count: Type.Integer({ description: 'Of tasks that have begun.' }),
  subtopologies: Type.Array(
    Type.Object({ subtopology_id: Type.Integer(), topics: names, stores: names }, { title: 'Subtopology' }),
  ),
  global_topics: names,
  repartition_topics: names,
  stores: Type.Array(
    Type.Object(
      {
        store_name: Type.String(),
        subtopology_id: Type.Integer(),
        kind: Type.Union([Type.String(), Type.Null()], {
          description: "`key-value`, `window` or `session`; null of an operator's own.",
        }),
        changelog_topic: Type.Union([Type.String(), Type.Null()], { description: 'Null if it has none.' }),
      },
      { title: 'StreamsStore' },
    ),
  ),
  function_name: Type.Union([Type.String(), Type.Null()], {
    description: 'The Lambda function that runs it, if one does.',
  }),
  topology: Type.Optional(
    Type.String({ description: "As Kafka's `Topology#describe` prints it; not in lists." }),
  ),
  mermaid: Type.Optional(Type.String({ description: 'The same as a Mermaid flowchart; not in lists.' })),
  tasks: Relationship,
  lags: Relationship,
});

const ApplicationsQuery = seenPageQuery(MAX_ID_LENGTH);

export function applicationPlace(cluster: Place, applicationId: string): Place {
  const id = encodeURIComponent(applicationId);
  return part(cluster, `streams/${id}`, `streams=${id}`);
}

async function applicationData(
  wadi: Wadi,
  request: HttpRequest,
  application: Registered,
): Promise<Static<typeof Application>> {
  const { applicationId, subtopologies, globalTopics, repartitionTopics, stores, functionName } = application;
  const place = applicationPlace(clusterPlace(wadi, request), applicationId);
  const tasks = await readTasks(wadi, applicationId);
  const now = wadi.clock.now();
  const activities = tasks.map(({ state }) => activityOf(state, now));
  const isResetting = application.isResetting || activities.includes('resetting');
  const isRunning = activities.includes('running');
  return {
    kind: KIND,
    metadata: metadata(place),
    cluster_id: place.clusterId,
    application_id: applicationId,
    state: isResetting ? 'RESETTING' : isRunning ? 'RUNNING' : 'IDLE',
    tasks_count: tasks.length,
    subtopologies: subtopologies.map(({ id, topics, stores }) => ({
      subtopology_id: id,
      topics: [...topics],
      stores: [...stores],
    })),
    global_topics: [...globalTopics],
    repartition_topics: [...repartitionTopics],
    stores: stores.map(({ name, subtopology, changelogTopic, shape }) => ({
      store_name: name,
      subtopology_id: subtopology,
      kind: shape?.kind ?? null,
      changelog_topic: changelogTopic,
    })),
    function_name: functionName ?? null,
    tasks: related(place, 'tasks'),
    lags: related(place, 'lags'),
  };
}

export const applicationParams = paramsReader(ApplicationParams);
const applicationsPage = seenPageReader(ApplicationsQuery);
export const streamsTag = 'Streams';

export const streamsOperations: readonly Operation[] = [
  {
    id: 'listStreamsApplications',
    method: 'GET',
    path: APPLICATIONS,
    summary: 'List Streams Applications',
    description: "Wadi's own: those of which a worker has run, in the order of their ids.",
    tag: streamsTag,
    params: ClusterParams,
    query: ApplicationsQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Application) } },
    errors: ['INVALID_REQUEST', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const self = `${clusterPlace(wadi, request).url}/streams`;
      const { page, next } = await applicationsPage(request, self, {
        list: createRegistry(wadi.storage.groups, wadi.clock).list,
        idOf: ({ applicationId }) => applicationId,
        isSeen: ({ applicationId }) => access.allows('DESCRIBE', groupResource(applicationId)),
      });
      const data = await atOnce(page, READS_AT_ONCE, (each) => applicationData(wadi, request, each));
      return json(200, list(KIND, self, data, next));
    },
  },
  {
    id: 'getStreamsApplication',
    method: 'GET',
    path: APPLICATION,
    summary: 'Get Streams Application',
    description: "Wadi's own.",
    tag: streamsTag,
    params: ApplicationParams,
    answers: { 200: { [JSON_TYPE]: Application } },
    errors: ['GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const application = await findApplication(wadi, applicationParams(request).application_id);
      const { topology, mermaid } = application;
      return json(200, { ...(await applicationData(wadi, request, application)), topology, mermaid });
    },
  },
];
